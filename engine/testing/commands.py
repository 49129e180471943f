"""Commands that the conformance suite runs inside a backend: ``sh`` and ``python3 -c``, nothing else.

They tell by their output how far they are, so that no path need be the same inside and outside.
"""

from __future__ import annotations

__all__ = [
    "ARGUMENTS",
    "BINARY",
    "IGNORES_TERM",
    "PARENT_OF_A_SESSION",
    "STAYS",
    "list_running",
    "python",
    "sh",
]

STAYS = "print('ready', flush=True); import time; time.sleep(3600)"
"""Says that it runs, and goes on until it is ended."""

IGNORES_TERM = f"""
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, '-c', {STAYS!r}, *sys.argv[1:]])
child.wait()
"""
"""A leader that ignores TERM, as do its children; the child says ``ready``."""

PARENT_OF_A_SESSION = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', {STAYS!r}, *sys.argv[1:]], start_new_session=True)
child.wait()
time.sleep(3600)
"""
"""A leader whose child has left its session, and which outlives it; the child says ``ready``."""

BINARY = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 4)"

ARGUMENTS = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
"""Writes its arguments as they came, each ended from the next by a NUL byte."""

# Zombies have no command line. The token comes in two halves, so that this does not find itself.
_RUNNING = """
import pathlib, sys
token = ''.join(sys.argv[1:]).encode()
for entry in pathlib.Path('/proc').iterdir():
    try:
        if entry.name.isdecimal() and token in (entry / 'cmdline').read_bytes().split(bytes(1)):
            print(entry.name)
    except OSError:
        pass
"""


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return ("python3", "-c", code, *arguments)


def sh(line: str, *arguments: str) -> tuple[str, ...]:
    return ("sh", "-c", line, "sh", *arguments)


def list_running(token: str) -> tuple[str, ...]:
    """Prints the pids of the processes that have the token as an argument."""
    half = len(token) // 2
    return python(_RUNNING, token[:half], token[half:])
