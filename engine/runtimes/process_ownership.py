"""The owners of processes beside an experiment: the experiment, its service, or another exec.

They are recognized by what a process cannot change about itself: whether it was there before, its living
ancestors, and its session. A session can be inherited or founded, but never joined. So every process in a
session of the service is the service's, even if its parents are gone. An orphan is given to the init of its
pid namespace; only its session shows where it is from.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from typing import Final

from attrs import frozen

__all__ = ["REAPERS", "Before", "Belongs", "Init", "Seen", "left_by", "of_service"]

_SAME_S: Final = 2.0
"""By so much the ages of one and the same process may differ between two looks."""

REAPERS: Final = frozenset(
    {
        *("docker-init", "tini", "dumb-init", "catatonit", "podman-init"),
        *("sleep", "tail", "sh", "dash", "bash", "ash", "busybox", "cat"),
    }
)
"""Programs that start no child in a separate session: as a container's first process, they
have the children in other sessions only as an orphan's new parent."""

Before = Mapping[int, float]
"""The processes that were there before an experiment: when each was born, by its pid."""


@frozen
class Seen:
    """A process that runs, as a look from outside shows it.

    Attributes:
        born_s: when it started, in seconds by one clock for all looks.
        command: its command line, where the look tells it at once; else empty.
    """

    pid: int
    parent: int
    session: int
    born_s: float
    command: str = ""


@frozen
class Init:
    """The process that the orphans of a pid namespace are given to.

    Attributes:
        mere: whether all that it does is to wait (see :data:`REAPERS`): then no child in another session
            than its own is one that it started itself.
    """

    pid: int
    mere: bool


class Belongs(enum.Enum):
    """How certain it is that a process was left by an experiment."""

    SURELY = "surely"
    PERHAPS = "perhaps"
    """It may be a new child of the service's, whose main process takes in orphans as well."""


def left_by(
    present: Mapping[int, Seen],
    before: Before,
    init: Init | None,
    strangers: Collection[int] = (),
) -> dict[int, Belongs]:
    """Find what an experiment has left, among the processes beside it.

    Args:
        present: all that run now.
        before: those that ran before it.
        init: the process that adopts orphans; None where it is not among these.
        strangers: the first processes of what others run beside it.

    Returns:
        those that it left, by pid, and how certain that is.
    """
    service = {
        pid
        for pid, seen in present.items()
        if pid in before and abs(before[pid] - seen.born_s) <= _SAME_S
    }
    if len(service) == len(present):
        return {}
    adopts = None if init is None else init.pid
    service = _with_children(service, present, adopts)
    sessions = {present[pid].session for pid in service}
    service |= {pid for pid, seen in present.items() if seen.session in sessions}
    others = _with_children(service | {*strangers}, present, adopts)
    return {
        pid: _certainty(pid, present, init)
        for pid in present
        if pid not in others and pid != adopts
    }


def of_service(present: Mapping[int, Seen], main: int, init: Init | None) -> frozenset[int]:
    """A container's main process, and its descendants, as far as is known.

    An orphan of an exec is given to the init of the pid namespace. A mere init has started one child itself, its
    first; its other children in other sessions are orphans. Orphans of another init cannot be distinguished from
    its children, and count as its own.

    Args:
        present: all that run in the container.
        main: its first process.
        init: the process that adopts orphans; None where it is not among these.
    """
    if main not in present:
        return frozenset()
    if init is None or not init.mere:
        return frozenset(_with_children({main}, present, None))
    children = [seen for seen in present.values() if seen.parent == main]
    sessions = {present[main].session}
    if children:
        sessions.add(min(children, key=lambda seen: (seen.born_s, seen.pid)).session)
    own = {seen.pid for seen in children if seen.session in sessions}
    return frozenset({main, *_with_children(own, present, main)})


def _with_children(
    pids: Collection[int], present: Mapping[int, Seen], adopts: int | None
) -> set[int]:
    """These processes and all that descends from them; adopted children are not their new parent's."""
    found = set(pids)
    newest = found - {adopts}
    while newest:
        newest = {pid for pid, seen in present.items() if seen.parent in newest} - found
        found |= newest
    return found


def _certainty(pid: int, present: Mapping[int, Seen], init: Init | None) -> Belongs:
    """How certain it is that a process without another known owner is the experiment's."""
    passed: set[int] = set()
    while init is not None and pid in present and pid not in passed:
        passed.add(pid)  # two readings of a pid that was reused meanwhile may form a cycle
        pid = present[pid].parent
        if pid == init.pid:
            return Belongs.SURELY if init.mere else Belongs.PERHAPS
    return Belongs.SURELY
