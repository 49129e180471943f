"""Removing what a dead controller has left, until nothing of it turns up any more."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final

from engine.ownership.owner import Owner
from engine.runtimes.registry import provider
from engine.util.printable import printable

__all__ = ["Hand", "clear", "clear_after"]

Hand = Callable[[Owner], Sequence[str]]
"""Removes what it finds of an owner's, and names it; raises where something could not be removed."""

_GRACE_S: Final = 2.0
"""Between TERM and KILL. It is short: everything has to be removed within 10 seconds."""

_LOOKS: Final = 3
"""So often in a row there must be nothing: the engine may still be creating what was asked of it."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_GIVE_UP_AFTER_S: Final = 600.0
"""An engine that is restarted is back by then."""


def clear_after(runtime: str, owner: str, log: str) -> bool:
    """Clear up after a controller that is gone; see :func:`engine.watchdog.process.main`."""
    gone = Owner.from_labels(json.loads(owner))
    assert gone is not None

    def say(sentence: str) -> None:
        if log:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            _append(log, f"{at} {printable(sentence)}\n")

    say(f"{gone} has gone without a goodbye; removing what it left (runtime {runtime})")
    return clear(partial(provider(runtime).remove_owned, grace_s=_GRACE_S), gone, say)


def clear(
    hand: Hand,
    owner: Owner,
    say: Callable[[str], None],
    *,
    now_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Have a hand remove what is the owner's, until nothing is left, or for ten minutes.

    Args:
        say: called with what is removed, and what goes wrong.

    Returns:
        whether nothing is left.
    """
    until_s = now_s() + _GIVE_UP_AFTER_S
    pause_s, empty_looks = _FIRST_PAUSE_S, 0
    while True:
        try:
            removed = hand(owner)
        except Exception as error:  # noqa: BLE001 - no other process is left to try again
            say(f"not yet: {error}")
            if now_s() >= until_s:
                say("gave up; dockwarden reap removes what is left")
                return False
            empty_looks, pause_s = 0, min(2 * pause_s, _LONGEST_PAUSE_S)
        else:
            for name in removed:
                say(f"removed {name}")
            empty_looks, pause_s = (0 if removed else empty_looks + 1), _FIRST_PAUSE_S
            if empty_looks == _LOOKS:
                say("nothing is left")
                return True
        sleep(pause_s)


def _append(log: str, line: str) -> None:
    # The disk may be full, the folder gone. Nothing else can be logged to, and the cleanup is done anyway.
    with suppress(OSError):
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode(errors="replace"))
        finally:
            os.close(descriptor)
