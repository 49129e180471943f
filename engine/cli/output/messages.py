"""The one way onto a terminal: what is printed on standard output and standard error.

Warnings of our packages' logs are among it. All of it is without secrets and control sequences; see
:mod:`engine.util.printable`. Nothing else in the command line prints, a table that rich draws excepted.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from typing import TYPE_CHECKING, Final, TextIO

import click

from engine.util.printable import printable, printable_lines

if TYPE_CHECKING:
    from engine.util.redaction import Secrets

__all__ = ["aside", "complain", "document", "keep", "note", "progress", "show", "show_warnings"]

_UNREAD: Final = 141
"""The exit code when the reader of standard output has gone: 128 + SIGPIPE, as other programs have it."""

_OURS: Final = logging.getLogger("engine")


class _OnStandardError(logging.Handler):
    """Prints to the current standard error, so that a live view can stand above it.

    Attributes:
        secrets: kept out of what is printed.
    """

    def __init__(self) -> None:
        from engine.util.redaction import Secrets

        super().__init__(logging.WARNING)
        self.secrets = Secrets.of(os.environ)

    def emit(self, record: logging.LogRecord) -> None:
        self.say(self.format(record))

    def say(self, sentence: str) -> None:
        with contextlib.suppress(OSError):  # the reader is gone; the work continues
            click.echo(f"dockwarden: {printable_lines(self.secrets.hide(sentence))}", err=True)


def show_warnings() -> None:
    """Let warnings of our packages be seen; harmless when repeated."""
    _OURS.addHandler(_handler())


def keep(secrets: Secrets) -> None:
    """Say none of these from now on."""
    handler = _handler()
    handler.secrets |= secrets
    _OURS.addHandler(handler)


def note(sentence: str) -> None:
    """Print a sentence on standard error."""
    _handler().say(sentence)


def complain(error: click.ClickException) -> None:
    """Print what is wrong with a command line on standard error, with the command's usage."""
    written = io.StringIO()
    error.show(file=written)
    aside(written.getvalue().removesuffix("\n"))


def aside(text: str) -> None:
    """Print lines on standard error, as they are."""
    with contextlib.suppress(OSError):
        click.echo(printable_lines(text), err=True)


def show(text: str) -> None:
    """Print lines on standard output.

    Raises:
        click.exceptions.Exit: the reader has gone; a command that only prints has nothing left to do.
    """
    document(f"{printable_lines(text)}\n")


def document(text: str | bytes) -> None:
    """Print a document rather than a message, exactly as it is: its author has filtered it.

    Raises:
        click.exceptions.Exit: see :func:`show`.
    """
    try:
        click.echo(text, nl=False)
    except BrokenPipeError as error:
        raise click.exceptions.Exit(_UNREAD) from error


def progress(line: str, stream: TextIO) -> None:
    """Print a line of progress; where its reader has gone, what it tells of goes on."""
    with contextlib.suppress(OSError):
        print(printable(line), file=stream, flush=True)


def _handler() -> _OnStandardError:
    """The one that prints, or a new one."""
    known = (handler for handler in _OURS.handlers if isinstance(handler, _OnStandardError))
    return next(known, None) or _OnStandardError()
