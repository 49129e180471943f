"""What a dispatch makes of processes that its command has left running."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.backend.execution import Dispatch, Limits, Outcome
from engine.errors import RuntimeFault
from engine.model.results import EndedBy, Ending, Leftovers, LeftProcess
from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.spool.slot import Unkept
from engine.util.virtual_clock import run
from tests.engine.watched import until
from tests.fake_runtime import FakeRuntime

LEFT = LeftProcess(7, "server --port 80")
PERHAPS = LeftProcess(8, "worker", doubtful=True)
ALPHA = Container("alpha", "1", "1")


def _request(folder: Path) -> ExecRequest:
    return ExecRequest("one", ("x",), folder)


def dispatched(fake: FakeRuntime, tmp_path: Path, leftovers: Leftovers = Leftovers.END) -> Outcome:
    async def story() -> Outcome:
        limits = Limits(leftovers=leftovers)
        return await Dispatch(fake, ALPHA, _request(tmp_path), Unkept(tmp_path), limits).run()

    return asyncio.run(story())


def test_it_is_ended_and_recorded(tmp_path: Path) -> None:
    fake = FakeRuntime()
    fake.will("leftovers", "alpha", (LEFT,))
    outcome = dispatched(fake, tmp_path)
    assert (outcome.ending, outcome.exit_code, outcome.fault) == (Ending.EXITED, 0, None)
    assert [(one.pid, one.ended_by) for one in outcome.left] == [(7, EndedBy.SIGNAL)]
    assert fake.called("kill") == 1


def test_where_nothing_is_left_nothing_is_killed(tmp_path: Path) -> None:
    fake = FakeRuntime()
    assert (dispatched(fake, tmp_path).left, fake.called("kill")) == ((), 0)


def test_it_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    fake = FakeRuntime()
    fake.will("leftovers", "alpha", (LEFT,))
    outcome = dispatched(fake, tmp_path, Leftovers.KEEP)
    assert [one.ended_by for one in outcome.left] == [EndedBy.NOTHING]
    assert fake.called("kill") == 0


@pytest.mark.parametrize(("code", "ending"), [(0, Ending.LEFTOVERS), (3, Ending.EXITED)])
def test_it_fails_what_would_succeed_where_that_is_asked_for(
    tmp_path: Path, code: int, ending: Ending
) -> None:
    fake = FakeRuntime()
    fake.will("execute", "alpha", code)
    fake.will("leftovers", "alpha", (LEFT,))
    outcome = dispatched(fake, tmp_path, Leftovers.FAIL)
    assert (outcome.ending, outcome.exit_code) == (ending, code)
    assert fake.called("kill") == 1


def test_what_cannot_be_ended_takes_a_new_container(tmp_path: Path) -> None:
    fake = FakeRuntime()
    fake.will("leftovers", "alpha", (LEFT,))
    fake.will("kill", "alpha", False)
    outcome = dispatched(fake, tmp_path)
    assert outcome.fault is not None
    assert outcome.fault.recreate
    assert [one.ended_by for one in outcome.left] == [EndedBy.RESTART]


def test_what_may_be_the_service_s_own_is_not_signalled_but_restarted_with_it(
    tmp_path: Path,
) -> None:
    fake = FakeRuntime()
    fake.will("leftovers", "alpha", (PERHAPS,))
    outcome = dispatched(fake, tmp_path)
    assert outcome.fault is not None
    assert not outcome.fault.recreate
    assert "init: true" in outcome.fault.reason
    assert fake.called("kill") == 0


def test_what_cannot_be_seen_takes_a_restart(tmp_path: Path) -> None:
    fake = FakeRuntime()
    fake.will("leftovers", "alpha", RuntimeFault("alpha", "the engine is away"))
    outcome = dispatched(fake, tmp_path)
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0)
    assert outcome.fault is not None


def test_it_is_not_kept_of_a_command_that_passed_a_limit(tmp_path: Path) -> None:
    async def story() -> Outcome:
        fake = FakeRuntime()
        fake.will("execute", "alpha", asyncio.get_running_loop().create_future())
        fake.will("leftovers", "alpha", (LEFT,))
        limits = Limits(timeout_s=5, leftovers=Leftovers.KEEP)
        return await Dispatch(fake, ALPHA, _request(tmp_path), Unkept(tmp_path), limits).run()

    outcome = run(story())
    assert outcome.ending is Ending.TIMEOUT
    assert [one.ended_by for one in outcome.left] == [EndedBy.SIGNAL]


def test_it_is_not_looked_for_in_a_container_that_is_stopped(tmp_path: Path) -> None:
    async def story() -> Outcome:
        fake = FakeRuntime()
        fake.will("execute", "alpha", asyncio.get_running_loop().create_future())
        fake.will("leftovers", "alpha", (LEFT,))
        dispatch = Dispatch(fake, ALPHA, _request(tmp_path), Unkept(tmp_path), Limits())
        running = asyncio.create_task(dispatch.run())
        await until(lambda: fake.called("execute") == 1)
        await dispatch.interrupt(grace_s=1)
        return await running

    outcome = run(story())
    assert (outcome.ending, outcome.left) == (Ending.INTERRUPTED, ())


class LosesOutput(FakeRuntime):
    """A runtime that cannot bring all that a command wrote."""

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        return ExecResult(0, problem="its stdout was removed")


def test_output_that_is_not_all_here_is_an_ending_of_its_own(tmp_path: Path) -> None:
    outcome = dispatched(LosesOutput(), tmp_path)
    assert (outcome.ending, outcome.exit_code) == (Ending.OUTPUT, 0)
    assert outcome.reason == "its stdout was removed"
