"""Nothing that an experiment started survives its end, and nothing else is touched, on real machines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from engine.runtimes.docker.commands import members
from engine.runtimes.selection import RuntimeName
from tests.lab import Engine
from tests.lab.elsewhere import behind_tcp, hidden_from_engine
from tests.leftovers.place import Place, opened, write
from tests.leftovers.scenes import ENDS, SCENES

_HERE = ("process", pytest.param("docker", marks=pytest.mark.docker))
"""Where leftovers are ended process by process."""

_ELSEWHERE = pytest.param("elsewhere", marks=pytest.mark.docker)
"""Where it is found by the engine's list, and ended by a script in the container that knows it by the same rule."""
_PLAYED: dict[str, list[int]] = {}

_HOLDS = "import sys, time; held = open(sys.argv[1]); time.sleep(3600)"


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


@pytest.fixture
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A service that runs, and holds the file ``service``."""
    runtime: str = request.param
    files = write(tmp_path, runtime)
    with ExitStack() as stack:
        if runtime != "process":
            engine: Engine = request.getfixturevalue("engine")
        if runtime == "elsewhere":
            monkeypatch.setenv("DOCKER_HOST", stack.enter_context(behind_tcp(engine)))
            stack.enter_context(hidden_from_engine(tmp_path / "output"))
            monkeypatch.setattr(members, "_GROUPS", tmp_path / "none")
        name: RuntimeName = "process" if runtime == "process" else "docker"
        yield stack.enter_context(opened(tmp_path, files, name))


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
            place.command(scene, end),
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
    """Neither the service nor a process of the host's is touched, and no container has to be restarted for it."""
    played = _PLAYED.setdefault("elsewhere", [])
    with subprocess.Popen([sys.executable, "-c", _HOLDS, place.shared / "stranger"]) as stranger:
        try:
            assert place.until(lambda: place.holders("stranger"))
            for scene in SCENES:
                own = place.holders("service")
                (place.shared / "fork").touch()
                ended = place.manager.execute("alpha", place.command(scene, "naturally"))
                assert (ended.exit_code, bool(ended.left)) == (0, True), scene
                after = place.manager.execute("alpha", ["true"])
                survivors = place.holders("scene")
                touched = (
                    ({stranger.pid} | own) - place.holders("stranger") - place.holders("service")
                )
                played += [len(survivors), len(touched)]
                assert after.generation == ended.generation, scene
                assert after.left == (), scene
                assert not survivors, scene
                assert not touched, scene
                assert place.until(partial(place.has_grown, len(own))), scene
        finally:
            stranger.kill()


@pytest.mark.parametrize("place", [*_HERE, _ELSEWHERE], indirect=True)
def test_the_service_s_own_new_workers_are_never_recorded(place: Place) -> None:
    (place.shared / "fork").touch()
    wait = "import os, sys, time\nwhile os.path.exists(sys.argv[1]): time.sleep(0.01)"
    ended = place.manager.execute("alpha", ["python3", "-c", wait, f"{place.inside}/fork"])
    assert place.until(lambda: len(place.holders("service")) == 3)
    assert (ended.exit_code, ended.left) == (0, ())


@pytest.mark.parametrize("place", [*_HERE, _ELSEWHERE], indirect=True)
def test_what_is_to_be_kept_is_recorded_and_outlives_the_next_experiment_too(place: Place) -> None:
    leaves = place.command(SCENES[0], "naturally")
    kept = place.manager.execute("alpha", leaves, leftovers="keep")
    (one,) = place.holders("scene")
    after = place.manager.execute("alpha", ["true"])
    assert (len(kept.left), after.left, place.holders("scene")) == (1, (), {one})


@pytest.mark.parametrize("place", [*_HERE, _ELSEWHERE], indirect=True)
def test_what_may_leave_nothing_fails_and_is_ended(place: Place) -> None:
    leaves = place.command(SCENES[0], "naturally")
    ended = place.manager.execute("alpha", leaves, leftovers="fail")
    assert (ended.ending.value, ended.exit_code, ended.succeeded) == ("leftovers", 0, False)
    assert "it left processes running" in ended.reason
    assert not place.holders("scene")
