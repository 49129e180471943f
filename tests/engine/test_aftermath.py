"""What a dispatch makes of processes that its command has left running."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.dispatch import Dispatch, Limits, Outcome
from engine.errors import RuntimeFault
from engine.record import EndedBy, Ending, Leftovers, LeftProcess
from engine.runtimes.base import Container, ExecRequest
from engine.spool.slot import Unkept
from tests.fake_runtime import FakeRuntime

LEFT = LeftProcess(7, "server --port 80")
PERHAPS = LeftProcess(8, "worker", doubtful=True)


def dispatched(fake: FakeRuntime, tmp_path: Path, leftovers: Leftovers = Leftovers.END) -> Outcome:
    async def story() -> Outcome:
        container, request = Container("alpha", "1", "1"), ExecRequest("one", ("x",), tmp_path)
        slot, limits = Unkept(tmp_path), Limits(leftovers=leftovers)
        return await Dispatch(fake, container, request, slot, limits).run()

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
