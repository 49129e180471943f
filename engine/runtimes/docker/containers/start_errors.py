"""Translate the engine's errors about a container that does not start into words that help."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from attrs import frozen
from docker.api import APIClient

from engine.runtimes.exit_status import CANNOT_RUN

__all__ = ["early_end", "explain", "last_lines", "quoted"]


_QUOTED_LINES: Final = 20
_SIGNALLED: Final = 128
_SIGNALS: Final = {9: "KILL", 15: "TERM"}


@frozen
class _Known:
    """A message of the engine's.

    Attributes:
        pattern: recognizes it.
        fix: what to do about it.
        curable: whether trying again can help.
    """

    pattern: re.Pattern[str]
    fix: str
    curable: bool = False


def _known(pattern: str, fix: str, *, curable: bool = False) -> _Known:
    return _Known(re.compile(pattern, re.IGNORECASE), fix, curable)


_TABLE: Final = (
    _known(
        r"could not select device driver|unresolvable CDI devices",
        "it asks for a GPU and this engine offers none: install the NVIDIA Container Toolkit and restart"
        " the engine, or take the GPU reservation out of the compose file",
    ),
    _known(
        r"nvidia-container-cli",
        "the engine could not give it its GPUs: see that nvidia-smi works on the engine's machine, and that"
        " the devices that the compose file reserves are there",
    ),
    _known(
        r"no such image",
        "its image is not on this engine any more: pull or build it again, then reset the backend",
    ),
    _known(
        r"port is already allocated|address already in use",
        "a port that it publishes is taken: stop what uses it, or publish another one under ports",
    ),
    _known(
        r"executable file not found|no such file or directory: unknown|exec format error",
        "its command cannot be run in its image: check command, entrypoint and keep_alive",
    ),
    _known(
        r"invalid mount config|bind source path does not exist|mounts denied",
        "a folder that it mounts is not there: make it, or correct the path under volumes",
    ),
    _known(
        r"unknown or invalid runtime name|unknown runtime specified",
        "the engine does not know the runtime that the compose file names under runtime",
    ),
    _known(
        r"unable to apply caps|error setting rlimit",
        "the engine has not itself the privileges or limits that it is to give: take privileged, cap_add or"
        " ulimits out of the compose file, or run the engine where it has them",
    ),
    _known(
        r"no space left on device",
        "the engine's disk is full: free some space (docker system df tells what takes it)",
        curable=True,
    ),
)


def explain(message: str) -> tuple[str, bool]:
    """The reason for a user, and whether trying again can help.

    Args:
        message: what the engine said, in one line.
    """
    for known in _TABLE:
        if known.pattern.search(message):
            return f"{known.fix} (the engine said: {message})", known.curable
    return f"it did not start: {message}", True


def early_end(
    exit_code: int, *, out_of_memory: bool, killed: bool, kept_alive: bool
) -> tuple[str, bool]:
    """Why a container ended before it was ready, for a user, and whether trying again can help.

    Args:
        exit_code: of its main process.
        out_of_memory: whether the kernel killed it for want of memory.
        killed: whether the engine has sent it a signal that ends it.
        kept_alive: whether a keep-alive ran in it, instead of its command.
    """
    if out_of_memory:
        return "its container was killed by the kernel for want of memory (OOM)", True
    signal = _SIGNALS.get(exit_code - _SIGNALLED)
    if killed or signal:
        by = f", by signal {signal}" if signal else ""
        reason = (
            f"its container was killed while it started (exit code {exit_code}{by}), and not by dockwarden; see"
            " what did so: docker kill, docker stop, or a program of this machine"
        )
        return reason, True
    cannot_run = exit_code in CANNOT_RUN
    if cannot_run:
        fix = "its command cannot be run in its image: check command, entrypoint and keep_alive"
    elif kept_alive:
        fix = "its keep_alive has to run for as long as the backend does: correct it"
    elif exit_code == 0:
        fix = "if its image has no long-running command, declare a keep_alive"
    else:
        fix = (
            "its own command failed, so correct that; keep_alive: always has sleep infinity in its place, where"
            " experiments do not need it"
        )
    return f"its container ended at once with exit code {exit_code}; {fix}", not cannot_run


def last_lines(container_id: str, client: APIClient, *, most: int = _QUOTED_LINES) -> list[str]:
    """The last lines that the main process of a container wrote, standard output and standard error mixed."""
    written: bytes = client.logs(container_id, tail=most)
    return written.decode(errors="replace").splitlines()


def quoted(lines: Sequence[str]) -> str:
    """The last lines that a container wrote, as the end of a reason; for one of which no log is kept."""
    return "".join(("; its last lines:", *(f"\n    {line}" for line in lines))) if lines else ""
