"""Find and end the processes of all backends without containers on this machine, of any controller.

A process tells by its environment which backend it belongs to and whose it is, as a container does by its
labels. Those count whose claims would lie where ours do: another user's, or a test's, are not ours to end.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from engine.errors import TeardownError
from engine.ownership import leases
from engine.runtimes.by_hand import UP
from engine.runtimes.process.backend import (
    BACKEND,
    CLAIM,
    OWNER,
    STARTED_BY_HAND,
    labels_of,
)
from engine.runtimes.process.tree import Identity, carriers, end, find, stuck
from engine.runtimes.resource import Resource

__all__ = ["remove", "remove_all", "take"]


def take(project: str | None = None) -> tuple[Resource, ...]:
    """List the backends of which something runs.

    Args:
        project: the compose project to keep to; None for all.
    """
    marks: dict[str, dict[str, str]] = {}
    running: dict[str, int] = defaultdict(int)
    for mark in carriers(BACKEND, OWNER, CLAIM).values():
        marks[mark[BACKEND]] = mark
        running[mark[BACKEND]] += 1
    by_hand = {one[BACKEND] for one in carriers(BACKEND, STARTED_BY_HAND).values()}
    found = (
        _resource(tag, marks[tag], count, {UP: "yes"} if tag in by_hand else {})
        for tag, count in running.items()
    )
    return tuple(
        sorted(
            (one for one in found if project in (None, one.project) and leases.here(one.labels)),
            key=lambda one: (one.project, one.name),
        )
    )


def remove_all(resources: Sequence[Resource], *, grace_s: float) -> None:
    """End backends, side by side, and see that nothing of them runs.

    Args:
        grace_s: how long each may take to end, in seconds; then it is killed.

    Raises:
        TeardownError: something is left; it names each.
    """

    async def end_all() -> list[str]:
        return await asyncio.gather(*(remove(one, grace_s) for one in resources))

    reasons = asyncio.run(end_all())
    left = {
        f"{one.kind} {one.name}": reason
        for one, reason in zip(resources, reasons, strict=True)
        if reason
    }
    if left:
        raise TeardownError(left)


async def remove(resource: Resource, grace_s: float) -> str:
    """End one backend; returns why it could not be, or nothing."""
    mark = {BACKEND: resource.id}

    def members() -> set[Identity]:
        # With a session's leader come the processes in it that have removed the mark.
        return find(mark, find(mark))

    with leases.held(resource.labels):
        owner = leases.owner_of(resource.labels)
        if owner != resource.owner:
            return f"{owner} has taken it over meanwhile"
        left = await end(members, grace_s)
    return stuck(left) if left else ""


def _resource(tag: str, mark: dict[str, str], running: int, more: dict[str, str]) -> Resource:
    project, service, _ = tag.split("/")
    labels = labels_of(mark) | more
    return Resource(
        kind="processes",
        id=tag,
        name=service,
        project=project,
        service=service,
        status=f"{running} running",
        labels=labels,
        owner=leases.owner_of(labels),
    )
