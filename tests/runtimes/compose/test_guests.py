"""Containers of the user's own Compose: taken over on request alone, used, and left as they were."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from docker.api import APIClient

from engine import ContainerManager
from engine.errors import InputError, OwnedElsewhere, StartError
from engine.ownership.owner import Owner
from engine.util import procfs
from tests.lab import BASE_IMAGE
from tests.runtimes.compose.conftest import PROJECT

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

NAME = f"{PROJECT}-alpha-1"
KEPT: dict[str, Any] = {"image": BASE_IMAGE, "command": ["sleep", "infinity"], "init": True}

Compose = Callable[..., Path]


@pytest.fixture
def up(compose: Compose) -> Iterator[Callable[..., Path]]:
    """Write a compose file, and start its service ``alpha`` as a user does."""
    files: list[Path] = []

    def up(**service: Any) -> Path:
        file = compose({"alpha": {**KEPT, **service}, "beta": KEPT})
        files.append(file)
        run("docker", "compose", "-f", str(file), "up", "--detach", "alpha")
        return file

    yield up
    for file in files:
        run("docker", "compose", "-f", str(file), "down", "--timeout", "0")


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("runtime", ["docker", "compose"])
def test_it_is_used_restarted_and_left_running(
    up: Callable[..., Path], api: APIClient, runtime: Any
) -> None:
    file = up()
    before = api.inspect_container(NAME)
    with ContainerManager(file, runtime=runtime, adopt_compose=True) as containers:
        containers.start_services(["alpha", "beta"])
        ended = containers.execute("alpha", ["sh", "-c", "hostname; echo err >&2; exit 3"])
        assert ended.exit_code == 3
        assert ended.container_id == before["Id"]
        assert ended.stdout.read_text().strip() == before["Config"]["Hostname"]
        assert ended.stderr.read_text() == "err\n"
        assert containers.restart_service("alpha")
        assert containers.restart_service("alpha", recreate=True)
        assert containers.execute("alpha", ["true"]).container_id == before["Id"]
        containers.teardown()
        assert not containers.is_service_running("beta")
    after = api.inspect_container(NAME)
    assert (after["Id"], after["State"]["Running"]) == (before["Id"], True)
    left = api.exec_create(after["Id"], ["test", "!", "-e", "/run/dockwarden"])["Id"]
    api.exec_start(left)
    assert api.exec_inspect(left)["ExitCode"] == 0
    with pytest.raises(Exception, match="No such container"):
        api.inspect_container(f"{PROJECT}-beta-1")


def test_without_being_asked_nothing_is_taken_over(up: Callable[..., Path]) -> None:
    with (
        ContainerManager(up(), runtime="docker") as containers,
        pytest.raises(OwnedElsewhere, match=r"was not made by dockwarden.*adopt: compose"),
    ):
        containers.start_services(["alpha"])


def test_one_that_has_ended_is_started(up: Callable[..., Path], api: APIClient) -> None:
    file = up()
    api.stop(NAME, timeout=0)
    with ContainerManager(file, runtime="docker", adopt_compose=True) as containers:
        containers.start_services(["alpha"])
        assert containers.execute("alpha", ["true"]).exit_code == 0


def test_one_that_is_read_only_is_used_where_it_can_be_written(up: Callable[..., Path]) -> None:
    file = up(read_only=True, tmpfs=["/tmp"], volumes=["/var/tmp"], user="12345")
    with ContainerManager(file, runtime="docker", adopt_compose=True) as containers:
        containers.start_services(["alpha"])
        assert containers.execute("alpha", ["id", "-u"]).stdout.read_text() == "12345\n"


def test_a_place_under_a_tmpfs_is_passed_over(up: Callable[..., Path]) -> None:
    """And nothing there keeps the next one away."""
    file = up(tmpfs=["/run"])
    for _ in range(2):
        with ContainerManager(file, runtime="docker", adopt_compose=True) as containers:
            containers.start_services(["alpha"])
            assert containers.execute("alpha", ["echo", "x"]).stdout.read_text() == "x\n"


def test_one_in_which_nothing_can_be_written_is_told(up: Callable[..., Path]) -> None:
    file = up(read_only=True)
    with ContainerManager(file, runtime="docker", adopt_compose=True) as containers:
        with pytest.raises(StartError) as caught:
            containers.start_services(["alpha"])
        assert "nothing can be written in the container" in caught.value.reasons["alpha"]


HOLDS = """
import os, signal, sys
from engine import ContainerManager
manager = ContainerManager(sys.argv[1], runtime="docker", adopt_compose=True)
manager.start_services(["alpha"])
print("started", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_controller_at_a_time_uses_it(up: Callable[..., Path], api: APIClient) -> None:
    """Once that one was killed, the next restarts it first."""
    file = up()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == "started\n"
    started = api.inspect_container(NAME)["State"]["StartedAt"]
    with (
        ContainerManager(file, runtime="docker", adopt_compose=True) as containers,
        pytest.raises(OwnedElsewhere, match=f"is used by process {other.pid} on"),
    ):
        containers.start_services(["alpha"])
    other.stdin.close()
    other.wait()
    with ContainerManager(file, runtime="docker", adopt_compose=True) as containers:
        containers.start_services(["alpha"])
        assert containers.execute("alpha", ["true"]).exit_code == 0
    found = api.inspect_container(NAME)["State"]
    assert found["Running"]
    assert found["StartedAt"] != started


def noted(compose_file: Path, owner: Owner) -> None:
    """Write into the container that this owner uses it, as the container itself may."""
    note = f"mkdir -p /run/dockwarden && echo {shlex.quote(json.dumps(owner.labels()))} >/run/dockwarden/owner"
    run("docker", "compose", "-f", str(compose_file), "exec", "-T", "alpha", "sh", "-c", note)


@pytest.mark.parametrize("host", ["", "another machine"])
def test_a_note_of_a_living_owner_proves_nothing(up: Callable[..., Path], host: str) -> None:
    """The container may have written it. What ran in it may run on, so it is restarted."""
    file = up()
    with subprocess.Popen(["sleep", "infinity"]) as living:
        try:
            started = str(procfs.stat(living.pid).start_ticks)  # type: ignore[union-attr]
            owner = evolve(Owner.current(), pid=living.pid, started=started)
            noted(file, evolve(owner, host=host or owner.host))
            with ContainerManager(file, runtime="docker", adopt_compose=True) as containers:
                containers.start_services(["alpha"])
                assert containers.execute("alpha", ["true"]).exit_code == 0
        finally:
            living.kill()


MEASURES = """
import sys
from engine import ContainerManager
with ContainerManager(sys.argv[1], runtime="docker", adopt_compose=True) as manager:
    manager.start_services(["alpha"])
    manager.execute("alpha", ["sh", "-c", "echo begun >/tmp/begun; until [ -e /tmp/go ]; do sleep 0.1; done"])
"""


def test_an_experiment_of_another_user_s_controller_is_not_disturbed(
    up: Callable[..., Path], api: APIClient, tmp_path: Path
) -> None:
    """Its claims cannot be seen; the engine shows that its experiment runs."""
    file = up()

    def enter(script: str) -> bool:
        entered = api.exec_create(NAME, ["sh", "-c", script])["Id"]
        api.exec_start(entered)
        return bool(api.exec_inspect(entered)["ExitCode"] == 0)

    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "another")}
    with subprocess.Popen([sys.executable, "-c", MEASURES, str(file)], env=environment) as other:
        try:
            assert enter("until [ -e /tmp/begun ]; do sleep 0.1; done")
            with (
                ContainerManager(file, runtime="docker", adopt_compose=True) as containers,
                pytest.raises(
                    OwnedElsewhere, match=f"process {other.pid} on .* runs an experiment"
                ),
            ):
                containers.start_services(["alpha"])
        finally:
            enter("touch /tmp/go")
            assert other.wait() == 0


def test_processes_have_nothing_to_take_over(compose: Compose) -> None:
    with pytest.raises(InputError, match="adopt: compose"):
        ContainerManager(compose({"alpha": KEPT}), runtime="process", adopt_compose=True)


@pytest.mark.parametrize("runtime", ["docker", "compose"])
def test_one_that_has_ended_is_said_to_have_ended(
    up: Callable[..., Path], api: APIClient, runtime: Any
) -> None:
    file = up(command=["sh", "-c", "echo no model; exit 3"])
    api.wait(NAME)
    adopting = ContainerManager(file, runtime=runtime, adopt_compose=True)
    with adopting as containers, pytest.raises(StartError) as caught:
        containers.start_services(["alpha"])
    reason = caught.value.reasons["alpha"]
    assert "has ended with exit code 3" in reason
    assert "no model" in reason
    assert "command: sleep infinity" in reason
