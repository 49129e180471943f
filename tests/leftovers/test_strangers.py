"""What runs beside an experiment and is not its own is never touched, and never recorded."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from engine.model.results import Ended
from engine.runtimes.docker.daemon.client import connect
from tests.leftovers.place import Place, opened, write

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

_SCENES: Final = (
    "renamed, its environment wiped",
    "in a separate session",
    "forking in a loop",
    "all at once",
)

_ENTERS: Final = """
import os, time
held = open("/shared/stranger")
os.set_inheritable(held.fileno(), True)
if os.fork() == 0:
    os.setsid()
time.sleep(3600)
"""

_WAITS: Final = "import os, time\nwhile not os.path.exists('/shared/go'): time.sleep(0.01)"

_CHECK: Final[dict[str, Any]] = {
    "test": [
        "CMD-SHELL",
        "echo begun >>/shared/checks; setsid sleep 0.5; echo ended >>/shared/checks",
    ],
    "interval": "100ms",
    "timeout": "30s",
}


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A service on the lab's engine, which has more than usual."""
    files = write(tmp_path, "docker", **request.param)
    with opened(tmp_path, files, "docker") as found:
        yield found


def play(place: Place) -> None:
    """Play scenes, of which nothing survives; the service's processes and the strangers go on."""
    own, strangers = place.holders("service"), place.holders("stranger")
    for scene in _SCENES:
        ended = place.manager.execute("alpha", place.command(scene, "naturally"))
        assert (ended.exit_code, bool(ended.left)) == (0, True), scene
        assert not {one.pid for one in ended.left} & (strangers | own), scene
        assert place.manager.states["alpha"] == "ready", scene  # its container was not recreated
        assert not place.holders("scene"), scene
        assert strangers <= place.holders("stranger"), scene
        assert own <= place.holders("service"), scene


def enter(place: Place, container: str | None) -> None:
    """Run a command in the container as a user does, which has a child in a separate session."""
    client = connect()
    exec_id = client.exec_create(container, ["python3", "-c", _ENTERS])["Id"]
    client.exec_start(exec_id, detach=True)
    client.close()
    assert place.until(lambda: len(place.holders("stranger")) == 2)


_PIDS: Final = pytest.mark.parametrize(
    "place", [{}, {"pid": "host"}], indirect=True, ids=["own pids", "the host's pids"]
)


@_PIDS
def test_a_docker_exec_of_the_user_s(place: Place) -> None:
    enter(place, place.manager.execute("alpha", ["true"]).container_id)
    play(place)


@_PIDS
def test_a_docker_exec_that_begins_during_the_experiment(place: Place) -> None:
    container = place.manager.execute("alpha", ["true"]).container_id
    ended: list[Ended] = []
    command = ["python3", "-c", _WAITS]
    run = threading.Thread(target=lambda: ended.append(place.manager.execute("alpha", command)))
    run.start()
    assert place.until(lambda: place.manager.states["alpha"] == "busy")
    enter(place, container)
    (place.shared / "go").touch()
    run.join()
    assert [(one.exit_code, one.left) for one in ended] == [(0, ())]
    play(place)


@pytest.mark.parametrize("place", [{"pid": "host"}], indirect=True)
def test_a_process_of_the_host_s_that_the_container_sees(place: Place) -> None:
    held = "import sys, time; held = open(sys.argv[1]); time.sleep(3600)"
    with subprocess.Popen([sys.executable, "-c", held, place.shared / "stranger"]) as stranger:
        try:
            assert place.until(lambda: place.holders("stranger") == {stranger.pid})
            play(place)
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.parametrize("place", [{"healthcheck": _CHECK}], indirect=True)
def test_a_health_check_that_runs_at_the_end_of_an_experiment(place: Place) -> None:
    """Each check comes to its own end, with the processes that it has started."""
    checks = place.shared / "checks"
    for _ in range(3):
        play(place)

    def count(what: str) -> int:
        return checks.read_text().split().count(what)

    begun = count("begun")
    assert begun > 1
    assert place.until(lambda: count("ended") >= begun)
    assert place.manager.states["alpha"] == "ready"
