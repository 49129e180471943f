"""List the processes of a container from outside: by its control group, else by the engine's list.

Nothing is run in the container for it. Where the engine's processes are this machine's, a container's are
those of its control group, which only the engine's side can change; a look takes a few reads of ``/proc``.
Elsewhere the engine is asked (``docker top``), which numbers them as its own machine does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePath
from typing import Any, Final

import docker.errors
from attrs import frozen
from docker.api import APIClient

from engine.runtimes.base import Container, ContainerProcesses
from engine.runtimes.docker.daemon.client import Calls
from engine.runtimes.process_ownership import REAPERS, Init, Seen, of_service
from engine.util import procfs

__all__ = ["Look", "Members"]

_GROUPS: Final = Path("/sys/fs/cgroup")
_COLUMNS: Final = "-eo pid,ppid,sess,etimes,args"
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_KEPT: Final = 64


@frozen
class _Place:
    """The place where a container's processes are found.

    Attributes:
        main: the pid of its first process.
        group: the folder of its control group; None where it cannot be seen from here.
        own_pids: whether it has a pid namespace to itself.
    """

    main: int
    group: Path | None
    own_pids: bool


@frozen
class Look:
    """One reading of a container's processes.

    Attributes:
        present: its processes, by pid.
        main: the pid of its first process.
        init: the process that adopts orphans in it; None where it is not among these.
        own_pids: whether it has a pid namespace to itself.
        here: whether they are this machine's own processes.
    """

    present: Mapping[int, Seen]
    main: int
    init: Init | None
    own_pids: bool
    here: bool

    @property
    def roots(self) -> list[int]:
        """Those that were started from outside: all but the first one by an exec."""
        return [
            pid
            for pid, seen in self.present.items()
            if seen.parent not in self.present and pid != self.main
        ]

    @property
    def processes(self) -> ContainerProcesses:
        """They, and which of them are the service's own."""
        service = of_service(self.present, self.main, self.init)
        within = {procfs.pid_within(pid) for pid in service} if self.here else None
        return ContainerProcesses(
            frozenset(self.present),
            service,
            None if within is None else frozenset(pid for pid in within if pid is not None),
        )

    @property
    def first(self) -> list[int]:
        """Its first process, if that runs."""
        return [self.main] if self.main in self.present else []

    def arguments(self, pid: int) -> str:
        """The command line of a process, its arguments parted by a space."""
        return self.present[pid].command or " ".join(procfs.command_line(pid))


class Members:
    """Reads the processes of containers.

    Args:
        calls: the way to the engine.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._places: dict[tuple[str, str], _Place] = {}

    async def look(self, container: Container) -> Look:
        """Look once.

        Raises:
            docker.errors.DockerException: the engine does not say; so do its other errors.
        """
        place = await self._place(container)
        if place.group is not None:
            present = _of_group(place.group)
            if place.main in present:
                return _seen(present, place, here=True)
        present = _of_list(await self._calls(lambda client: client.top(container.id, _COLUMNS)))
        return _seen(present, place, here=False)

    async def _place(self, container: Container) -> _Place:
        key = container.id, container.started_at
        if key not in self._places:
            if len(self._places) >= _KEPT:
                self._places.clear()
            self._places[key] = await self._calls(partial(_find, container.id))
        return self._places[key]


def _find(container_id: str, client: APIClient) -> _Place:
    found: dict[str, Any] = client.inspect_container(container_id)
    main = int(found["State"]["Pid"])
    if main == 0:
        raise docker.errors.NotFound(f"the container {container_id} does not run")
    own_pids = not found["HostConfig"].get("PidMode")
    return _Place(main, _group(main, container_id), own_pids)


def _group(main: int, container_id: str) -> Path | None:
    """The folder of a container's control group, if its processes are this machine's."""
    try:
        lines = Path(f"/proc/{main}/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if container_id not in path:  # another engine's pid, which a process here has as well
            continue
        where = controllers.removeprefix("name=").split(",")[0]
        folder = _GROUPS / where / path.lstrip("/")
        if _has(folder, main):
            return folder
    return None


def _has(folder: Path, pid: int) -> bool:
    try:
        return pid in _listed(folder)
    except OSError:
        return False


def _listed(folder: Path) -> list[int]:
    """The processes of a control group and those within it, by this machine's numbers."""
    found: list[int] = []
    for at, _, files in os.walk(folder):
        if "cgroup.procs" in files:
            found += (int(line) for line in Path(at, "cgroup.procs").read_text().split())
    return found


def _of_group(folder: Path) -> dict[int, Seen]:
    present: dict[int, Seen] = {}
    try:
        listed = _listed(folder)
    except OSError:  # it has ended, and its group with it
        return present
    for pid in listed:
        stat = procfs.stat(pid)
        if stat is not None and not stat.ended:
            present[pid] = Seen(pid, stat.parent, stat.session, stat.start_ticks * _TICK_S)
    return present


def _of_list(listed: Mapping[str, Any]) -> dict[int, Seen]:
    now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    present: dict[int, Seen] = {}
    for row in listed["Processes"] or ():
        pid, parent, session, age_s, *command = " ".join(row).split(None, 4)
        arguments = command[0] if command else ""
        if arguments.endswith(" <defunct>"):
            continue
        present[int(pid)] = Seen(int(pid), int(parent), int(session), now_s - int(age_s), arguments)
    return present


def _seen(present: Mapping[int, Seen], place: _Place, *, here: bool) -> Look:
    init = None
    if place.own_pids and place.main in present:
        if here:
            stat = procfs.stat(place.main)
            name = "" if stat is None else stat.name
        else:
            name = PurePath(
                *present[place.main].command.split()[:1]
            ).name  # it may show nothing at all
        init = Init(place.main, mere=name in REAPERS)
    return Look(present, place.main, init, place.own_pids, here)
