"""A container as a runtime sees it: its identity, what inspection shows, and hints that it changed."""

from __future__ import annotations

import enum

from attrs import field, frozen

from engine.model.main_command import MainCommand

__all__ = ["Checked", "Container", "ContainerProcesses", "Happening", "Notice", "Observation"]


@frozen
class Container:
    """The identity of one run of a service's container.

    Attributes:
        service: the service.
        id: the runtime's own id: a Docker container id, or ``pid:start time`` of a process group.
        started_at: when this run of it started, as the runtime tells it. A restart keeps ``id`` and
            changes this.
        image: the digest of the image, where there is one.
        main: what runs in it as its main process; None where the runtime does not say. No part of its identity.
    """

    service: str
    id: str
    started_at: str
    image: str | None = None
    main: MainCommand | None = field(default=None, eq=False)


@frozen
class ContainerProcesses:
    """The processes of a container, by the numbers of the whole machine.

    Attributes:
        pids: all of them.
        service: those of its main process: neither an experiment's nor another exec's, as far as is
            known.
        within: the numbers that the service's have in the container; None where these are not known.
    """

    pids: frozenset[int]
    service: frozenset[int]
    within: frozenset[int] | None = None

    @property
    def only_service(self) -> bool:
        """Whether nothing else runs in it."""
        return self.pids <= self.service


@frozen
class Checked:
    """The result of one run of a health check.

    Attributes:
        problem: what is wrong; empty where it passed.
        cannot_run: whether the check itself could not be run, and so says nothing of the service.
    """

    problem: str = ""
    cannot_run: bool = False


@frozen
class Observation:
    """The result of an inspection of one service's container.

    Attributes:
        container: its identity.
        running: whether its main process runs.
        paused: whether it is frozen.
        health: the verdict of the image's or the file's own health check, or None without one:
            ``starting``, ``healthy`` or ``unhealthy``. Counts only while running.
        exit_code: of the main process, when not running.
        oom_killed: whether the kernel killed it for memory.
        engine_restarted: whether it ended before the container engine itself was found to be back.
    """

    container: Container
    running: bool
    paused: bool = False
    health: str | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    engine_restarted: bool = False


class Happening(enum.Enum):
    """The subject of a notice."""

    DIED = "died"
    OOM = "oom"
    HEALTH = "health"
    PAUSED = "paused"
    BLIND = "blind"
    """The runtime could not see for a while: look again at everything."""


@frozen
class Notice:
    """A hint from the runtime that something happened. It only wakes us: inspect before acting.

    Attributes:
        service: the service it is about, or None for all of them.
        container_id: the container it is about, where there is one.
        seen: what inspection would show, where the hint itself proves it.
    """

    happening: Happening
    service: str | None
    container_id: str | None = None
    seen: Observation | None = None
