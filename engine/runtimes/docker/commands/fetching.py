"""Copying files out of containers by the engine's archive calls, which run nothing in them.

The engine resolves paths within the container. What it sends is read as it comes, and only regular files
are written on this machine, so that no link in a container leads anywhere on it.
"""

from __future__ import annotations

import errno
import os
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Final

import docker.errors
from docker.api import APIClient

from engine.runtimes.base import Container, ExecRequest
from engine.runtimes.docker.daemon import archive
from engine.runtimes.docker.daemon.client import Calls
from engine.spool.handed import MOST_DEPTH, Bounds, Warnings, shown
from engine.util.path_pattern import fixed_part, matches

__all__ = ["fetch", "fetch_archive"]

_NOT_FOUND: Final = 404
_CHUNK_BYTES: Final = 2**20
_HERE: Final = PurePosixPath()
_UNWANTED_BYTES: Final = 2**32
"""The engine sends a whole folder though a pattern may want little of it: so much is passed over, then the
rest is left."""


async def fetch(
    calls: Calls, container: Container, request: ExecRequest, into: Path
) -> tuple[str, ...]:
    """Copy the files that a request's patterns name; see :meth:`engine.runtimes.base.Fetching.fetch`.

    Raises:
        docker.errors.DockerException, OSError: the container cannot be looked into.
    """
    warnings, bounds = Warnings(), Bounds(request.measure.max_artifacts_bytes)
    start = PurePosixPath("/")
    if any(not pattern.startswith("/") for pattern in request.measure.fetched):
        start = await calls(partial(_working_dir, container.id, request.working_dir))
    for pattern in request.measure.fetched:
        fixed = fixed_part(pattern)
        path = start / fixed
        if path == PurePosixPath("/"):
            warnings.add(f"{pattern} is not fetched: its folder is /; name a folder below it")
            continue
        is_pattern = str(fixed) != str(PurePosixPath(pattern))
        wanted = pattern.lstrip("/")
        try:
            await calls(
                partial(
                    fetch_archive,
                    container_id=container.id,
                    path=f"{path}/."
                    if is_pattern
                    else str(path),  # a link to a folder is that folder
                    into=into,
                    bounds=bounds,
                    warnings=warnings,
                    below=PurePosixPath(str(fixed).lstrip("/")),
                    wanted=partial(_missing, into, wanted),
                )
            )
        except docker.errors.APIError as error:
            if error.status_code != _NOT_FOUND:
                raise
            await calls(lambda client: client.inspect_container(container.id))  # it is there itself
    return warnings.told()


def _missing(into: Path, pattern: str, path: str) -> bool:
    """Whether a file is one of a pattern's, and not there already by another one."""
    return matches(pattern, path) and not os.path.lexists(into / path)


def _working_dir(container_id: str, working_dir: str | None, client: APIClient) -> PurePosixPath:
    """Return the working directory of a container's command."""
    its_own = client.inspect_container(container_id)["Config"].get("WorkingDir") or "/"
    return PurePosixPath("/", its_own, working_dir or "")


def fetch_archive(
    client: APIClient,
    *,
    container_id: str,
    path: str,
    into: Path,
    bounds: Bounds,
    warnings: Warnings,
    below: PurePosixPath = _HERE,
    wanted: Callable[[str], bool] = lambda _path: True,
) -> None:
    """Copy the regular files below a path of a container, or one file.

    Args:
        into: a private folder that no container sees; a file in it is replaced.
        below: what the paths of the files are put below.
        wanted: which of them are copied.

    Raises:
        docker.errors.DockerException: there is no such path, or the engine refuses.
        OSError: the connection broke off, or the copies cannot be written.
    """
    passed_over = 0
    for within, entry, content in archive.walk(client, container_id, path):
        bounds.entries_left -= 1
        if passed := bounds.passed():
            warnings.add(passed)
            return
        file = below / within
        name = shown(str(file))
        if entry.isdir() or not wanted(str(file)):
            passed_over += entry.size
        elif len(file.parts) > MOST_DEPTH:
            warnings.add(f"{name} is not collected: it is more than {MOST_DEPTH} deep")
            passed_over += entry.size
        elif content is None:
            warnings.add(f"{name} is not collected: it {_oddity(entry)}")
        elif refused := bounds.refusal(entry.size):
            warnings.add(f"{name} {refused}")
            passed_over += entry.size
        else:
            _write(content, entry.size, into / file, bounds)
            bounds.take(entry.size)
        if passed_over > _UNWANTED_BYTES:  # all of it would come before the next file
            warnings.add(
                f"the rest of {path} is not collected: {name} and those before are too large"
            )
            return


def _oddity(entry: tarfile.TarInfo) -> str:
    if entry.issym():
        return "is a symbolic link"
    if entry.islnk():
        return "has a second link"
    return "is a pipe" if entry.isfifo() else "is no regular file"


def _write(content: IO[bytes], size: int, file: Path, bounds: Bounds) -> None:
    """Write a file of so many bytes; a longer name than this machine knows is an error of this machine."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    target = os.open(file, flags, mode=0o600)
    try:
        left = size
        while left:
            chunk = _chunk(content, left, bounds)
            left -= len(chunk)
            if chunk.count(0) == len(chunk):
                os.lseek(target, len(chunk), os.SEEK_CUR)
            else:
                os.write(target, chunk)
        os.ftruncate(target, size)
    except BaseException:
        file.unlink(missing_ok=True)  # whole or not at all
        raise
    finally:
        os.close(target)


def _chunk(content: IO[bytes], left: int, bounds: Bounds) -> bytes:
    chunk = content.read(min(_CHUNK_BYTES, left))
    if not chunk:
        raise OSError(errno.EIO, "the engine broke off while it sent a file")
    if bounds.passed():
        raise OSError(errno.ETIMEDOUT, "collecting takes too long")
    return chunk
