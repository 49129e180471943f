"""The answers that a backend must give before it counts as ready, besides its health check."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import and_, ge, instance_of, le, optional

__all__ = ["HttpAnswer", "Ready"]

_port = optional(and_(instance_of(int), ge(1), le(65535)))


@frozen
class HttpAnswer:
    """An answer that a server has to give to a GET request.

    Attributes:
        url: begins with ``http://`` or ``https://``.
        status: its status code; None for any from 200 to 299.
        contains: what its body has to contain; empty for anything.
        outside: whether this machine asks, by a published port for example; else the request is made inside
            the container, by curl, wget or Python, whichever is there.
    """

    url: str
    status: int | None = None
    contains: str = ""
    outside: bool = False


@frozen
class Ready:
    """The answers that a backend must give. It is ready once each of these holds; None leaves one out.

    Attributes:
        log: a regular expression that a line matches which its main process has written since its start.
        http: an answer to an HTTP request.
        tcp: a port on which something in the container listens.
        file: an absolute path in the container at which there is something.
        command: succeeds in the container.
        warm_up: run once in the container when all of this holds, before the first experiment after each
            start; has to succeed.
    """

    log: str | None = None
    http: HttpAnswer | None = None
    tcp: int | None = field(default=None, validator=_port)
    file: str | None = None
    command: tuple[str, ...] | None = None
    warm_up: tuple[str, ...] | None = None
