"""Writing a file that the user named."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["write"]


def write(file: Path, content: bytes) -> None:
    """Write a file that the user named.

    Raises:
        click.UsageError: it cannot be written.
    """
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror or error}") from error
