"""Embedded use on real containers: no container outlasts its program, however that ends."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine import ContainerManager
from engine.errors import DispatchError, StartError
from engine.ownership.owner import LABEL
from engine.runtimes.docker.daemon.client import connect
from tests.embedded.conftest import PATIENCE_S, Background
from tests.lab import BASE_IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

ROOT = Path(__file__).parents[2]
PROJECT = f"dockwarden-embedded-{os.getpid()}"


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    client = connect()
    yield client
    for listed in _ours(client):
        client.remove_container(listed["Id"], force=True)
    client.close()


def _ours(client: APIClient) -> list[dict[str, Any]]:
    label = {"label": f"{LABEL}project={PROJECT}"}
    found: list[dict[str, Any]] = client.containers(all=True, filters=label)
    return found


Count = Callable[[], tuple[int, int]]


@pytest.fixture
def left(client: APIClient) -> Count:
    """How many containers and networks there are of this module's project."""
    label = {"label": f"{LABEL}project={PROJECT}"}
    return lambda: (len(_ours(client)), len(client.networks(filters=label)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    services: dict[str, Any] = {
        name: {
            "image": BASE_IMAGE,
            "command": ["sleep", "infinity"],
            "stop_grace_period": "0s",
        }
        for name in ("alpha", "beta")
    }
    made = tmp_path / "docker-compose.yml"
    made.write_text(json.dumps({"name": PROJECT, "services": services}))
    return made


class TestThreads:
    @pytest.mark.parametrize("event", ["start", "proved_ready"])
    def test_a_teardown_while_another_thread_starts(
        self, file: Path, left: Count, background: Background, event: str
    ) -> None:
        begun = threading.Event()

        def hears(step: Any) -> None:
            if step.event == event:
                begun.set()

        with ContainerManager(file, runtime="docker", on_transition=hears) as manager:
            start = background(manager.start_services, ["alpha", "beta"])
            assert begun.wait(PATIENCE_S)
            manager.teardown(timeout=0)
            assert isinstance(start.wait(), StartError | None)
            assert left() == (0, 0)
            with pytest.raises(DispatchError):
                manager.execute("alpha", ["true"])
        assert left() == (0, 0)

    def test_a_block_that_is_left_before_a_start_has_begun(
        self, file: Path, left: Count, background: Background
    ) -> None:
        for _ in range(3):
            with ContainerManager(file, runtime="docker") as manager:
                start = background(manager.start_services, ["alpha", "beta"])
            assert isinstance(start.wait(), Exception)
            assert left() == (0, 0)


def test_the_next_manager_removes_what_a_closed_one_left(file: Path, left: Count) -> None:
    manager = ContainerManager(file, runtime="docker")
    manager.start_services(["alpha"])
    manager.close()
    assert left() == (1, 1)
    with ContainerManager(file, runtime="docker") as after:
        after.start_services(["alpha"])
    assert left() == (0, 0)


@pytest.mark.parametrize("image", [BASE_IMAGE, "dockwarden-lab/not-there:1"])
@pytest.mark.parametrize(
    "handler",
    ["signal.SIG_IGN", "collect"],
    ids=["ignored", "reaped"],
)
def test_a_program_that_hides_exit_codes_has_true_outcomes_from_compose(
    file: Path, left: Count, image: str, handler: str
) -> None:
    """Compose's own exit code is not known then: what it has made is what counts."""
    file.write_text(file.read_text().replace(BASE_IMAGE, image))
    program = f"""
import os, signal, sys
from engine import ContainerManager, StartError

def collect(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass

signal.signal(signal.SIGCHLD, {handler})
with ContainerManager(sys.argv[1], runtime="compose") as manager:
    try:
        manager.start_services(["alpha"])
        print(manager.execute("alpha", ["sh", "-c", "exit 5"]).exit_code)
    except StartError as error:
        print("refused:", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
        check=True,
    )
    if image == BASE_IMAGE:
        assert done.stdout == "5\n", done.stderr
    else:
        assert done.stdout.startswith("refused: start-up failed: alpha: "), done.stderr
    assert left() == (0, 0)


PROGRAM = """
import asyncio, gc, os, signal, sys
from pathlib import Path
from engine import ContainerManager, Controller, load_project
from engine.runtimes.docker.runtime import DockerRuntime

file, folder = Path(sys.argv[1]), Path(sys.argv[2])

def say(word):
    print(word, flush=True)
    sys.stdin.readline()

BODY
"""

CONTROLLER = """
async def main():
    project = load_project(file)
    controller = Controller(project, DockerRuntime(project), folder)
    await controller.start(["alpha"])
    {then}

asyncio.run(main())
"""

MANAGER = """
manager = ContainerManager(file, runtime="docker")
manager.start_services(["alpha"])
{then}
"""

FORK = """
if not os.fork():
    sys.exit(0)
os.wait()
say("up")
"""

ENDS = {
    "a controller that is killed": CONTROLLER.format(then='say("up")'),
    "a loop that ends with its controller open": CONTROLLER.format(then='say("up")')
    + 'say("ended")',
    "no with block": MANAGER.format(then='say("up")'),
    "a manager that is closed and not torn down": MANAGER.format(then='say("up"); manager.close()'),
    "a child that ends first": MANAGER.format(then=FORK),
}


class Program:
    """A program in a separate process, which waits once its backend is up."""

    def __init__(self, body: str, *arguments: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.replace("BODY", body), *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"
        # Its watchdog, by its descriptor: it may be waited for though it is not our child.
        (pid,) = [one for one in children(self.process.pid) if b"engine.watchdog" in command(one)]
        self._watchdog = os.pidfd_open(pid)

    def end(self, *, kill: bool) -> None:
        """Let it go on to its end, or kill it; then see its watchdog end."""
        if kill:
            self.process.send_signal(signal.SIGKILL)
        self.process.communicate("\n\n\n")
        ready, _, _ = select.select([self._watchdog], [], [], PATIENCE_S)
        os.close(self._watchdog)
        assert ready, "the watchdog did not come to an end"


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "at its end"])
@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS)
def test_nothing_outlasts_its_process(
    file: Path, tmp_path: Path, left: Count, body: str, *, kill: bool
) -> None:
    program = Program(body, file, tmp_path)
    assert left()[0] == 1  # where it has forked, the child has ended by now
    program.end(kill=kill)
    assert left() == (0, 0)
