"""The logs of a runtime's containers: which are followed, and where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from docker.api import APIClient

from engine.runtimes.base import Container
from engine.runtimes.docker.daemon.moments import moment_ns
from engine.runtimes.docker.daemon.retrying import Patience
from engine.runtimes.docker.logs.follower import Follower
from engine.runtimes.docker.logs.notes import forget, note
from engine.runtimes.docker.logs.reading import BEGINNING, Place
from engine.spool.main_log import MainLog

__all__ = ["LogKeeper"]

_END_WITHIN_S: Final = 5.0
"""How long the end of a container that has ended may take to come through."""


class LogKeeper:
    """Follows containers, one log for each start.

    Args:
        connect: makes a client.
        patience: with which an engine that is away is waited for.
    """

    def __init__(self, connect: Callable[[], APIClient], patience: Patience) -> None:
        self._connect = connect
        self._patience = patience
        self._followers: dict[str, Follower] = {}

    def follow(self, container: Container, log: MainLog, *, from_its_start: bool) -> None:
        """Begin to follow a start of a container.

        Args:
            from_its_start: whether to leave out what it wrote before this start, where nothing has been read
                of it yet: it was made by others.
        """
        before = self._followers.get(container.id)
        if before is not None and before.log == log:
            return
        if before is not None:  # restarted by others: what it writes now belongs to the new start
            before.let_go()
        note(container.id, log)
        since = Place(moment_ns(container.started_at)) if from_its_start else BEGINNING
        self._followers[container.id] = Follower(
            log, container.id, self._connect, self._patience, since
        )

    async def caught_up(self, container_id: str) -> None:
        """Wait until all is in its log that a container wrote which has ended."""
        follower = self._followers.get(container_id)
        if follower is not None:
            await asyncio.to_thread(follower.finish, within_s=_END_WITHIN_S)

    async def finish(self, container_id: str, *, ended: bool) -> None:
        """See all of a container's output into its log, before it is started again or removed.

        Args:
            ended: whether it has ended; else what it still writes is not waited for.
        """
        follower = self._followers.pop(container_id, None)
        if follower is not None:
            within_s = _END_WITHIN_S if ended else 0.0
            await asyncio.to_thread(follower.finish, within_s=within_s)
            forget(container_id)

    def close(self) -> None:
        """Follow nothing any more. Does not wait."""
        for follower in self._followers.values():
            follower.let_go()
        self._followers.clear()
