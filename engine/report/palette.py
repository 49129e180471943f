"""The colours of the page: those of Okabe and Ito, which the colour-blind can tell apart.

Each is there for bright and for dark pages, moved as far as it takes to stand out from the page by 3 to 1,
which is what WCAG 2 (AA) wants of graphics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from states.diagram import DARK, LIGHT, Kind, Role

__all__ = ["PAGE_INKS", "RESULT_INKS", "STATE_INKS", "Ink", "inks"]


@frozen
class Ink:
    """A colour on bright and on dark pages."""

    light: str
    dark: str


_BLUE: Final = Ink("#0072b2", "#4fa3e0")
_SKY: Final = Ink("#2f8fc4", "#8fd0f5")
_GREEN: Final = Ink("#00805e", "#2fbf95")
_ORANGE: Final = Ink("#a86f00", "#f0c040")
_VERMILLION: Final = Ink("#c24f00", "#f0883e")
_PURPLE: Final = Ink("#a8487f", "#e29ac4")
_GREY: Final = Ink("#59636e", "#9198a1")
_SPARE: Final = (_SKY, _PURPLE, _ORANGE, _GREEN)

PAGE_INKS: Final[Mapping[str, Ink]] = {
    "page": Ink(LIGHT.page, DARK.page),
    "panel": Ink("#f3f4f6", "#161b22"),
    "text": Ink(LIGHT.text, DARK.text),
    "quiet": Ink(LIGHT.quiet, DARK.quiet),
    "line": Ink("#d1d9e0", "#3d444d"),
    "link": Ink("#0060a0", "#6cb6ff"),
}
"""What is not about the campaign."""

STATE_INKS: Final[Mapping[str, Ink]] = {
    "starting": _SKY,
    "ready": _GREEN,
    "busy": _BLUE,
    "unhealthy": _VERMILLION,
    "restarting": _ORANGE,
    "exhausted": _PURPLE,
    "stopping": _GREY,
}
"""States of backends."""

RESULT_INKS: Final[Mapping[str, Ink]] = {
    "succeeded": _GREEN,
    "completed": _GREEN,
    "failed": _VERMILLION,
    "unstarted": _VERMILLION,
    "timeout": _ORANGE,
    "silence": _ORANGE,
    "leftovers": _ORANGE,
    "output": _ORANGE,
    "lost": _PURPLE,
    "interrupted": _GREY,
    "skipped": _GREY,
    "unfinished": _GREY,
    "running": _SKY,
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
