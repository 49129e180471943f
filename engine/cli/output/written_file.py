"""Writing a file that the user named."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.output.messages import document

__all__ = ["is_stdout", "put", "write"]


def is_stdout(file: Path | None) -> bool:
    """Whether ``--output`` names standard output, as it does where it is not given."""
    return file is None or str(file) == "-"


def put(text: str, file: Path | None) -> bool:
    """Print a text, or write it to the file that ``--output`` names; say whether a file was written.

    Raises:
        click.UsageError: it cannot be written.
    """
    if file is None or is_stdout(file):
        document(text)
        return False
    write(file, text.encode())
    return True


def write(file: Path, content: bytes) -> None:
    """Write a file that the user named.

    Raises:
        click.UsageError: it cannot be written.
    """
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror or error}") from error
