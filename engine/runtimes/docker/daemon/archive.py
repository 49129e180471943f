"""Files of a container, by the engine's archive calls: nothing runs in the container for them.

They work on containers that run, have ended, or were never started, and see volumes and bind mounts, but
not what is mounted as tmpfs.
"""

from __future__ import annotations

import base64
import errno
import io
import json
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO, Final

import docker.errors
import requests
import urllib3.exceptions
from attrs import frozen
from docker.api import APIClient

__all__ = ["NoFile", "Seen", "beginning", "look", "put", "read", "walk"]

_CHUNK_BYTES: Final = 2**20
_TIMEOUT_S: Final = 60.0
_NOT_FOUND: Final = 404

_KINDS: Final = {
    1 << 31: "is a folder",
    1 << 27: "is a symbolic link",
    1 << 26: "is a device",
    1 << 25: "is a pipe",
    1 << 24: "is a socket",
    1 << 21: "is a device",
    1 << 19: "is no regular file",
}
"""The bits of the engine's file modes, which are those of Go, by what they say."""


class NoFile(OSError):
    """The path is not a regular file. Stays within the runtime."""


@frozen
class Seen:
    """The metadata of a file, seen from outside.

    Attributes:
        written_s: when it was last written to, in seconds since the epoch, by its machine's clock.
        oddity: why it is no regular file, in words; empty if it is one.
    """

    size_bytes: int
    written_s: float
    oddity: str = ""


def look(client: APIClient, container_id: str, path: str) -> Seen | None:
    """Inspect a file; None where there is no such file.

    Raises:
        docker.errors.APIError: the engine refuses, the container is gone for one.
    """
    answer = client.head(_url(client, container_id), params={"path": path}, timeout=_TIMEOUT_S)
    if answer.status_code == _NOT_FOUND:
        client.inspect_container(container_id)  # raises if it is the container that is not there
        return None
    _check(answer)
    try:
        told = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
        written_s = datetime.fromisoformat(told["mtime"]).timestamp()
        odd = next((words for bit, words in _KINDS.items() if told["mode"] & bit), "")
        return Seen(told["size"], written_s, odd)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        # The time is the container's to set, and may be of a year that Python does not know.
        raise OSError(f"the engine does not say of {path} what can be used: {error}") from error


def read(client: APIClient, container_id: str, path: str, offset: int) -> Iterator[bytes]:
    """Read a file from ``offset`` on, to its size when the engine began to read.

    The engine sends the file as a tar archive. Where the file grows meanwhile the archive breaks off behind
    it, so nothing is read beyond what its header announces.

    Raises:
        docker.errors.APIError: there is no such file, or the engine refuses.
        NoFile: it is no regular file.
        OSError: the connection broke off; what was given until then is right.
    """
    with _opened(client, container_id, path) as archive:
        yield from _content(archive, offset)


def walk(
    client: APIClient, container_id: str, path: str
) -> Iterator[tuple[PurePosixPath, tarfile.TarInfo, IO[bytes] | None]]:
    """All that is below a folder, or a file alone: its path from there, its header, and its content to be read.

    Content is that of regular files; it can be read until the next one is asked for.

    Raises:
        docker.errors.APIError: there is no such path, or the engine refuses.
        OSError: the connection broke off.
    """
    with _opened(client, container_id, path) as archive:
        root: PurePosixPath | None = None
        while (entry := archive.next()) is not None:
            # There may be millions, and none is asked for again.
            archive.members = []  # type: ignore[attr-defined]
            name = PurePosixPath(entry.name)
            root = name if root is None else root  # the first is what was asked for
            within = name.relative_to(root) if name.is_relative_to(root) else None
            if within is None or ".." in within.parts:
                raise OSError(f"the engine sent what is not below {path}")
            yield within, entry, archive.extractfile(entry) if entry.isreg() else None


@contextmanager
def _opened(client: APIClient, container_id: str, path: str) -> Iterator[tarfile.TarFile]:
    """The archive that the engine makes of a path, read as it comes."""
    with client.get(
        _url(client, container_id),
        params={"path": path},
        headers={"Accept-Encoding": "identity"},  # what is read below is as it comes
        stream=True,
        timeout=_TIMEOUT_S,
    ) as answer:
        _check(answer)
        try:
            with tarfile.open(fileobj=answer.raw, mode="r|") as archive:
                yield archive
        except (tarfile.TarError, urllib3.exceptions.HTTPError) as error:
            raise OSError(f"the engine broke off while it sent {path}: {error}") from error


def beginning(client: APIClient, container_id: str, path: str, most_bytes: int) -> bytes:
    """The first bytes of a file, at most so many, and at most 1 MiB.

    Raises:
        docker.errors.APIError: there is no such file, or the engine refuses.
        NoFile: it is no regular file.
        OSError: the connection broke off.
    """
    first = next(read(client, container_id, path, 0), b"")  # the rest is never asked for
    return first[:most_bytes]


def _content(archive: tarfile.TarFile, offset: int) -> Iterator[bytes]:
    """Read the archive's one file from ``offset`` on."""
    entry = archive.next()
    if entry is None:
        raise tarfile.ReadError("there is nothing in it")
    file = archive.extractfile(entry) if entry.isreg() else None
    if file is None:
        raise NoFile(errno.EINVAL, "it is no regular file", entry.name)
    at = 0
    while at < entry.size:
        chunk = file.read(min(_CHUNK_BYTES, entry.size - at))
        if not chunk:
            raise tarfile.ReadError(f"{at} of {entry.size} bytes")
        if at + len(chunk) > offset:
            yield chunk[max(0, offset - at) :]
        at += len(chunk)


def put(
    client: APIClient,
    container_id: str,
    folder: str,
    modes: Mapping[str, int],
    contents: Mapping[str, bytes] | None = None,
) -> None:
    """Make folders and files in a folder of a container; files that are there are replaced.

    Args:
        modes: the permissions of folders and empty files, by path; that of a folder ends with a slash.
        contents: of further files, by path.

    Raises:
        docker.errors.APIError: the engine refuses.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, mode in modes.items():
            entry = tarfile.TarInfo(path.rstrip("/"))
            entry.type = tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE
            entry.mode, entry.mtime = mode, int(time.time())
            archive.addfile(entry)
        for path, content in (contents or {}).items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(content), int(time.time())
            archive.addfile(entry, io.BytesIO(content))
    if not client.put_archive(container_id, folder, packed.getvalue()):
        raise docker.errors.DockerException(f"the engine did not take files into {folder}")


def _url(client: APIClient, container_id: str) -> str:
    return f"{client.base_url}/v{client.api_version}/containers/{container_id}/archive"


def _check(answer: requests.Response) -> None:
    """Raise what the SDK raises for such an answer."""
    try:
        answer.raise_for_status()
    except requests.exceptions.HTTPError as error:
        raise docker.errors.APIError(str(error), response=answer) from error
