"""Which runtime is used: the one that is asked for, and never this machine itself by accident."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, fields

from engine import ContainerManager
from engine.cli import main
from engine.compose import load_project
from engine.errors import CampaignError, InputError, RuntimeUnavailable
from engine.model.spec import (
    BuildSpec,
    DeviceMapping,
    GpuRequest,
    Mount,
    MountKind,
    NetworkAttachment,
    PortSpec,
    Project,
    ServiceSpec,
    Ulimit,
)
from engine.runtimes import fallback
from engine.runtimes.process.service import HONOURED
from engine.runtimes.selection import choose_runtime

PLAIN = ServiceSpec(
    name="alpha",
    image="some/image",
    command=("sleep", "infinity"),
    environment={"A": "b"},
    working_dir="/work/deep",
    mounts=(Mount(MountKind.BIND, target="/work", source="/srv"),),
    networks=(NetworkAttachment("default"),),
)
"""Local processes have everything that it asks for."""

NEEDS: dict[str, dict[str, Any]] = {
    "gpus": {"gpus": (GpuRequest(count=-1),)},
    "build": {"build": BuildSpec(Path("/srv"))},
    "user": {"user": "1000"},
    "named volume": {"mounts": (Mount(MountKind.VOLUME, target="/work", source="data"),)},
    "bind mount": {"mounts": (Mount(MountKind.BIND, target="/data", source="/srv"),)},
    "tmpfs": {"mounts": (Mount(MountKind.TMPFS, target="/work"),)},
    "volumes_from": {"volumes_from": ("beta",)},
    "devices": {"devices": (DeviceMapping("/dev/null", "/dev/null"),)},
    "ports": {"ports": (PortSpec(8000),)},
    "memory": {"memory_bytes": 2**30},
    "cpus": {"nano_cpus": 10**9},
    "ulimits": {"ulimits": (Ulimit("nofile", 1, 1),)},
    "privileged": {"privileged": True},
    "network_mode": {"network_mode": "none"},
    "ipc": {"ipc": "host"},
    "read_only": {"read_only": True},
    "runtime": {"runtime": "nvidia"},
}


PROGRAMS = fallback._PROGRAMS


@pytest.fixture
def bare(no_engine: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine on which no engine is configured or installed; its only folder of programs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(fallback, "_PROGRAMS", PROGRAMS)
    monkeypatch.setattr(fallback, "_SYSTEM_FOLDERS", ())
    return programs


def chosen(*services: ServiceSpec, needs_engine: tuple[str, ...] = ()) -> str:
    """The name of the runtime that ``auto`` is for a project of these services."""
    project = Project("p", Path("/"), (), {one.name: one for one in services})
    runtime = asyncio.run(choose_runtime("auto", project, {}, needs_engine=needs_engine))
    return runtime.name


def test_local_processes_are_used_where_no_engine_is_installed_and_that_is_said_once(
    bare: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "engine"):
        assert chosen(PLAIN) == "process"
    (said,) = caplog.messages
    assert "commands run on this machine itself" in said


class TestAnEngineIsExpected:
    def test_as_docker_host_names_one(self, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
        with pytest.raises(RuntimeUnavailable, match=r"configured: tcp://127\.0\.0\.1:9"):
            chosen(PLAIN)

    def test_as_the_current_context_names_one(self, bare: Path, tmp_path: Path) -> None:
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker/config.json").write_text('{"currentContext": "far"}')
        with pytest.raises(RuntimeUnavailable, match="the Docker context 'far' is not there"):
            chosen(PLAIN)

    def test_as_its_socket_is_there(self, bare: Path, tmp_path: Path) -> None:
        (tmp_path / "docker.sock").touch()
        with pytest.raises(RuntimeUnavailable, match=r"docker\.sock is there"):
            chosen(PLAIN)

    def test_as_its_rootless_socket_is_there(
        self, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        (tmp_path / "docker.sock").touch()
        with pytest.raises(RuntimeUnavailable, match=r"docker\.sock is there"):
            chosen(PLAIN)

    @pytest.mark.parametrize("program", ["dockerd", "docker", "podman", "dockerd-rootless.sh"])
    def test_as_its_program_is_installed(self, bare: Path, program: str) -> None:
        (bare / program).touch(0o755)
        with pytest.raises(RuntimeUnavailable, match=f"{program} is there"):
            chosen(PLAIN)


@pytest.mark.parametrize("needs", NEEDS)
def test_what_asks_for_a_container_does_not_run_on_the_machine_itself(
    bare: Path, needs: str
) -> None:
    asks = evolve(PLAIN, **NEEDS[needs])
    with pytest.raises(RuntimeUnavailable, match="alpha asks for "):
        chosen(asks)


def test_only_services_that_are_started_count(bare: Path) -> None:
    project = Project("p", Path("/"), (), {"a": PLAIN, "b": evolve(PLAIN, name="b", user="1")})
    runtime = asyncio.run(choose_runtime("auto", project, {}, services=["a"]))
    assert runtime.name == "process"


def test_an_experiment_with_a_user_of_its_own_asks_for_a_container(bare: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match="x asks for a user"):
        chosen(PLAIN, needs_engine=("x asks for a user",))


def test_each_field_of_a_service_either_holds_for_processes_or_asks_for_an_engine() -> None:
    known = {one.name for one in fields(ServiceSpec)}
    assert known >= HONOURED | fallback.NEEDS_NOTHING
    assert not HONOURED & fallback.NEEDS_NOTHING


@pytest.mark.parametrize("name", ["podman", "Docker", "dockre", "host"])
class TestAnUnknownRuntime:
    KNOWN = "the runtimes are auto, docker, compose, process"

    def test_of_a_manager_is_an_error_that_lists_the_known(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "docker-compose.yml").write_text("services: {alpha: {image: none}}")
        with pytest.raises(InputError, match=self.KNOWN):
            ContainerManager(tmp_path / "docker-compose.yml", runtime=name)

    def test_of_a_program_is_an_error_that_lists_the_known(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "docker-compose.yml").write_text("services: {alpha: {image: none}}")
        project = load_project(tmp_path / "docker-compose.yml")
        with pytest.raises(InputError, match=self.KNOWN):
            asyncio.run(choose_runtime(name, project, {}))

    def test_of_a_campaign_is_an_error_that_lists_the_known(
        self, tmp_path: Path, name: str
    ) -> None:
        from engine.campaign.config.load import load_campaign

        file = written(tmp_path, runtime=name)
        with pytest.raises(CampaignError, match=r"runtime: .*auto, docker, compose.*process"):
            load_campaign(file)

    def test_of_a_command_line_is_an_error_that_lists_the_known(
        self, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, err = run(capsys, written(tmp_path), "--runtime", name)
        assert code == 2
        assert all(known in err for known in ("auto", "docker", "compose", "process"))


def written(folder: Path, **further: Any) -> Path:
    """A campaign file whose experiment leaves a trace wherever it runs."""
    (folder / "docker-compose.yml").write_text("services: {alpha: {image: none}}")
    trace = ["sh", "-c", f"touch {folder}/trace; exit 3"]
    experiments = [{"name": "x", "backend": "alpha", "command": trace}]
    file = folder / "campaign.yml"
    file.write_text(json.dumps({"name": "c", "experiments": experiments, **further}))
    return file


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as exited:
        main(["run", *map(str, arguments)])
    assert isinstance(exited.value.code, int)
    return exited.value.code, capsys.readouterr().err


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A run whose controller is gone, as its journal tells; the campaign file."""

    def interrupted(software: dict[str, str], **further: Any) -> Path:
        from engine.campaign.config.load import load_campaign
        from engine.campaign.persistence.results import Results
        from engine.campaign.resumption.resume import journaled
        from engine.campaign.runs.plan import plan
        from engine.journal import FILE_NAME, Journal
        from engine.util.clock import utc_now

        file = written(tmp_path, **further)
        campaign = load_campaign(file)
        with Results.create(campaign.results, utc_now()) as results:
            journal = results.folder / FILE_NAME
            with Journal.create(journal, campaign="c", digests={}, software=software) as made:
                made.plan(journaled(plan(campaign)))
        return file

    return interrupted


class TestAResume:
    """Runs where the run that it resumes has run, or not at all."""

    @pytest.mark.parametrize(
        "software",
        [
            {"runtime_name": "docker"},
            {"runtime": "docker engine 20.10.24 at unix:///run/docker.sock"},  # of version 0.1
        ],
    )
    def test_does_not_run_on_the_machine_itself_where_no_engine_is_left(
        self,
        interrupted: Callable[..., Path],
        bare: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        software: dict[str, str],
    ) -> None:
        code, err = run(capsys, interrupted(software))
        assert (code, (tmp_path / "trace").exists()) == (2, False)
        assert "no Docker engine answers" in err

    def test_stays_on_local_processes_though_an_engine_is_there_now(
        self,
        interrupted: Callable[..., Path],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
        code, err = run(capsys, interrupted({"runtime": "local processes on somewhere, without"}))
        assert (code, (tmp_path / "trace").exists()) == (1, True), err

    @pytest.mark.parametrize(
        ("began", "now"),
        [("docker", "process"), ("process", "docker"), ("compose", "auto"), ("compose", "docker")],
    )
    def test_on_another_runtime_is_refused(
        self,
        interrupted: Callable[..., Path],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        began: str,
        now: str,
    ) -> None:
        file = interrupted({"runtime_name": began})
        code, err = run(capsys, file, "--runtime", now)
        assert (code, (tmp_path / "trace").exists()) == (2, False)
        assert f"resume it with --runtime {began}, or start a new run with --fresh" in err
