"""Starting one process in a session of its own, and how it ended."""

from __future__ import annotations

import asyncio
import errno
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from engine.runtimes.process.tree import Identity

__all__ = ["NOT_EXECUTABLE", "NOT_FOUND", "Child", "NotStarted", "spawn"]

NOT_EXECUTABLE = 126
NOT_FOUND = 127
"""What a shell, and Docker with it, returns for a command that cannot be run, or found."""

_SHORT_OF = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC})
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})


class NotStarted(Exception):
    """A command did not start. Stays within the package, where it becomes an error of the tree.

    Attributes:
        exit_code: what a shell would return for it; None where the command is not at fault, but
            the machine is short of something.
    """

    def __init__(self, reason: str, exit_code: int | None) -> None:
        self.exit_code = exit_code
        super().__init__(reason)


@frozen(eq=False)
class Child:
    """A process that we started, the leader of its session."""

    process: Process
    identity: Identity

    async def wait(self) -> int:
        """Wait for its end and return the exit code as a shell tells it."""
        return _shell_code(await self.process.wait())

    @property
    def exit_code(self) -> int | None:
        """The exit code as a shell tells it; None while its end has not been noticed."""
        code = self.process.returncode
        return None if code is None else _shell_code(code)

    @property
    def signalled(self) -> bool:
        """Whether a signal ended it."""
        return self.process.returncode is not None and self.process.returncode < 0


async def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    stdout: BinaryIO,
    stderr: BinaryIO,
) -> Child:
    """Start a command without a shell, its output straight to open files, its input empty.

    The executable is looked up in the PATH of ``environment``. When this returns, exec has succeeded.

    Raises:
        NotStarted: it does not run, and why.
    """
    if not _is_directory(directory):
        reason = f"its working directory {directory} does not exist; create it, or name another"
        raise NotStarted(reason, NOT_EXECUTABLE)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(command[0], error) from error
    except ValueError as error:  # a NUL byte, or "=" in the name of a variable
        reason = f"its command or environment cannot be passed on: {error}; mend the text"
        raise NotStarted(reason, NOT_EXECUTABLE) from error
    return Child(process, Identity.of(process.pid))


def _not_started(executable: str, error: OSError) -> NotStarted:
    if error.errno in _SHORT_OF:
        reason = f"this machine cannot start a process now: {error.strerror}; free some and retry"
        return NotStarted(reason, None)
    if error.errno in _ABSENT:
        reason = f"{executable}: not found; install it on this machine, or mend the name"
        return NotStarted(reason, NOT_FOUND)
    reason = f"{executable}: cannot be executed: {error.strerror}; check what it is, and its mode"
    return NotStarted(reason, NOT_EXECUTABLE)


def _shell_code(returncode: int) -> int:
    return returncode if returncode >= 0 else 128 - returncode


def _is_directory(path: Path) -> bool:
    return path.is_dir()
