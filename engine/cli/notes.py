"""Warnings for people: those of our packages' logs, on standard error."""

from __future__ import annotations

import logging

import click

__all__ = ["note", "show_warnings"]


class _OnStandardError(logging.Handler):
    """Prints to whatever standard error is at that moment, so that a live view can stand above it."""

    def emit(self, record: logging.LogRecord) -> None:
        note(self.format(record))


def show_warnings() -> None:
    """Let warnings of our packages be seen; harmless when repeated."""
    logger = logging.getLogger("engine")
    if not any(isinstance(handler, _OnStandardError) for handler in logger.handlers):
        logger.addHandler(_OnStandardError(logging.WARNING))


def note(sentence: str) -> None:
    """Print a sentence on standard error."""
    click.echo(f"dockwarden: {sentence}", err=True)
