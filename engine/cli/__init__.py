"""The command line. What is heavy (docker, rich) is imported by the command that needs it.

Exit codes: 0 all completed; 1 some failed; 2 bad input or set-up; 130, 143 and 129 ended by SIGINT,
SIGTERM and SIGHUP.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: run a command and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a terminal that takes ASCII alone is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    # Our parent may have ignored it, which children inherit: then every exit code that we read would be wrong.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        # Imported here, so that Ctrl+C is in order from the first moment.
        from engine.cli.program import invoke

        code = invoke(arguments)
    except KeyboardInterrupt:
        code = 130
    _let_go()
    sys.exit(code)


def _let_go() -> None:
    """Drop output that is not read any more: Python would try once more, and exit with a different code."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
