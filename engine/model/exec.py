"""A command to run in a container, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Final

from attrs import field, frozen

from engine.model.measurements import Declared
from engine.model.results import Span

__all__ = ["MAX_OUTPUT_BYTES", "ExecRequest", "ExecResult", "nothing"]

MAX_OUTPUT_BYTES: Final = 2**30
"""How much output of one command is kept, unless it is said otherwise."""


def nothing() -> None:
    """Do nothing; most commands need no preparation."""


@frozen
class ExecRequest:
    """A command to run in a running container.

    Attributes:
        id: unique among all requests of the campaign, a plain file name; marks the process tree.
        command: the argument vector. Never joined into a shell string.
        folder: where ``stdout`` and ``stderr`` go on this machine while they come; exists already, with
            these files, and lies in the folder given to :meth:`Runtime.launch`, as ``id``. A container may
            put anything in its place, so it is a name: see :mod:`engine.spool`.
        environment: added to the container's own.
        working_dir: within the container; None for the container's own.
        user: within the container; None for the container's own.
        before: called once, before anything of it runs; where it raises, nothing does.
        results: where its output goes when it has ended, relative to the folder of all output; None for
            ``<service>/<id>``. Nothing for the runtime to do.
        max_output_bytes: how much of its output is kept; None for all of it.
        measure: which metrics and artifacts are collected of it.
        through_entrypoint: whether the entrypoint of the container's file or image runs it, as its arguments.
    """

    id: str
    command: tuple[str, ...] = field(converter=tuple[str, ...])
    folder: Path
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    working_dir: str | None = None
    user: str | None = None
    before: Callable[[], None] = field(default=nothing, eq=False, repr=False)
    results: PurePath | None = None
    max_output_bytes: int | None = MAX_OUTPUT_BYTES
    measure: Declared = field(factory=Declared)
    through_entrypoint: bool = False


@frozen
class ExecResult:
    """How a command ended.

    Attributes:
        exit_code: as the command gave it; 128 + n where signal n ended it.
        ran: when it ran; None where that was not seen.
        by_itself: whether it ended before :meth:`Runtime.kill` sent it any signal.
        problem: why its output is not what it wrote, in words; empty where nothing is known against it.
        warnings: what of its metrics and artifacts could not be brought to this machine.
    """

    exit_code: int
    ran: Span | None = None
    by_itself: bool = True
    problem: str = ""
    warnings: tuple[str, ...] = ()
