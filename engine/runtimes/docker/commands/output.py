"""How what a command writes gets from its container to this machine.

Where the engine sees this machine's files, the container shares a folder with it, and there is nothing to
bring (:class:`SharedOutput`). Elsewhere it is written into the container, and copied from there while it
comes and once more at the end (:class:`CarriedOutput`). Either way it goes through files, never through an
attached stream, which may lose its first frame and ends with its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import os
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from time import monotonic
from typing import Final, Protocol

import docker.errors
from attrs import field, frozen
from docker.api import APIClient

from engine.errors import CommandLost, ContainerLost
from engine.model.spec import Mount, MountKind
from engine.runtimes.base import Container, ExecRequest
from engine.runtimes.docker.commands.fetching import fetch_archive
from engine.runtimes.docker.containers.provisioner import INSIDE
from engine.runtimes.docker.daemon import archive
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls, said
from engine.runtimes.exit_status import ENDED, STARTED
from engine.spool.below import folder_below
from engine.spool.handed import (
    ARTIFACTS,
    HANDED,
    METRICS,
    MOST_METRICS_BYTES,
    Bounds,
    Warnings,
    walk,
)

__all__ = ["CarriedOutput", "Output", "SharedOutput"]

_LOG: Final = logging.getLogger(__name__)

_STREAMS: Final = ("stdout", "stderr")
_FILES: Final = (*_STREAMS, ENDED, STARTED)

_FIRST_LOOK_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
"""Between two checks of how much has been written; shorter than any sensible limit of silence."""

_SMALL_BYTES: Final = 2**20
_GROWN: Final = 1.5
"""The engine sends a file from its beginning each time: a large one is brought once it has grown by this
factor, so that all copies together are about three times the whole."""

_TRIES: Final = 5

_HURRY_S: Final = 20.0
"""How long output may still be brought once its command is being ended."""

_UNSEEN: Final = archive.Seen(0, 0.0, "cannot be reached, as where a link leads to itself")
"""A file that the engine cannot read."""

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class _TooLate(Exception):
    """Output takes too long to be brought."""


class Output(Protocol):
    """The output of the commands of one service."""

    @property
    def mount(self) -> Mount:
        """Return the mount that its container is made with."""

    def inside(self, request: ExecRequest) -> str:
        """The request's folder as its container sees it."""

    async def open(self, container: Container, request: ExecRequest) -> None:
        """Make the request's files, for any user that the container runs as."""

    async def follow(self, container: Container, request: ExecRequest) -> None:
        """Bring what is written while the command runs; until cancelled."""

    async def collect(self, container: Container, request: ExecRequest) -> None:
        """See that all of an ended command's output is here, its exit code included.

        Raises:
            ContainerLost: the container is gone, or does not hand it out.
            CommandLost: there is no room for it here.
        """

    async def release(self, container: Container, request: ExecRequest) -> None:
        """Give the container back the space that a command's output took; no shell for it can begin any more."""

    def hurry(self, request: ExecRequest) -> None:
        """Take note that the command is being ended: its output may take little more time."""

    def problem(self, request: ExecRequest) -> str:
        """Why what is here of an ended command's output is not all that it wrote; empty where it is."""

    def warnings(self, request: ExecRequest) -> tuple[str, ...]:
        """Return which metrics and artifacts of an ended command could not be fetched."""


@frozen
class SharedOutput:
    """Output through a folder that the container shares with this machine.

    Attributes:
        folder: that folder, on this machine.
    """

    folder: Path

    @property
    def mount(self) -> Mount:
        """The folder itself."""
        return Mount(MountKind.BIND, target=INSIDE, source=str(self.folder), create_host_path=True)

    def inside(self, request: ExecRequest) -> str:
        """The request's folder as its container sees it."""
        return str(PurePosixPath(INSIDE, *request.folder.relative_to(self.folder).parts))

    async def open(self, container: Container, request: ExecRequest) -> None:
        """The files exist already, for any user that a container runs as; see :mod:`engine.spool`."""

    async def follow(self, container: Container, request: ExecRequest) -> None:
        """Nothing has to be brought."""

    async def collect(self, container: Container, request: ExecRequest) -> None:
        """All is here."""

    async def release(self, container: Container, request: ExecRequest) -> None:
        """The whole slot goes; see :mod:`engine.spool`."""

    def hurry(self, request: ExecRequest) -> None:
        """Nothing has to be brought."""

    def problem(self, request: ExecRequest) -> str:
        """The slot tells by itself; see :mod:`engine.spool`."""
        return ""

    def warnings(self, request: ExecRequest) -> tuple[str, ...]:
        """Nothing has to be brought."""
        return ()


@frozen
class CarriedOutput:
    """Output that is written in the container and brought from there.

    Attributes:
        folder: where it goes, on this machine.
        place: where it is written, in the container.
    """

    calls: Calls
    folder: Path
    place: str = INSIDE
    _until_s: dict[str, float] = field(factory=dict, init=False, eq=False)
    _problems: dict[str, str] = field(factory=dict, init=False, eq=False)
    _warnings: dict[str, tuple[str, ...]] = field(factory=dict, init=False, eq=False)

    @property
    def mount(self) -> Mount:
        """An anonymous volume, which goes with its container, and is there in a read-only one, too."""
        return Mount(MountKind.VOLUME, target=INSIDE)

    def inside(self, request: ExecRequest) -> str:
        """The request's folder as its container sees it."""
        return str(PurePosixPath(self.place, self._within(request)))

    def _within(self, request: ExecRequest) -> PurePosixPath:
        return PurePosixPath(*request.folder.relative_to(self.folder).parts)

    async def open(self, container: Container, request: ExecRequest) -> None:
        """Make the files in the container as well, for any user that it runs as."""
        self._until_s[request.id] = math.inf
        within = self._within(request)
        above = [f"{folder}/" for folder in reversed(within.parents) if folder.name]
        modes = dict.fromkeys(above, 0o755) | {f"{within}/": 0o777}
        modes |= {f"{within}/{name}": 0o666 for name in _FILES}
        handed = within / HANDED
        modes |= {f"{handed}/": 0o777, f"{handed / ARTIFACTS}/": 0o777}
        modes |= {f"{handed / METRICS}": 0o666}
        await self.calls(
            lambda client: archive.put(client, container.id, self.place, modes), repeatable=True
        )

    async def follow(self, container: Container, request: ExecRequest) -> None:
        """Look from time to time how much has been written, and bring it."""
        pause_s = _FIRST_LOOK_S
        seen = dict.fromkeys(_STREAMS, 0)
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            for name in _STREAMS:
                # The next look, or the end, makes up for it.
                with contextlib.suppress(_TooLate, *ENGINE_ERRORS):
                    seen[name] = await self.calls(
                        partial(self._look, container.id, request, name, seen[name])
                    )

    def _look(
        self, container_id: str, request: ExecRequest, name: str, seen: int, client: APIClient
    ) -> int:
        path = f"{self.inside(request)}/{name}"
        there = archive.look(client, container_id, path)
        size = there.size_bytes if there is not None and not there.oddity else 0
        if size > seen:
            file = request.folder / name
            here = file.stat().st_size
            if size < _SMALL_BYTES or size >= _GROWN * here:
                self._bring(container_id, request, name, client)
            os.utime(file)  # the limit of silence reads this time
        return size

    def _bring(self, container_id: str, request: ExecRequest, name: str, client: APIClient) -> None:
        """Append what is not here yet, as far as it is kept; holes stay holes.

        Raises:
            _TooLate: the command was ended, and this takes too long.
        """
        with (request.folder / name).open("r+b") as here:
            at = here.seek(0, os.SEEK_END)
            path = f"{self.inside(request)}/{name}"
            try:
                for chunk in archive.read(client, container_id, path, at):
                    if chunk.count(0) == len(chunk):
                        here.seek(len(chunk), os.SEEK_CUR)
                    else:
                        here.write(chunk)
                    if _is_enough(request, here.tell()):
                        return
                    if monotonic() > self._until_s.get(request.id, math.inf):
                        raise _TooLate
            finally:
                here.truncate(here.tell())

    def hurry(self, request: ExecRequest) -> None:
        """Take note that the command is being ended; see :class:`Output`."""
        if self._until_s.get(request.id) == math.inf:
            self._until_s[request.id] = monotonic() + _HURRY_S

    def problem(self, request: ExecRequest) -> str:
        """See :class:`Output`."""
        self._until_s.pop(request.id, None)
        return self._problems.pop(request.id, "")

    async def collect(self, container: Container, request: ExecRequest) -> None:
        """Bring the rest, and see that it is all."""
        try:
            for name in _FILES:
                await self._bring_all(container, request, name)
            await self._bring_handed(container, request)
        except docker.errors.NotFound as error:
            reason = f"its container went away with what {request.id} wrote last"
            raise ContainerLost(container.service, reason) from error
        except ENGINE_ERRORS as error:
            if getattr(error, "errno", None) in _NO_ROOM:  # here: the container is not at fault
                reason = f"what {request.id} wrote cannot be kept: {said(error)}; free some space"
                raise CommandLost(container.service, reason) from error
            reason = (
                f"what {request.id} wrote could not be brought from its container: {said(error)}"
            )
            raise ContainerLost(container.service, reason) from error

    async def _bring_handed(self, container: Container, request: ExecRequest) -> None:
        """Bring the command's metrics and artifacts.

        Raises:
            docker.errors.NotFound: its container is gone.
            OSError: there is no room for them here.
        """
        path = f"{self.inside(request)}/{HANDED}"
        until_s = self._until_s.get(request.id, math.inf)
        bounds = Bounds(request.measure.max_artifacts_bytes + MOST_METRICS_BYTES)
        bounds.until_s = min(bounds.until_s, until_s)
        found = Warnings()
        try:
            await self.calls(
                partial(
                    fetch_archive,
                    container_id=container.id,
                    path=path,
                    into=request.folder / HANDED,
                    bounds=bounds,
                    warnings=found,
                )
            )
        except ENGINE_ERRORS as error:
            if getattr(error, "errno", None) in _NO_ROOM:
                raise
            await self.calls(lambda client: client.inspect_container(container.id))
            found.add(f"its metrics and artifacts could not be brought here: {said(error)}")
        self._warnings[request.id] = found.told()

    def _brought(self, request: ExecRequest) -> list[PurePath]:
        """The files that the command handed back, as far as they are here."""
        try:
            with folder_below(request.folder, PurePath(HANDED)) as inside:
                return [file for file, _ in walk(inside)]
        except OSError:
            return []

    def warnings(self, request: ExecRequest) -> tuple[str, ...]:
        """See :class:`Output`."""
        return self._warnings.pop(request.id, ())

    async def release(self, container: Container, request: ExecRequest) -> None:
        """Put empty files in the place of those with output or artifacts, and of ``started`` one that no shell has written."""
        within = self._within(request)
        emptied = {f"{within}/{name}": 0o666 for name in _STREAMS}
        emptied |= {f"{within}/{HANDED}/{file}": 0o666 for file in self._brought(request)}
        over = {f"{within}/{STARTED}": b"over\n"}
        with contextlib.suppress(*ENGINE_ERRORS):
            await self.calls(
                lambda client: archive.put(client, container.id, self.place, emptied, over)
            )

    async def _seen(self, container: Container, path: str) -> archive.Seen | None:
        """Inspect a file. For a loop of links the engine reports an internal error.

        It is not where it sees the folder above all slots, which is a mount that no container can replace.
        """
        for left in reversed(range(_TRIES)):
            try:
                return await self.calls(lambda client: archive.look(client, container.id, path))
            except docker.errors.APIError as error:
                if not error.is_server_error():
                    raise
                if not left:
                    await self.calls(lambda client: archive.look(client, container.id, self.place))
        return _UNSEEN

    async def _bring_all(self, container: Container, request: ExecRequest, name: str) -> None:
        file, path = request.folder / name, f"{self.inside(request)}/{name}"
        for left in reversed(range(_TRIES)):
            try:
                there = await self._seen(container, path)
                if there is None or there.oddity:
                    what = "was removed" if there is None else f"was replaced: it {there.oddity}"
                    if name in _STREAMS:
                        self._problems.setdefault(request.id, f"its {name} {what}")
                    return
                size = file.stat().st_size
                if size >= there.size_bytes or _is_enough(request, size):
                    os.utime(file, (there.written_s, there.written_s))
                    return
                await self.calls(partial(self._bring, container.id, request, name))
            except _TooLate:
                late = f"its {name} was still being brought {_HURRY_S:g} s after it was ended"
                self._problems.setdefault(request.id, late)
                return
            except docker.errors.NotFound:
                raise
            except ENGINE_ERRORS as error:
                if not left or getattr(error, "errno", None) in _NO_ROOM:
                    raise
                _LOG.warning("%s: once more for %s: %s", container.service, path, said(error))
        raise OSError(f"{path} goes on growing though its command has ended")


def _is_enough(request: ExecRequest, size: int) -> bool:
    """Whether more of a file is here than is kept of it."""
    return request.max_output_bytes is not None and size > request.max_output_bytes
