"""Exit codes, and how errors are printed."""

from __future__ import annotations

from typing import Final

from engine.cli.output.messages import note

__all__ = ["BAD", "DONE", "FAILED", "INTERRUPTED", "SIGNALLED", "tell"]

DONE: Final = 0
FAILED: Final = 1
BAD: Final = 2
INTERRUPTED: Final = 130
SIGNALLED: Final = 128
"""Added to the number of the signal that ended a command."""


def tell(error: BaseException) -> None:
    """Print an error as one paragraph on standard error."""
    note(str(error))
