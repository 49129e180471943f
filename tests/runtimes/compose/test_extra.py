"""Without the extra, one line says what to install."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine import ContainerManager
from engine.cli import main
from engine.errors import InputError, MissingExtra, RuntimeUnavailable

COMMAND = "pip install 'dockwarden[compose]'"
CAMPAIGN = """
name: small
runtime: compose
experiments: [{name: one, backend: alpha, command: ["true"]}]
"""


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    (tmp_path / "docker-compose.yml").write_text("services: {alpha: {image: x}}")
    file = tmp_path / "campaign.yml"
    file.write_text(CAMPAIGN)
    return file


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("python_on_whales.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "python_on_whales", None)  # importing it is an ImportError


@pytest.mark.usefixtures("without_extra")
def test_the_command_says_what_to_install(
    campaign: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["run", str(campaign), "--dry-run"])
    out, err = capfd.readouterr()
    assert (exited.value.code, out) == (2, "")
    assert COMMAND in " ".join(err.split())


@pytest.mark.usefixtures("without_extra")
def test_a_program_is_told_what_to_install(campaign: Path) -> None:
    with pytest.raises(ImportError, match="the compose runtime needs packages") as caught:
        ContainerManager(campaign.parent / "docker-compose.yml", runtime="compose")
    assert isinstance(caught.value, MissingExtra)
    assert COMMAND in str(caught.value)


@pytest.mark.usefixtures("without_extra")
def test_the_other_runtimes_do_without(campaign: Path) -> None:
    with ContainerManager(campaign.parent / "docker-compose.yml", runtime="process") as containers:
        containers.start_services(["alpha"])
        assert containers.execute("alpha", ["true"]).exit_code == 0


def test_without_the_docker_command_it_says_so(
    campaign: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeUnavailable, match="install the Docker CLI and its Compose plugin"):
        ContainerManager(campaign.parent / "docker-compose.yml", runtime="compose")


def test_a_client_for_another_runtime_is_refused(campaign: Path) -> None:
    from python_on_whales import DockerClient

    with pytest.raises(InputError, match="docker_client is for the compose runtime"):
        ContainerManager(
            campaign.parent / "docker-compose.yml", runtime="process", docker_client=DockerClient()
        )
