"""What is told to people on standard error, warnings of our packages' logs among it, without secrets."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from engine.secrets import Secrets

__all__ = ["keep", "note", "show", "show_warnings"]

_OURS: Final = logging.getLogger("engine")


class _OnStandardError(logging.Handler):
    """Prints to whatever standard error is at that moment, so that a live view can stand above it.

    Attributes:
        secrets: kept out of what is printed.
    """

    def __init__(self) -> None:
        from engine.secrets import Secrets

        super().__init__(logging.WARNING)
        self.secrets = Secrets.of(os.environ)

    def emit(self, record: logging.LogRecord) -> None:
        self.say(self.format(record))

    def say(self, sentence: str) -> None:
        with contextlib.suppress(OSError):  # whoever read it has gone; what is under way goes on
            click.echo(f"dockwarden: {_harmless(self.secrets.hide(sentence))}", err=True)


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


def show(text: str) -> None:
    """Print text on standard output; where nobody reads it any more, the exit code still tells."""
    with contextlib.suppress(BrokenPipeError):
        click.echo(text)


def _harmless(text: str) -> str:
    """Lines of text without what would steer a terminal: a container's last words may hold anything."""
    return "".join(one if one.isprintable() or one in "\n\t" else " " for one in text)


def _handler() -> _OnStandardError:
    """The one that prints, or a new one."""
    known = (handler for handler in _OURS.handlers if isinstance(handler, _OnStandardError))
    return next(known, None) or _OnStandardError()
