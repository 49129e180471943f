"""What a service of a compose file is on the machine itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.model.spec import (
    Condition,
    Dependency,
    GpuRequest,
    Mount,
    MountKind,
    Project,
    ServiceSpec,
)
from engine.runtimes.main_commands import MainCommands
from engine.runtimes.process.service import (
    Host,
    base_environment,
    ineffective,
    main_command,
    working_folder,
)

MOUNTS = (
    Mount(MountKind.BIND, target="/data", source="/host/data"),
    Mount(MountKind.BIND, target="/data/deep", source="/elsewhere"),
    Mount(MountKind.VOLUME, target="/data/cache", source="cache"),
)


@pytest.mark.parametrize(
    ("own", "asked", "expected"),
    [
        (None, None, "/project"),
        ("/data", None, "/host/data"),
        ("/data/a/b", None, "/host/data/a/b"),
        ("/data/", None, "/host/data"),
        ("/data/../data/a", None, "/host/data/a"),
        ("/database", None, "/project"),
        ("/data/deep/er", None, "/elsewhere/er"),
        ("/data/cache/x", None, "/project"),
        ("/data", "sub", "/host/data/sub"),
        ("/data", "/data/deep", "/elsewhere"),
        ("/data", "/srv", "/project"),
        (None, "/data", "/host/data"),
    ],
)
def test_a_working_directory_is_translated_through_the_nearest_bind_mount(
    own: str | None, asked: str | None, expected: str
) -> None:
    service = ServiceSpec("one", working_dir=own, mounts=MOUNTS)
    project = Project("p", Path("/project"), (), {"one": service})
    assert working_folder(project, service, asked) == Path(expected)


def test_little_is_inherited_from_the_controller() -> None:
    caller = {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "0",
        "PYTHONPATH": "/controller",
        "SECRET_TOKEN": "s",
        "DOCKWARDEN_BACKEND": "the/outer/one",
    }
    assert set(base_environment(caller)) == {"PATH", "LC_ALL", "CUDA_VISIBLE_DEVICES"}


def test_there_is_always_a_path() -> None:
    assert base_environment({})["PATH"]


def test_the_services_environment_wins_over_what_is_inherited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    service = ServiceSpec("one", environment={"LANG": "C"})
    host = Host(Project("p", Path("/"), (), {"one": service}), MainCommands({}), {"OWNER": "me"})
    environment = host.environment("one")
    assert (environment["LANG"], environment["OWNER"]) == ("C", "me")


@pytest.mark.parametrize(
    ("entrypoint", "command", "keep_alive", "expected"),
    [
        (None, None, (), ("sleep", "infinity")),
        ((), (), (), ("sleep", "infinity")),
        (None, ("serve",), (), ("serve",)),
        (("run",), ("serve", "-v"), (), ("run", "serve", "-v")),
        (("run",), None, (), ("run",)),
        (None, ("tool", "--help"), ("stay",), ("stay",)),
    ],
)
def test_the_main_command(
    entrypoint: tuple[str, ...] | None,
    command: tuple[str, ...] | None,
    keep_alive: tuple[str, ...],
    expected: tuple[str, ...],
) -> None:
    service = ServiceSpec("one", entrypoint=entrypoint, command=command)
    project = Project("p", Path("/"), (), {"one": service})
    assert main_command(project, service, {"one": keep_alive}) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [(Condition.COMPLETED, ("true",)), (Condition.STARTED, ("sleep", "infinity"))],
)
def test_a_service_that_only_builds_an_image_for_others_completes(
    condition: Condition, expected: tuple[str, ...]
) -> None:
    base = ServiceSpec("base")
    user = ServiceSpec("user", depends_on={"base": Dependency(condition)})
    project = Project("p", Path("/"), (), {"base": base, "user": user})
    assert main_command(project, base, {}) == expected


def test_what_has_no_effect_is_named() -> None:
    service = ServiceSpec(
        "one", image="cuda", user="1000", gpus=(GpuRequest(),), memory_bytes=1, mounts=MOUNTS
    )
    first, second = ineffective(service)
    assert first.startswith("image, user, gpus, memory: no effect")
    assert second.startswith("volumes:")


def test_a_service_that_asks_for_nothing_special_has_no_warnings() -> None:
    assert not list(ineffective(ServiceSpec("one", command=("x",), environment={"A": "b"})))
