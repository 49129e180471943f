"""The colours of the page, by what they stand for; see :mod:`engine.util.inks`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from engine.util.inks import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Ink,
)
from states.diagram import DARK, LIGHT, Kind, Role

__all__ = ["PAGE_INKS", "RESULT_INKS", "STATE_INKS", "Ink", "inks"]


_SPARE: Final = (SKY, PURPLE, ORANGE, GREEN)

PAGE_INKS: Final[Mapping[str, Ink]] = {
    "page": Ink(LIGHT.page, DARK.page),
    "panel": Ink("#f3f4f6", "#161b22"),
    "text": Ink(LIGHT.text, DARK.text),
    "quiet": Ink(LIGHT.quiet, DARK.quiet),
    "line": Ink("#d1d9e0", "#3d444d"),
    "link": Ink("#0060a0", "#6cb6ff"),
}
"""Colours that say nothing about the campaign."""

STATE_INKS: Final[Mapping[str, Ink]] = {
    "starting": SKY,
    "ready": GREEN,
    "busy": BLUE,
    "unhealthy": VERMILLION,
    "restarting": ORANGE,
    "exhausted": PURPLE,
    "stopping": GREY,
}
"""States of backends."""

RESULT_INKS: Final[Mapping[str, Ink]] = {
    "succeeded": GREEN,
    "completed": GREEN,
    "failed": VERMILLION,
    "unstarted": VERMILLION,
    "timeout": ORANGE,
    "silence": ORANGE,
    "leftovers": ORANGE,
    "output": ORANGE,
    "lost": PURPLE,
    "interrupted": GREY,
    "skipped": GREY,
    "unfinished": GREY,
    "running": SKY,
}
"""How attempts ended, and what became of runs."""


def inks(states: Iterable[str]) -> dict[str, Ink]:
    """Every colour by the name that the page knows it by, those of states that are not ours included."""
    own = [state for state in states if state not in STATE_INKS]
    extra = {state: _SPARE[number % len(_SPARE)] for number, state in enumerate(own)}
    roles = {role.value: (LIGHT.roles[role], DARK.roles[role]) for role in Role}
    return {
        **PAGE_INKS,
        **{f"role-{name}-fill": Ink(one.fill, other.fill) for name, (one, other) in roles.items()},
        **{f"role-{name}-line": Ink(one.line, other.line) for name, (one, other) in roles.items()},
        **{f"arrow-{kind.value}": Ink(LIGHT.kinds[kind], DARK.kinds[kind]) for kind in Kind},
        "arrow-untaken": Ink(LIGHT.untaken, DARK.untaken),
        **{f"state-{name}": ink for name, ink in {**STATE_INKS, **extra}.items()},
        **{f"result-{name}": ink for name, ink in RESULT_INKS.items()},
    }
