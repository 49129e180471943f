"""Trees of processes: all their members are found, and no other process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator

import pytest
from attrs import evolve, field, frozen

from engine.runtimes.process import tree
from engine.runtimes.process.tree import Identity, end, find, stuck

ORPHAN_WITHOUT_ENVIRONMENT = (
    "(env -i sh -c 'echo $$; exec sleep 3600' &); echo settled; exec sleep 3600"
)


@frozen
class Child:
    """A marked process that leads a session, and says some lines when it is ready."""

    line: str
    lines: int = 1
    mark: dict[str, str] = field(factory=lambda: {"TREE_TEST": uuid.uuid4().hex})
    process: subprocess.Popen[str] = field(init=False)
    said: list[str] = field(init=False)

    @process.default
    def _process(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-c", self.line],
            env={"PATH": os.environ["PATH"], **self.mark},
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    @said.default
    def _said(self) -> list[str]:
        assert self.process.stdout is not None
        return [self.process.stdout.readline().strip() for _ in range(self.lines)]

    @property
    def told(self) -> Identity:
        """The process whose pid it said."""
        (pid,) = filter(str.isdecimal, self.said)
        return Identity.of(int(pid))

    @property
    def identity(self) -> Identity:
        return Identity.of(self.process.pid)


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child(ORPHAN_WITHOUT_ENVIRONMENT, lines=2)
    yield child
    asyncio.run(end(lambda: find(child.mark, [child.identity]), 0))
    child.process.communicate()


def test_a_process_is_known_by_its_mark(child: Child) -> None:
    assert find(child.mark) == {child.identity}


def test_another_mark_is_another_tree(child: Child) -> None:
    assert not find({"TREE_TEST": "another"})
    assert not find({**child.mark, "AND": "more"})


def test_an_orphan_without_environment_is_known_by_its_session(child: Child) -> None:
    assert find(child.mark, [child.identity]) == {child.identity, child.told}


def test_a_child_without_environment_is_known_by_its_parent() -> None:
    child = Child("env -i setsid sh -c 'echo $$; exec sleep 3600' & wait")
    found = find(child.mark)
    assert child.told in found
    assert not asyncio.run(end(lambda: find(child.mark), 0))
    child.process.communicate()


def test_what_is_killed_is_stopped_before_so_that_it_leaves_no_orphan(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[int, list[int]] = {}
    kill = os.kill

    def send(pid: int, number: int) -> None:
        sent.setdefault(pid, []).append(number)
        kill(pid, number)

    monkeypatch.setattr(os, "kill", send)
    assert not asyncio.run(end(lambda: find(child.mark, [child.identity]), 0))
    both = [signal.SIGSTOP, signal.SIGKILL]
    assert sent == {child.identity.pid: both, child.told.pid: both}


def test_all_of_a_tree_is_ended(child: Child) -> None:
    everyone = find(child.mark, [child.identity])
    assert not asyncio.run(end(lambda: find(child.mark, [child.identity]), 10))
    assert not any(process.runs() for process in everyone)
    assert child.process.wait() == -signal.SIGTERM


def test_what_ignores_term_is_killed() -> None:
    child = Child("trap '' TERM; echo ready; while :; do sleep 3600; done")
    assert not asyncio.run(end(lambda: find(child.mark), 0.2))
    assert child.process.wait() == -signal.SIGKILL
    child.process.communicate()


def test_a_stranger_with_the_same_pid_is_not_touched(child: Child) -> None:
    reused = evolve(child.identity, start_ticks=child.identity.start_ticks - 1)
    assert not reused.runs()
    reused.signal(signal.SIGKILL)
    assert not asyncio.run(end(lambda: {reused}, 0))
    assert child.identity.runs()


def test_the_session_of_a_stranger_with_the_same_pid_is_not_ours(child: Child) -> None:
    reused = evolve(child.identity, start_ticks=child.identity.start_ticks - 1)
    assert not find({"TREE_TEST": "another"}, [reused])


def test_a_zombie_is_there_and_does_not_run() -> None:
    child = Child("echo ready")
    os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)
    zombie = child.identity
    assert zombie.is_there()
    assert not zombie.runs()
    assert not find(child.mark, [zombie])
    child.process.communicate()
    assert not zombie.is_there()


def test_a_pid_that_nobody_has_never_runs() -> None:
    assert not Identity.of(2**22 + 1).runs()


def test_what_cannot_be_ended_is_named(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "_UNKILLABLE_AFTER_S", 0.05)
    monkeypatch.setattr(Identity, "signal", lambda *_: None)
    left = asyncio.run(end(lambda: find(child.mark), 0))
    monkeypatch.undo()
    assert left == {child.identity}
    assert str(child.process.pid) in stuck(left)
