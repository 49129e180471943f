"""Runtimes by name: built-in ones, and those of other packages."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from engine.errors import InputError
from engine.runtimes import registry
from engine.runtimes.process.tree import find
from engine.runtimes.registry import BUILT_IN, names, provider, providers

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "examples/own_runtime"
_PATIENCE_S: Final = 60.0


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The example's package, installed: its module, and its metadata as an installer writes it."""
    place = tmp_path / "site"
    place.mkdir()
    (place / "polite_runtime.py").write_text((EXAMPLE / "polite_runtime.py").read_text())
    register(place, polite="polite_runtime:PoliteProvider")
    monkeypatch.syspath_prepend(place)
    yield place
    sys.modules.pop("polite_runtime", None)


def register(place: Path, **entries: str) -> None:
    info = place / "polite_runtime-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: polite-runtime\nVersion: 1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{lines}")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_provider_has_the_name_that_it_is_asked_for_by(name: str) -> None:
    assert provider(name).name == name
    assert provider(name).real == (name in names(real=True))


def test_a_package_s_runtime_is_known_by_name(installed: Path) -> None:
    assert "polite" in names()
    assert "polite" in names(real=True)
    assert provider("polite").cleans_up
    assert [one.name for one in providers()] == [*BUILT_IN, "polite"]


def test_what_cannot_be_loaded_is_an_error_that_names_it_and_nothing_else_fails(
    installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    register(installed, broken="no_such_module:Provider", other="polite_runtime:PoliteRuntime")
    with pytest.raises(InputError, match="'broken' cannot be loaded from no_such_module:Provider"):
        provider("broken")
    with pytest.raises(InputError, match="'other'"):
        provider("other")
    assert [one.name for one in providers()] == [*BUILT_IN]
    assert "the runtime broken is left out" in caplog.text


def test_a_built_in_name_cannot_be_taken(installed: Path, caplog: pytest.LogCaptureFixture) -> None:
    register(installed, docker="polite_runtime:PoliteProvider")
    assert type(provider("docker")).__module__ == "engine.runtimes.builtin"
    assert names() == ("auto", *BUILT_IN)
    assert "'docker'" in caplog.text


def test_the_example_is_registered_as_its_page_says() -> None:
    line = 'polite = "polite_runtime:PoliteProvider"'
    assert line in (EXAMPLE / "pyproject.toml").read_text()
    assert line in (ROOT / "docs/own-runtime.md").read_text()


def test_the_example_passes_the_conformance_suite() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_polite_runtime.py"],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{EXAMPLE}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def campaign(folder: Path, command: list[str]) -> Path:
    (folder / "docker-compose.yml").write_text('services: {alpha: {image: "none"}}')
    file = folder / "campaign.yml"
    one = {"name": "one", "backend": "alpha", "command": command}
    file.write_text(
        json.dumps(
            {
                "name": "polite",
                "compose_file": "docker-compose.yml",
                "runtime": "polite",
                "experiments": [one],
            }
        )
    )
    return file


def environment(installed: Path, folder: Path) -> dict[str, str]:
    paths = os.pathsep.join((str(ROOT), str(installed)))
    return {**os.environ, "PYTHONPATH": paths, "XDG_STATE_HOME": str(folder / "state")}


def test_a_campaign_runs_on_it(installed: Path, tmp_path: Path) -> None:
    file = campaign(tmp_path, ["nice"])
    done = subprocess.run(
        [sys.executable, "-m", "dockwarden", "run", file.name],
        cwd=tmp_path,
        env=environment(installed, tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = (tmp_path / "results/polite/latest/results.jsonl").read_text().splitlines()
    own = os.nice(0)
    assert json.loads(line)["stdout_lines"] == [str(min(own + 10, 19))]


def test_nothing_of_it_is_left_after_a_sigkill(installed: Path, tmp_path: Path) -> None:
    mark = {"DOCKWARDEN_REGISTRY_TEST": str(tmp_path)}
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    file = campaign(tmp_path, ["sh", "-c", f"echo >{begun}; exec sleep infinity"])
    controller = subprocess.Popen(
        [sys.executable, "-m", "dockwarden", "run", file.name],
        cwd=tmp_path,
        env={**environment(installed, tmp_path), **mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert begun.read_text() == "\n"  # the experiment runs
    ends = [os.pidfd_open(one.pid) for one in find(mark)]
    assert len(ends) > 2, "the controller, its watchdog, and the backend"
    controller.kill()
    controller.wait()
    for end in ends:
        ended, _, _ = select.select([end], [], [], _PATIENCE_S)
        os.close(end)
        assert ended
    assert find(mark) == set()
