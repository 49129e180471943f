"""One run of one service: its main process, the requests in it, and the marks of all of them."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from attrs import define, field, frozen

from engine.model.results import LeftProcess
from engine.ownership import leases
from engine.ownership.owner import Owner
from engine.runtimes.base import Container
from engine.runtimes.by_hand import UP
from engine.runtimes.process.spawn import Child, Supervisor
from engine.runtimes.process.tree import Identity, end, find
from engine.runtimes.process_ownership import Init, Seen, left_by
from engine.spool import MainLog
from engine.util import procfs

__all__ = [
    "BACKEND",
    "CLAIM",
    "MAIN_LOG",
    "OWNER",
    "REQUEST",
    "STARTED_BY_HAND",
    "Backend",
    "Tag",
    "claim_mark",
    "labels_of",
    "owner_mark",
    "up_mark",
]

BACKEND = "DOCKWARDEN_BACKEND"
"""In the environment of every process of a backend: ``project/service/unique``."""
REQUEST = "DOCKWARDEN_REQUEST"
"""In the environment of every process of a request: its id."""
OWNER = "DOCKWARDEN_OWNER"
"""Likewise of every process: its owner, so that those of a dead controller can be recognized later."""
CLAIM = "DOCKWARDEN_CLAIM"
"""Likewise: who takes it over says so there; see :mod:`engine.ownership.leases`."""
STARTED_BY_HAND = "DOCKWARDEN_UP"
"""Likewise of every process that ``dockwarden up`` has started."""
MAIN_LOG = "main.log"

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_KEPT = 256
"""Of so many requests it is remembered what ran before them."""
_LEADER_KNOWN_S = 5.0
"""How long the supervisor may take to say what it has started; it answers at once, if it runs."""


def owner_mark(owner: Owner) -> dict[str, str]:
    """The variable that says whose a process is."""
    return {OWNER: ",".join(f"{name}={value}" for name, value in sorted(owner.labels().items()))}


def claim_mark() -> dict[str, str]:
    """The variable that says where a claim on processes would be."""
    return {CLAIM: leases.new()[leases.CLAIM]}


def up_mark(labels: Mapping[str, str]) -> dict[str, str]:
    """The variable that says that ``dockwarden up`` has started a process; none where others did."""
    return {STARTED_BY_HAND: labels[UP]} if UP in labels else {}


def labels_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that a container would have, from the variables of a process."""
    told = (pair.partition("=") for pair in environment[OWNER].split(","))
    labels = {name: value for name, _, value in told}
    return {**labels, leases.CLAIM: environment[CLAIM]}


@frozen
class Tag:
    """The marks in the environment of all processes of one run of a service."""

    text: str

    @classmethod
    def new(cls, project: str, service: str) -> Tag:
        return cls(f"{project}/{service}/{uuid.uuid4().hex}")

    def mark(self, request: str | None = None) -> dict[str, str]:
        """The variables of the whole backend, or of one request in it."""
        return {BACKEND: self.text} | ({REQUEST: request} if request is not None else {})


@define(eq=False)
class Backend:
    """A running, or ended, main process and what belongs to it.

    Attributes:
        supervisor: what has started its processes; its descendants are the backend's.
        environment: of its processes, the marks aside.
        requests: the leaders of the requests that are not known to have ended.
        killed: the requests whose leader still ran when the first signal was sent to their processes.
        before: by request, the children that the supervisor had before it.
        health: the last verdict of its health check; None without one.
        ending: whether we are ending it; its death is then no news.
        watch: waits for its main process.
        kept: where its main process's output lies among the results; None while it lies in the folder.
    """

    container: Container
    tag: Tag
    supervisor: Supervisor
    main: Child
    folder: Path
    environment: Mapping[str, str]
    requests: dict[str, Child] = field(factory=dict)
    killed: set[str] = field(factory=set)
    before: dict[str, dict[int, float]] = field(factory=dict)
    health: str | None = None
    ending: bool = False
    kept: MainLog | None = None
    watch: asyncio.Task[None] | None = None
    _starting: dict[str, asyncio.Future[None]] = field(factory=dict, init=False)

    @property
    def log(self) -> Path:
        """The log of the main process."""
        return self.folder / MAIN_LOG if self.kept is None else self.kept.path

    def runs(self) -> bool:
        """Whether the main process has not ended."""
        return self.main.exit_code is None and self.main.identity.runs()

    def processes(self) -> set[Identity]:
        """Everything that runs in it, its supervisor aside."""
        leaders = [self.main, *self.requests.values()]
        found = find(self.tag.mark(), [child.identity for child in leaders])
        return found - {self.supervisor.identity}

    async def end(self, grace_s: float) -> set[Identity]:
        """End everything in it; returns what is left."""
        await self._leaders_known(self._starting)
        left = await end(partial(self._to_signal, self.processes, self.requests), grace_s)
        if not left:
            for child in (self.main, *self.requests.values()):
                await child.wait()
            self.requests.clear()
            await self.supervisor.end()
        return left

    def _to_signal(
        self, members: Callable[[], set[Identity]], requests: Collection[str]
    ) -> set[Identity]:
        """Return the processes to signal next, and note the requests that this ends.

        Only when the processes have been found: a leader that ends while they are looked for has ended by
        itself.
        """
        found = members()
        self.killed.update(
            name
            for name, leader in self.requests.items()
            if name in requests and leader.identity.runs()
        )
        return found

    async def _leaders_known(self, requests: Collection[str]) -> None:
        """Wait until it is known which processes lead these requests.

        A command runs before the supervisor's answer is heard here. Whether it ends by itself or by a signal
        can be decided only for a leader that is known.
        """
        starting = [known for name, known in self._starting.items() if name in requests]
        if starting:
            await asyncio.wait(starting, timeout=_LEADER_KNOWN_S)

    # Requests

    @contextmanager
    def starting(self, request: str) -> Iterator[None]:
        """Within it, the leader of a request is started and entered in ``requests``."""
        self._note_before(request)
        known = self._starting[request] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._starting[request]
            known.set_result(None)

    def _note_before(self, request: str) -> None:
        """Take note of what runs before a request does."""
        while len(self.before) >= _KEPT:
            del self.before[next(iter(self.before))]
        children = procfs.children(self.supervisor.identity.pid)
        self.before[request] = {pid: _born_s(its) for pid in children if (its := procfs.stat(pid))}

    def left_by(self, request: str) -> set[Identity]:
        """Return the running processes that a request started."""
        supervisor, before = self.supervisor.identity.pid, self.before.get(request)
        others = {one.identity.pid for name, one in self.requests.items() if name != request}
        known = {self.main.identity.pid} | others
        if before is None or known.union(before).issuperset(procfs.children(supervisor)):
            return set()
        below = procfs.below(supervisor)
        present = {
            pid: Seen(pid, its.parent, its.session, _born_s(its)) for pid, its in below.items()
        }
        found = left_by(present, before, Init(supervisor, mere=True), others)
        return {Identity(pid, below[pid].start_ticks) for pid in found}

    def leftovers(self, request: str) -> tuple[LeftProcess, ...]:
        """Return the processes that a request has left running."""
        found = sorted(one.pid for one in self.left_by(request))
        return tuple(LeftProcess(pid, " ".join(procfs.command_line(pid))) for pid in found)

    async def end_request(self, request: str, grace_s: float) -> set[Identity]:
        """End what a request started; returns what is left."""
        await self._leaders_known({request})
        child = self.requests.get(request)
        left = await end(
            partial(self._to_signal, partial(self.left_by, request), {request}), grace_s
        )
        if not left and child is not None:
            await child.wait()
            self.requests.pop(request, None)
        return left


def _born_s(its: procfs.Stat) -> float:
    return its.start_ticks * _TICK_S
