"""What a trick is, and what may come of its experiment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

__all__ = ["Completes", "Either", "Expectation", "Fails", "Trick", "script"]

_PRELUDE: Final = """\
spool=/run/dockwarden
mine=$(dirname "$(readlink /proc/$$/fd/2)")
"""
"""What every script knows: the folder that its container shares with the controller, and the part of it
that belongs to its own attempt. The environment adds ``out``, a folder of the machine, and ``next``, the
run that comes after it."""

Record = Mapping[str, Any]


@frozen
class Completes:
    """It does no harm to itself: the attempt completes, and its record tells the truth.

    Attributes:
        exit_code: the true one.
        stdout: all that it has written; None where that is not compared.
        ending: how the attempt ends, as results.jsonl calls it.
        reason: what its reason must say, as a regular expression.
        left: whether its record has to name a process that it left.
    """

    exit_code: int | None = 0
    stdout: str | None = None
    ending: str = "exited"
    reason: str = ""
    left: bool = False

    def wrong(self, record: Record, stdout: str | None) -> str:
        """What is wrong with a record; empty if nothing is."""
        if (record["ending"], record["exit_code"]) != (self.ending, self.exit_code):
            expected = f"{self.ending} with exit code {self.exit_code}"
            return f"expected {expected}, {_told(record)}"
        if self.stdout is not None and stdout != self.stdout:
            return f"expected the output {self.stdout!r}, it is {(stdout or '')[:200]!r}"
        if not re.search(self.reason, record["reason"]):
            return f"expected a reason with {self.reason!r}, {_told(record)}"
        if self.left and not record["left"]:
            return f"it left a process, {_told(record)}"
        return ""


@frozen
class Fails:
    """The attempt fails, and its reason names what the experiment did.

    Attributes:
        naming: a regular expression that the reason must match.
    """

    naming: str

    def wrong(self, record: Record, _stdout: str | None) -> str:
        """What is wrong with a record; empty if nothing is."""
        if record["ending"] == "exited" and record["exit_code"] == 0:
            return f"expected a failure, {_told(record)}"
        if not re.search(self.naming, record["reason"], re.IGNORECASE):
            return f"expected a reason that names {self.naming!r}, {_told(record)}"
        return ""


@frozen
class Either:
    """The attempt completes truthfully, or fails with a reason that names what was done.

    For what depends on the moment, and for what one engine or user can do and another cannot.
    """

    completes: Completes
    fails: Fails

    def wrong(self, record: Record, stdout: str | None) -> str:
        """What is wrong with a record; empty if one of both holds."""
        completed, failed = self.completes.wrong(record, stdout), self.fails.wrong(record, stdout)
        return f"{completed}; and {failed}" if completed and failed else ""


Expectation = Completes | Fails | Either


@frozen
class Trick:
    """One thing that a container does to reach what is not its own.

    Attributes:
        name: unique; a plain file name.
        does: in words.
        script: lines of shell that run in the container, as its root unless ``keys`` say otherwise.
        expects: what may come of the experiment that does it.
        keys: what its experiment has besides in the campaign file.
    """

    name: str
    does: str
    script: str
    expects: Expectation
    keys: Mapping[str, Any] = field(factory=dict)


def script(lines: str) -> list[str]:
    """The argument vector that runs a trick's lines."""
    return ["sh", "-c", _PRELUDE + lines]


def _told(record: Record) -> str:
    return (
        f"recorded is {record['ending']} with exit code {record['exit_code']}: {record['reason']!r}"
    )
