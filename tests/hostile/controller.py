"""The controller under attack: which user runs it, with which umask, and what is seen of it."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from tests.lab import Engine

__all__ = ["ORDINARY", "ROOT", "STRICT", "STRICT_ROOT", "Said", "User"]

_ROOT_FOLDER: Final = Path(__file__).parents[2]
_MAIN: Final = "from engine.cli import main; main()"
_PATIENCE_S: Final = 1500.0
"""For so long a command may take that must end. Not an expectation: machines are shared."""
_SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@frozen
class Said:
    """What came of one command.

    Attributes:
        exit_code: None if it had to be killed: it hung.
        printed: all bytes that it wrote to its terminal, or to its pipes.
        most_memory_bytes: of its process, at its largest.
    """

    exit_code: int | None
    printed: bytes
    most_memory_bytes: int

    @property
    def text(self) -> str:
        return self.printed.decode(errors="replace")


@frozen
class User:
    """Who runs the controller.

    Attributes:
        name: in words.
        uid: any; it need not have an account.
        umask: of the controller's process.
    """

    name: str
    uid: int
    umask: int = 0o022

    @property
    def gid(self) -> int:
        return self.uid

    def run(
        self, *arguments: str | Path, engine: Engine, home: Path, terminal: bool = False
    ) -> Said:
        """Run ``dockwarden`` to its end.

        Args:
            home: a folder of the user's, for its state.
            terminal: whether it writes to a terminal, and so shows its live view.
        """
        command = [interpreter(self.uid), "-c", _MAIN, *map(str, arguments)]
        return self.call(command, engine=engine, home=home, terminal=terminal)

    def call(
        self, command: list[str], *, engine: Engine, home: Path, terminal: bool = False
    ) -> Said:
        """Run any program to its end, as this user, who may use the engine by its group alone."""
        at = engine.socket.stat()
        listener = _Listener.on_a_terminal() if terminal else _Listener.on_a_pipe()
        process = subprocess.Popen(
            command,
            cwd=_ROOT_FOLDER,
            env=_environment(engine.environment, home),
            stdin=subprocess.DEVNULL,
            stdout=listener.writing,
            stderr=listener.writing,
            user=self.uid,
            group=self.gid,
            extra_groups=[at.st_gid],
            umask=self.umask,
        )
        listener.listen()
        watchdog = threading.Timer(_PATIENCE_S, process.kill)
        watchdog.start()
        _, status, usage = os.wait4(process.pid, 0)
        hung = watchdog.finished.is_set()
        watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        printed = listener.heard()
        return Said(None if hung else process.returncode, printed, usage.ru_maxrss * 1024)


ROOT: Final = User("root", 0)
STRICT_ROOT: Final = User("root with umask 077", 0, 0o077)
ORDINARY: Final = User("an ordinary user", 54321)
STRICT: Final = User("an ordinary user with umask 077", 54322, 0o077)


@cache
def interpreter(uid: int) -> str:
    """A Python of this version that a user may run: ours may lie in a home folder that is closed to others."""
    for found in (sys.executable, shutil.which("python3", path=_SYSTEM_PATH)):
        with suppress(OSError):
            asked = subprocess.run(
                [found or "", "-c", "import sys; print(*sys.version_info[:2])"],
                user=uid,
                group=uid,
                extra_groups=[],
                capture_output=True,
                text=True,
                check=False,
            )
            if asked.stdout.split() == [str(part) for part in sys.version_info[:2]]:
                return str(found)
    major, minor = sys.version_info[:2]
    raise AssertionError(
        f"user {uid} can run no Python {major}.{minor}: install Debian's python3, or make the environment"
        " with an interpreter that is not in a closed home folder"
    )


def _environment(engine: Mapping[str, str], home: Path) -> dict[str, str]:
    packages = [entry for entry in sys.path if entry.endswith("site-packages")]
    return {
        "PATH": f"{Path(sys.executable).parent}:{_SYSTEM_PATH}",
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHONPATH": os.pathsep.join([str(_ROOT_FOLDER), *packages]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TERM": "xterm-256color",
        **engine,
    }


@define(eq=False)
class _Listener:
    """Takes in what a process writes, so that it never waits for us."""

    reading: int
    writing: int
    _thread: threading.Thread | None = field(default=None, init=False)
    _heard: list[bytes] = field(factory=list, init=False)

    @classmethod
    def on_a_pipe(cls) -> _Listener:
        return cls(*os.pipe())

    @classmethod
    def on_a_terminal(cls) -> _Listener:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        return cls(ours, theirs)

    def listen(self) -> None:
        os.close(self.writing)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError):  # a terminal whose other side is closed says so by an error
            while chunk := os.read(self.reading, 2**16):
                self._heard.append(chunk)

    def heard(self) -> bytes:
        """All of it, once its writer has ended. A child that outlives it may keep it open; it is not waited for."""
        assert self._thread is not None
        self._thread.join(10)
        return b"".join(self._heard)
