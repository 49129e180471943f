"""Reading what the engine keeps of a container's output, and noticing where it was read before.

The SDK's own call reads a terminal's output byte by byte, and takes no moments below a microsecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve, frozen
from docker.api import APIClient
from docker.types.daemon import CancellableStream

from engine.runtimes.docker.daemon.moments import moment_ns

__all__ = ["BEGINNING", "Piece", "Place", "pieces"]

_HEADER_BYTES: Final = 8
_LENGTH: Final = slice(4, 8)
_CHUNK_BYTES: Final = 2**16
_PART_BYTES: Final = 2**16
"""Longer lines of a terminal come in parts. A container may write one that never ends."""
_LONGEST_MOMENT: Final = 40
_NS: Final = 1_000_000_000
_WITHIN_S: Final = 60.0
_TERMINAL: Final = 1


@frozen
class Place:
    """The position of reading in a container's output.

    Attributes:
        ns: the moment of the last line that was read, in nanoseconds since the epoch.
        lines: how many lines of that very moment have been read.
    """

    ns: int = 0
    lines: int = 0


BEGINNING: Final = Place()


@frozen
class Piece:
    """A line, or a part of a long one, as the engine keeps it.

    Attributes:
        stream: 1 for standard output, 2 for standard error.
        moment: when it was written, in the engine's words.
        text: with its line feed, unless more of the line follows.
    """

    stream: int
    moment: bytes
    text: bytes

    @property
    def ns(self) -> int:
        """When it was written, in nanoseconds since the epoch."""
        return moment_ns(self.moment.decode())


def pieces(
    client: APIClient, container_id: str, *, since: Place, follow: bool, last: int | None = None
) -> CancellableStream[list[Piece]]:
    """Read a container's output, as many pieces at once as the engine sends.

    A connection that breaks off ends it as the container's end does: inspect.

    Args:
        since: pieces of an earlier moment are left out; those of that very moment are not.
        follow: whether to go on until the container ends.
        last: only so many last lines; None for all.

    Raises:
        requests.exceptions.RequestException: the engine refuses, or does not answer.
    """
    params: dict[str, Any] = {
        "stdout": 1,
        "stderr": 1,
        "timestamps": 1,
        "follow": int(follow),
        "tail": "all" if last is None else last,
    }
    if since.ns:
        params["since"] = f"{since.ns // _NS}.{since.ns % _NS:09d}"
    terminal = client.inspect_container(container_id)["Config"]["Tty"]
    answer = client.get(
        f"{client.base_url}/v{client.api_version}/containers/{container_id}/logs",
        params=params,
        stream=True,
        timeout=(_WITHIN_S, None if follow else _WITHIN_S),
    )
    try:
        answer.raise_for_status()
    except BaseException:
        answer.close()
        raise
    split = _lines if terminal else _framed
    return CancellableStream(split(answer.raw.stream(_CHUNK_BYTES, decode_content=False)), answer)


def _framed(chunks: Iterator[bytes]) -> Iterator[list[Piece]]:
    """Of a container without a terminal: frames, which may begin and end within any chunk."""
    unread = bytearray()
    for chunk in chunks:
        unread += chunk
        found: list[Piece] = []
        at = 0
        while len(unread) - at >= _HEADER_BYTES:
            header = unread[at : at + _HEADER_BYTES]
            end = at + _HEADER_BYTES + int.from_bytes(header[_LENGTH])
            if len(unread) < end:
                break
            found += _piece(header[0], bytes(unread[at + _HEADER_BYTES : end]))
            at = end
        del unread[:at]
        yield found


def _lines(chunks: Iterator[bytes]) -> Iterator[list[Piece]]:
    """Of a terminal: lines; one that has not ended waits, until it is so long that it comes in parts."""
    unread = b""
    begun: Piece | None = None
    for chunk in chunks:
        *lines, unread = (unread + chunk).split(b"\n")
        found: list[Piece] = []
        for line in lines:
            found += _part(begun, line + b"\n")
            begun = None
        if len(unread) > _PART_BYTES:
            parts = list(_part(begun, unread))
            found += parts
            begun, unread = parts[-1] if parts else None, b""
        yield found


def _part(begun: Piece | None, text: bytes) -> Iterator[Piece]:
    """A line, or what comes next of one that has begun."""
    return _piece(_TERMINAL, text) if begun is None else iter([evolve(begun, text=text)])


def _piece(stream: int, frame: bytes) -> Iterator[Piece]:
    moment, blank, text = frame.partition(b" ")
    if blank and len(moment) <= _LONGEST_MOMENT:
        yield Piece(stream, moment, text)
