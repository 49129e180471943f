"""A command whose engine goes away while it is to start begins once, and costs no attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import docker.errors
import pytest
import requests
from attrs import define, field

from engine.errors import CommandLost, ExecFailed
from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.runtimes.docker.commands.execs import Execs
from engine.runtimes.docker.commands.output import SharedOutput
from engine.runtimes.docker.containers.provisioner import INSIDE
from engine.runtimes.docker.daemon.client import Calls
from engine.runtimes.docker.daemon.retrying import Patience
from engine.runtimes.exit_status import ENDED, STARTED
from engine.runtimes.in_container import RUN
from engine.util import virtual_clock

CONTAINER = Container("alpha", "c1", "now")
MAIN = 2**30
STATE = {"HostConfig": {}, "State": {"Running": True, "Pid": MAIN, "StartedAt": "now"}}
SHELL = f"/bin/sh -c {RUN} dockwarden {INSIDE}/one 1 true"
CUT = requests.exceptions.ConnectionError("connection reset by peer")


def answer(status: int) -> docker.errors.APIError:
    kind = docker.errors.NotFound if status == 404 else docker.errors.APIError
    return kind(f"answer {status}", Mock(status_code=status))


@define
class Engine:
    """An engine that goes away at each of the first starts, in the way that the test says.

    Attributes:
        trouble: what comes of each start, in turn; what comes after them is heard.
        begins: which starts begin the command all the same, by their number from 0.
        forgets: whether it knows no exec of before when it is back.
        notes: whether there is a shell around the command that notes its end.
        listed: what its list of the container's processes shows, each time that it is asked.
        goes: what happens when it goes away.
    """

    folder: Path
    trouble: Sequence[Exception] = ()
    begins: frozenset[int] = frozenset()
    forgets: bool = True
    notes: bool = True
    listed: list[str] = field(factory=list)
    goes: Callable[[Engine], None] = lambda _engine: None
    left: list[list[str]] = field(factory=list, init=False)
    patience: Patience = field(factory=Patience, init=False)
    starts: list[str] = field(factory=list, init=False)
    created: list[list[str]] = field(factory=list, init=False)
    run: list[str] = field(factory=list, init=False)
    known: dict[str, int | None] = field(factory=dict, init=False)

    def exec_create(self, _container: str, argv: list[str], **_: Any) -> dict[str, str]:
        self.created.append(argv)
        name = f"x{len(self.created)}"
        self.known[name] = None
        return {"Id": name}

    def exec_start(self, name: str, **_: Any) -> None:
        number = len(self.starts)
        self.starts.append(name)
        if name not in self.known:
            raise answer(404)
        if self.known[name] is not None:
            raise answer(409)
        if number in self.begins or number >= len(self.trouble):
            self.begin(name)
        if number < len(self.trouble):
            if self.forgets:
                self.known.clear()
            self.goes(self)
            self.patience.found_back()
            raise self.trouble[number]

    def begin(self, name: str) -> None:
        """The shell around the command does what it does."""
        self.known[name] = 2 if self.run else 3
        if not self.run and self.notes:
            (self.folder / STARTED).write_text("1\n")
            (self.folder / ENDED).write_text("3\n")
        self.run.append(name)

    def exec_inspect(self, name: str) -> Any:
        if name not in self.known:
            raise answer(404)
        return {"Running": False, "ExitCode": self.known[name]}

    def inspect_container(self, _container_id: str) -> Any:
        return STATE

    def top(self, _container_id: str, columns: str = "") -> Any:
        if not columns:
            return {"Processes": [["1", self.listed.pop(0)]] if self.listed else []}
        return {"Processes": [[str(MAIN), "1", str(MAIN), "100", "sleep"], *self.left]}


def execs(engine: Engine) -> Execs:
    async def calls(call: Callable[[Any], Any], **_: Any) -> Any:
        return call(engine)

    return Execs(
        cast("Calls", Mock(side_effect=calls, knock=AsyncMock(), patience=engine.patience))
    )


def execute(
    engine: Engine,
    meanwhile: Callable[[Execs, ExecRequest], Coroutine[Any, Any, None]] | None = None,
) -> ExecResult:
    """Run a command, and something else besides, which begins first."""
    engine.folder.mkdir()
    (engine.folder / STARTED).touch()
    request = ExecRequest("one", ("true",), engine.folder)

    async def story() -> ExecResult:
        ours = execs(engine)
        other = asyncio.create_task(meanwhile(ours, request)) if meanwhile else None
        if other is not None:
            await asyncio.sleep(0)
        result = await ours.execute(CONTAINER, request, SharedOutput(engine.folder.parent))
        if other is not None:
            await other
        return result

    return virtual_clock.run(story())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "one"


@pytest.mark.parametrize("trouble", [CUT, answer(404), answer(500)], ids=["cut", "404", "500"])
def test_what_never_began_is_started_again_by_an_exec_of_its_own(
    folder: Path, trouble: Exception
) -> None:
    engine = Engine(folder, [trouble])
    assert execute(engine).exit_code == 3
    assert engine.starts == ["x1", "x2"]
    numbers = [argv[5] for argv in engine.created]
    assert numbers == ["1", "2"]
    assert len(engine.run) == 1


@pytest.mark.parametrize("trouble", [CUT, answer(404), answer(500)], ids=["cut", "404", "500"])
def test_what_has_begun_is_waited_for(folder: Path, trouble: Exception) -> None:
    engine = Engine(folder, [trouble], begins=frozenset({0}))
    assert execute(engine).exit_code == 3
    assert engine.starts == ["x1"]


def test_an_exec_that_is_known_and_never_ran_is_started_itself(folder: Path) -> None:
    engine = Engine(folder, [CUT, CUT], forgets=False)
    assert execute(engine).exit_code == 3
    assert engine.starts == ["x1", "x1", "x1"]
    assert engine.run == ["x1"]


class Late(Engine):
    """It takes a start up late, between the look and the second call."""

    def exec_inspect(self, name: str) -> Any:
        found = super().exec_inspect(name)
        if not self.run:
            self.begin(name)
        return found


def test_an_engine_that_refuses_a_second_start_has_heard_the_first(folder: Path) -> None:
    """Also where there is no shell around it that notes its end."""
    engine = Late(folder, [CUT], forgets=False, notes=False)

    async def story() -> int:
        return await execs(engine)._starts.run(CONTAINER, ["true"], None)

    assert virtual_clock.run(story()) == 3
    assert engine.starts == ["x1", "x1"]
    assert engine.run == ["x1"]


def test_one_that_comes_late_is_not_over_when_the_exec_in_its_place_is(folder: Path) -> None:
    """So what ends it from outside is taken for its end."""

    class ComesLate(Engine):
        def exec_start(self, name: str, **more: Any) -> None:
            if name == "x2":
                its_note(self)
                self.listed = [SHELL]
                self.run.append("x1")
            super().exec_start(name, **more)

    async def end(ours: Execs, request: ExecRequest) -> None:
        await asyncio.sleep(5)
        assert await ours.end(CONTAINER, request, grace_s=0)
        (folder / ENDED).write_text("143 signalled\n")

    engine = ComesLate(folder, [CUT])
    result = execute(engine, end)
    assert (result.exit_code, result.by_itself) == (143, False)
    assert engine.starts == ["x1", "x2"]


def test_after_three_free_starts_it_is_lost(folder: Path) -> None:
    engine = Engine(folder, [CUT] * 9)
    with pytest.raises(CommandLost, match="it was ended, or never began"):
        execute(engine)
    assert engine.starts == ["x1", "x2", "x3", "x4"]


def its_shell(engine: Engine) -> None:
    # Seen by the look that decides, and by the next one; then it has ended without a note.
    engine.listed = [SHELL] * 2


def its_note(engine: Engine) -> None:
    (engine.folder / STARTED).write_text("1\n")


def no_note_at_all(engine: Engine) -> None:
    """Its container has removed what was there, empty, before."""
    (engine.folder / STARTED).unlink()


def what_it_started(engine: Engine) -> None:
    engine.left = [[str(MAIN + 7), str(MAIN), str(MAIN + 6), "0", "worker"]]


@pytest.mark.parametrize("seen", [its_shell, its_note, no_note_at_all, what_it_started])
def test_what_has_begun_as_far_as_is_seen_is_not_started_again(
    folder: Path, seen: Callable[[Engine], None]
) -> None:
    engine = Engine(folder, [CUT], goes=seen)
    with pytest.raises(CommandLost):
        execute(engine)
    assert engine.starts == ["x1"]


def test_what_was_to_be_ended_is_not_started_again(folder: Path) -> None:
    engine = Engine(folder, [CUT])

    async def meanwhile(ours: Execs, request: ExecRequest) -> None:
        await ours.end(CONTAINER, request, grace_s=0)

    with pytest.raises(CommandLost):
        execute(engine, meanwhile)
    assert engine.starts == ["x1"]


def test_a_shell_that_another_s_forged_note_kept_from_running_is_not_taken_for_its_command(
    folder: Path,
) -> None:
    """Its container has written both notes before it, so that it finds its command begun, and ended."""

    class Forged(Engine):
        def begin(self, name: str) -> None:
            (self.folder / STARTED).write_text("0\n")
            (self.folder / ENDED).write_text("0\n")
            self.known[name] = 2

    result = execute(Forged(folder))
    assert result.exit_code == 2
    assert "ended without a note of its end" in result.problem


def test_an_engine_that_was_there_all_the_time_is_believed(folder: Path) -> None:
    with pytest.raises(ExecFailed, match="could not be started"):
        execute(Engine(folder, [answer(400)]))
