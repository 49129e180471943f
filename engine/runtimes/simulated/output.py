"""The output files of simulated processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from attrs import frozen

from engine.util.clock import utc_now

__all__ = ["Nowhere", "Output", "OutputFolder", "Unwritten"]


class Output(Protocol):
    """Takes what a command writes, and how it ended."""

    def write(self, stream: str, data: bytes) -> None:
        """Take in some bytes."""

    def note(self, exit_code: int) -> None:
        """Note a command's end, as the shell around it does."""

    def noted(self) -> int | None:
        """The exit code that was noted; None as long as there is none."""


_STREAMS = ("stdout", "stderr")
_LONGEST_CODE = 16


@frozen
class OutputFolder:
    """Files in a request's folder, as the other runtimes write them."""

    folder: Path

    @classmethod
    def begin(cls, folder: Path) -> OutputFolder:
        """Make the files, which are empty as long as nothing is written."""
        for name in (*_STREAMS, "exit_code"):
            os.close(os.open(f"{folder}/{name}", os.O_CREAT | os.O_WRONLY, 0o644))
        return cls(folder)

    def write(self, stream: str, data: bytes) -> None:
        """Take in some bytes; the file's time is that of the event loop's clock."""
        now_s = utc_now().timestamp()
        try:
            descriptor = os.open(
                f"{self.folder}/{stream}", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644
            )
        except FileNotFoundError:  # the folder is gone: a real process would write all the same
            return
        try:
            os.write(descriptor, data)
            os.utime(descriptor, (now_s, now_s))
        finally:
            os.close(descriptor)

    def note(self, exit_code: int) -> None:
        """Note a command's end, as the shell around it does."""
        self.write("exit_code", f"{exit_code}\n".encode())

    def noted(self) -> int | None:
        """The exit code that was noted."""
        try:
            descriptor = os.open(f"{self.folder}/exit_code", os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            written = os.read(descriptor, _LONGEST_CODE)
        finally:
            os.close(descriptor)
        return int(written) if written else None


class Nowhere:
    """Takes all and keeps nothing."""

    def write(self, stream: str, data: bytes) -> None:
        """Take in some bytes."""


class Unwritten(Nowhere):
    """In place of a folder: keeps nothing but the exit code, and that in memory."""

    def __init__(self) -> None:
        self._noted: int | None = None

    @classmethod
    def begin(cls, _folder: Path) -> Unwritten:
        """One for each request."""
        return cls()

    def note(self, exit_code: int) -> None:
        """Note a command's end."""
        self._noted = exit_code

    def noted(self) -> int | None:
        """The exit code that was noted."""
        return self._noted
