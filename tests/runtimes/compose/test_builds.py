"""Images are built by Compose with BuildKit where both are installed, so every key of a build is honoured.

A script stands for the plugin buildx, and writes down what Compose asks it for.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import docker.errors
import pytest

from engine.cli import main
from engine.runtimes.compose.installed import InstalledCompose
from engine.runtimes.selection import read_project
from tests.compose.conftest import compose_binary
from tests.lab import Engine

__all__ = ["compose_binary"]

BUILDX = """\
    #!/usr/bin/env python3
    import json, pathlib, sys, time

    here = pathlib.Path(__file__).parent
    if sys.argv[1:] == ["docker-cli-plugin-metadata"]:
        print(json.dumps({"SchemaVersion": "0.1.0", "Vendor": "test", "Version": "v0.30.0"}))
    elif "bake" in sys.argv:
        asked = json.load(sys.stdin)
        (here / "asked.json").write_text(json.dumps(asked["target"]["a"]))
        target = asked["target"]["a"].get("target")
        if target == "hang":
            time.sleep(3600)
        if target == "fail":
            sys.exit("no such stage: fail")
        metadata = pathlib.Path(sys.argv[sys.argv.index("--metadata-file") + 1])
        metadata.write_text(json.dumps({"a": {"containerimage.digest": "sha256:" + "0" * 64}}))
    """

ASKED: dict[str, tuple[Any, Any]] = {
    "additional_contexts": ({"k": "/k"}, {"contexts": {"k": "/k"}}),
    "args": ({"A": 1e6}, {"args": {"A": "1e+06"}}),
    "cache_from": (["x:1"], {"cache-from": ["x:1"]}),
    "dockerfile_inline": ("FROM x", {"dockerfile-inline": "FROM x"}),
    "entitlements": (["network.host"], {"entitlements": ["network.host"]}),
    "extra_hosts": (["m:10.0.0.9"], {"extra-hosts": {"m": "10.0.0.9"}}),
    "network": ("host", {"network": "host"}),
    "no_cache": (True, {"no-cache": True}),
    "platforms": (["linux/amd64"], {"platforms": ["linux/amd64"]}),
    "pull": (True, {"pull": True}),
    "secrets": (["s"], {"secret": ["id=s,type=env,env=S"]}),
    "ssh": (["default"], {"ssh": ["default="]}),
    "tags": (["t:1"], {"tags": ["t:1", "p-a"]}),
    "target": ("t", {"target": "t"}),
    "ulimits": ({"nofile": 10}, {"ulimits": ["nofile=10"]}),
}
"""By key of a build: its value, and what buildx is asked for."""

Build = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, compose_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Compose and buildx as plugins of the Docker CLI."""
    plugins = tmp_path / "cli-plugins"
    plugins.mkdir()
    (plugins / "docker-compose").symlink_to(compose_binary)
    (plugins / "docker-buildx").write_text(dedent(BUILDX))
    (plugins / "docker-buildx").chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("S", "a secret")
    monkeypatch.delenv("DOCKER_BUILDKIT", raising=False)
    return tmp_path


def refused(folder: Path) -> list[str]:
    return [each.key for each in read_project("docker", folder / "c.yml").services["a"].refusals]


def write(folder: Path, **keys: Any) -> None:
    service = {"build": {"context": str(folder), **keys}}
    model = {"name": "p", "services": {"a": service}, "secrets": {"s": {"environment": "S"}}}
    (folder / "c.yml").write_text(json.dumps(model))


def installed(folder: Path) -> InstalledCompose:
    project = read_project("docker", folder / "c.yml")
    assert project.compose is not None
    return InstalledCompose(project.compose, project)


@pytest.mark.docker
class TestBuilding:
    """Compose asks the engine who it is before it builds."""

    @pytest.fixture(autouse=True)
    def own_settings(self, engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The plugins' settings, and not those of the engine's fixture."""
        monkeypatch.setenv("DOCKER_CONFIG", str(folder))

    def test_every_key_reaches_the_builder(self, folder: Path) -> None:
        write(folder, **{key: value for key, (value, _) in ASKED.items()})
        assert refused(folder) == []

        installed(folder).build("a", lambda _cut: None)

        asked = json.loads((folder / "cli-plugins" / "asked.json").read_text())
        for _, wanted in ASKED.values():
            assert asked.items() >= wanted.items()

    def test_a_failure_is_told_in_the_builder_s_words(self, folder: Path) -> None:
        write(folder, target="fail")
        with pytest.raises(docker.errors.DockerException, match="no such stage: fail"):
            installed(folder).build("a", lambda _cut: None)

    def test_a_build_that_is_cut_ends(self, folder: Path) -> None:
        write(folder, target="hang")
        asked = folder / "cli-plugins" / "asked.json"
        cuts: list[Callable[[], None]] = []

        def cut_once_it_builds() -> None:
            while not asked.exists():
                ended.wait(0.01)
            cuts[0]()

        ended = threading.Event()
        threading.Thread(target=cut_once_it_builds, daemon=True).start()
        with pytest.raises(docker.errors.DockerException):
            installed(folder).build("a", cuts.append)

    @pytest.mark.parametrize(
        ("buildkit", "said"),
        [
            ("1", "ok    builder: Compose builds a with BuildKit"),
            ("0", "warn  builder: the classic"),
        ],
    )
    def test_the_doctor_says_what_builds(
        self,
        folder: Path,
        buildkit: str,
        said: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("DOCKER_BUILDKIT", buildkit)
        write(folder)
        campaign = {
            "name": "p",
            "runtime": "docker",
            "compose_file": "c.yml",
            "experiments": [{"name": "e", "backend": "a", "command": ["true"]}],
        }
        (folder / "campaign.yml").write_text(json.dumps(campaign))

        with contextlib.suppress(SystemExit):
            main(["doctor", str(folder / "campaign.yml")])

        assert said in capsys.readouterr().out


@pytest.mark.parametrize("without", ["the plugin", "BuildKit"])
def test_what_only_buildkit_does_is_refused_without_it(
    without: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, secrets=["s"])
    assert refused(folder) == []
    if without == "the plugin":
        (folder / "cli-plugins" / "docker-buildx").unlink()
    else:
        monkeypatch.setenv("DOCKER_BUILDKIT", "0")

    assert refused(folder) == ["services.a.build.secrets"]
    assert not installed(folder).builds
