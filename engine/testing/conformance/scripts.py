"""The scripts that the conformance suite runs inside a backend, and how a real machine spells them.

A script is known by its name and what it does; each runtime's tests spell it for what runs there. The
spelling here needs ``sh`` and ``python3``, nothing else. Scripts tell by their output how far they are,
so that no path need be the same inside and outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

__all__ = [
    "ARGUMENTS",
    "BINARY",
    "ENDS_BY_KILL",
    "ENVIRONMENT",
    "EXITS",
    "FAILS_ONCE",
    "HANDS_BACK",
    "IGNORES_TERM",
    "KEPT",
    "LEAVES",
    "LISTS_RUNNING",
    "MUCH",
    "PARENT_OF_A_SESSION",
    "PASSES",
    "READS_INPUT",
    "REFUSES",
    "SPEAKS_TWICE",
    "STAYS",
    "TALKS",
    "WHERE",
    "WRITES",
    "WRITES_FILE",
    "Script",
    "Spelling",
    "python",
    "sh",
    "spelt",
]

_STAYS: Final = "print('ready', flush=True); import time; time.sleep(3600)"

_IGNORES_TERM: Final = f"""
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, '-c', {_STAYS!r}, *sys.argv[1:]])
child.wait()
"""

_PARENT_OF_A_SESSION: Final = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', {_STAYS!r}, *sys.argv[1:]], start_new_session=True)
child.wait()
time.sleep(3600)
"""

_LEAVES: Final = f"""
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, '-c', {_STAYS!r}, *sys.argv[1:]],
    start_new_session=True, stdout=subprocess.PIPE,
)
child.stdout.readline()
"""

_ARGUMENTS: Final = (
    "import os, sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
)

# Zombies have no command line. The token comes in two halves, so that this does not find itself.
_LISTS_RUNNING: Final = """
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


@frozen
class Script:
    """A command of the suite.

    Attributes:
        name: what it is called.
        argv: how a real machine spells it; arguments follow.
    """

    name: str
    argv: tuple[str, ...]


Spelling = Callable[..., tuple[str, ...]]
"""``spell(script, *arguments)``: the argument vector by which a runtime runs a script."""


def spelt(script: Script, *arguments: str) -> tuple[str, ...]:
    """The spelling of real machines."""
    return (*script.argv, *arguments)


PASSES: Final = Script("passes", ("true",))
"""Does nothing, silently."""

KEPT: Final = Script("kept", ("sleep", "infinity"))
"""Stays, silently."""

EXITS: Final = Script("exits", sh('exit "$1"'))
"""Ends with the exit code that is its argument."""

ENDS_BY_KILL: Final = Script("ends-by-kill", sh("kill -KILL $$"))
"""Is ended by SIGKILL."""

SPEAKS_TWICE: Final = Script("speaks-twice", sh("echo out; echo err >&2"))
"""Writes ``out`` to stdout and ``err`` to stderr."""

WRITES: Final = Script("writes", sh('printf %s "$1"'))
"""Writes its argument."""

BINARY: Final = Script(
    "binary", python("import sys; sys.stdout.buffer.write(bytes(range(256)) * 4)")
)
"""Writes every byte, four times."""

MUCH: Final = Script("much", python("for n in range(5 * 2**17): print(f'{n:07}')"))
"""Writes 5 MiB: numbers of seven digits from 0 on, a line for each."""

ARGUMENTS: Final = Script("arguments", python(_ARGUMENTS))
"""Writes its arguments as they came, each ended from the next by a NUL byte."""

ENVIRONMENT: Final = Script("environment", sh('for name; do printenv "$name"; done'))
"""Writes the values of the environment variables that are named, a line for each."""

WHERE: Final = Script("where", sh('basename "$(pwd)"'))
"""Writes the name of its working directory."""

READS_INPUT: Final = Script(
    "reads-input", python("import sys; print(len(sys.stdin.buffer.read()))")
)
"""Reads its standard input to the end, and writes how many bytes there were."""

STAYS: Final = Script("stays", python(_STAYS))
"""Writes ``ready``, and goes on until it is ended."""

IGNORES_TERM: Final = Script("ignores-term", python(_IGNORES_TERM))
"""Ignores TERM, as does its child; the child has its arguments, and writes ``ready``."""

PARENT_OF_A_SESSION: Final = Script("parent-of-a-session", python(_PARENT_OF_A_SESSION))
"""Has a child in a separate session, and outlives it; the child has its arguments, and writes ``ready``."""

LEAVES: Final = Script("leaves", python(_LEAVES))
"""Ends, and leaves a child in a separate session; the child has its arguments."""

LISTS_RUNNING: Final = Script("lists-running", python(_LISTS_RUNNING))
"""Writes the pids of the processes that have a token as an argument; it is given the token's halves."""

TALKS: Final = Script("talks", sh("echo one; echo two >&2; echo three; sleep 3600"))
"""Writes three lines, and stays."""

REFUSES: Final = Script("refuses", sh("echo no luck; exit 1"))
"""Writes ``no luck`` and ends with exit code 1."""

FAILS_ONCE: Final = Script("fails-once", sh("test -e asked || { touch asked; exit 1; }"))
"""Fails the first time, and leaves a file ``asked`` in its working directory."""

HANDS_BACK: Final = Script(
    "hands-back",
    sh(
        'mkdir "$DOCKWARDEN_ARTIFACTS/deep" && printf %s "$1" >"$DOCKWARDEN_ARTIFACTS/deep/file"'
        ' && printf %s "$1" >"$DOCKWARDEN_METRICS"'
    ),
)
"""Writes its argument as its metrics, and into an artifact ``deep/file``."""

WRITES_FILE: Final = Script("writes-file", sh('printf %s "$2" >"$1"'))
"""Writes its second argument into the file of its working directory that its first argument names."""
