"""Nothing that an experiment started survives its end, and nothing else is touched, on real machines."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from attrs import frozen

from engine import ContainerManager
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes import proc
from engine.runtimes.docker import members
from tests.lab import BASE_IMAGE, Engine
from tests.lab.elsewhere import behind_tcp, hidden_from_engine
from tests.leftovers.scenes import ENDS, SCENES, SERVER, program

_PATIENCE_S = 60.0
_HERE = ("process", pytest.param("docker", marks=pytest.mark.docker))
"""Where what is left is told to end process by process."""

_ELSEWHERE = pytest.param("elsewhere", marks=pytest.mark.docker)
"""Where it is found by the engine's list, and what has wiped its mark ends with its container."""
_PLAYED: dict[str, list[int]] = {}


@pytest.fixture(scope="module", autouse=True)
def figures() -> Iterator[None]:
    """Print what the suite has seen."""
    yield
    for runtime, found in _PLAYED.items():
        survivors, touched = sum(found[0::2]), sum(found[1::2])
        print(
            f"\nleftovers, {runtime}: {len(found) // 2} scenes, {survivors} survivors,"
            f" {touched} strangers touched",
            file=sys.__stdout__,
        )


@frozen
class Place:
    """Where scenes are played.

    Attributes:
        shared: a folder that the service sees under ``inside``.
    """

    manager: ContainerManager
    shared: Path
    inside: str

    def holders(self, name: str) -> set[int]:
        """The processes of this machine that hold a file of the shared folder open."""
        wanted = (self.shared / name).stat()
        return {pid for pid in proc.pids() if _holds(pid, wanted)}

    def has_grown(self, before: int) -> bool:
        """Whether the service has two workers more."""
        return len(self.holders("service")) == before + 2

    def until(self, holds: Callable[[], bool]) -> bool:
        """Wait until something is so, which tells nothing but the machine's load; whether it came to be."""
        until_s = time.monotonic() + _PATIENCE_S
        while not (found := holds()) and time.monotonic() < until_s:
            os.sched_yield()
        return found


def _holds(pid: int, wanted: os.stat_result) -> bool:
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            found = descriptor.stat()
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                its = proc.stat(pid)
                return its is not None and not its.ended
    except OSError:
        pass
    return False


@pytest.fixture
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A service that runs, and holds the file ``service``."""
    runtime: str = request.param
    shared, output = tmp_path / "shared", tmp_path / "output"
    for folder in (shared, output):
        folder.mkdir()
        folder.chmod(0o755)
    for name in ("service", "scene"):
        (shared / name).touch()
    inside = str(shared) if runtime == "process" else "/shared"
    service = {
        "image": BASE_IMAGE,
        "command": ["python3", "-c", SERVER, f"{inside}/service", f"{inside}/fork"],
        "volumes": [f"{shared}:/shared"],
        "stop_grace_period": "0s",
    }
    compose = tmp_path / "docker-compose.yml"
    model = {"name": f"leftovers-{os.getpid()}", "services": {"alpha": service}}
    compose.write_text(json.dumps(model))
    with ExitStack() as stack:
        if runtime != "process":
            engine: Engine = request.getfixturevalue("engine")
            if runtime == "elsewhere":
                monkeypatch.setenv("DOCKER_HOST", stack.enter_context(behind_tcp(engine)))
                stack.enter_context(hidden_from_engine(output))
                monkeypatch.setattr(members, "_GROUPS", tmp_path / "none")
        manager = stack.enter_context(
            ContainerManager(
                compose,
                runtime="process" if runtime == "process" else "docker",
                output_dir=output,
                policies={"alpha": BackendPolicy(RestartPolicy(max_restarts=20, backoff_s=0))},
            )
        )
        manager.start_services(["alpha"])
        found = Place(manager, shared, inside)
        assert found.until(lambda: len(found.holders("service")) == 1)
        yield found


@pytest.mark.parametrize("place", _HERE, indirect=True)
@pytest.mark.parametrize("end", ENDS)
def test_nothing_of_an_experiment_survives_its_end(
    request: pytest.FixtureRequest, place: Place, end: str
) -> None:
    played = _PLAYED.setdefault(request.node.callspec.params["place"], [])
    for scene in SCENES:
        own = place.holders("service")
        (place.shared / "fork").touch()
        ended = place.manager.execute(
            "alpha",
            ["python3", "-c", program(scene, end), f"{place.inside}/scene"],
            grace_s=0.5,
            timeout_s=2.0 if end == "at its time limit" else None,
            silence_s=2.0 if end == "in silence" else None,
        )
        survivors = place.holders("scene")
        touched = own - place.holders("service")
        played += [len(survivors), len(touched)]
        assert not survivors, scene
        assert not touched, scene
        if end == "naturally":
            assert (ended.exit_code, bool(ended.left)) == (0, True), scene
        grown = partial(place.has_grown, len(own))
        assert place.until(grown), scene


@pytest.mark.parametrize("place", [_ELSEWHERE], indirect=True)
def test_nothing_survives_on_an_engine_that_only_lists_processes(place: Place) -> None:
    played = _PLAYED.setdefault("elsewhere", [])
    for scene in SCENES:
        command = ["python3", "-c", program(scene, "naturally"), f"{place.inside}/scene"]
        ended = place.manager.execute("alpha", command)
        assert (ended.exit_code, bool(ended.left)) == (0, True), scene
        # The next one waits for the container to be made anew, where that is what it takes.
        assert place.manager.execute("alpha", ["true"]).left == (), scene
        survivors = place.holders("scene")
        played += [len(survivors), 0]
        assert not survivors, scene


@pytest.mark.parametrize("place", [*_HERE, _ELSEWHERE], indirect=True)
def test_the_service_s_own_new_workers_are_never_recorded(place: Place) -> None:
    (place.shared / "fork").touch()
    wait = "import os, sys, time\nwhile os.path.exists(sys.argv[1]): time.sleep(0.01)"
    ended = place.manager.execute("alpha", ["python3", "-c", wait, f"{place.inside}/fork"])
    assert place.until(lambda: len(place.holders("service")) == 3)
    assert (ended.exit_code, ended.left) == (0, ())


@pytest.mark.parametrize("place", [*_HERE, _ELSEWHERE], indirect=True)
def test_what_is_to_be_kept_is_recorded_and_outlives_the_next_experiment_too(place: Place) -> None:
    leaves = ["python3", "-c", program(SCENES[0], "naturally"), f"{place.inside}/scene"]
    kept = place.manager.execute("alpha", leaves, leftovers="keep")
    (one,) = place.holders("scene")
    after = place.manager.execute("alpha", ["true"])
    assert (len(kept.left), after.left, place.holders("scene")) == (1, (), {one})


@pytest.mark.parametrize("place", [*_HERE, _ELSEWHERE], indirect=True)
def test_what_may_leave_nothing_fails_and_is_ended(place: Place) -> None:
    leaves = ["python3", "-c", program(SCENES[0], "naturally"), f"{place.inside}/scene"]
    ended = place.manager.execute("alpha", leaves, leftovers="fail")
    assert (ended.ending.value, ended.exit_code, ended.succeeded) == ("leftovers", 0, False)
    assert "it left processes running" in ended.reason
    assert not place.holders("scene")
