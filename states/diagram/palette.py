"""Colours. Those of lines are from the palette of Okabe and Ito, which the colour-blind can tell apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from states.diagram.drawing import Kind, Role

__all__ = ["DARK", "DASHES", "LIGHT", "ON_BOTH", "Paint", "Theme", "dark_rules", "dark_style"]


@frozen
class Paint:
    """The colours of a box."""

    fill: str
    line: str


@frozen
class Theme:
    """All colours of a diagram.

    Attributes:
        text: of names; ``quiet`` of everything else that is written.
        here: the box of a state that an instance is in.
        untaken: an arrow that was never taken, where it is known which were.
    """

    page: str
    text: str
    quiet: str
    roles: Mapping[Role, Paint]
    kinds: Mapping[Kind, str]
    here: Paint
    note: Paint
    untaken: str


LIGHT: Final = Theme(
    page="#ffffff",
    text="#1f2328",
    quiet="#4a5159",
    roles={
        Role.REST: Paint("#f3f4f6", "#59636e"),
        Role.NORMAL: Paint("#e6f1f9", "#0072b2"),
        Role.TROUBLE: Paint("#fdeadd", "#c24f00"),
    },
    kinds={Kind.NORMAL: "#0072b2", Kind.FAULT: "#c24f00", Kind.RECOVERY: "#00805e"},
    here=Paint("#fff3b0", "#1f2328"),
    note=Paint("#ffffff", "#8b949e"),
    untaken="#8b949e",
)
"""For bright pages."""

DARK: Final = Theme(
    page="#0d1117",
    text="#e6edf3",
    quiet="#b6bec8",
    roles={
        Role.REST: Paint("#21262d", "#9198a1"),
        Role.NORMAL: Paint("#0c2d45", "#56b4e9"),
        Role.TROUBLE: Paint("#42210b", "#f0883e"),
    },
    kinds={Kind.NORMAL: "#56b4e9", Kind.FAULT: "#f0883e", Kind.RECOVERY: "#2fbf95"},
    here=Paint("#5c4a00", "#ffe45c"),
    note=Paint("#0d1117", "#6e7681"),
    untaken="#6e7681",
)
"""For dark pages."""

ON_BOTH: Final[Mapping[Kind, str]] = {
    Kind.NORMAL: "#2f81c7",
    Kind.FAULT: "#d1600f",
    Kind.RECOVERY: "#1a9a74",
}
"""Lines that can be seen on bright and dark pages alike."""

DASHES: Final[Mapping[Kind, str]] = {Kind.NORMAL: "", Kind.FAULT: "7 4", Kind.RECOVERY: "2 3"}
"""Line styles, for readers who do not see the colours."""


def dark_rules() -> str:
    """Style rules that turn a picture that Graphviz has made in :data:`LIGHT` dark."""
    rules = [
        f".graph > polygon {{ fill: {DARK.page} }}",
        f".graph text, .node text {{ fill: {DARK.text} }}",
        f".edge text {{ fill: {DARK.quiet} }}",
        f".start ellipse {{ fill: {DARK.text}; stroke: {DARK.text} }}",
        *(_box(role.value, paint) for role, paint in DARK.roles.items()),
        *(_line(kind.value, colour) for kind, colour in DARK.kinds.items()),
        _line("untaken", DARK.untaken),
        _box("here", DARK.here),
        _box("note", DARK.note),
    ]
    return "\n".join(rules) + "\n"


def dark_style() -> str:
    """A style sheet that applies :func:`dark_rules` where dark is preferred."""
    return f"@media (prefers-color-scheme: dark) {{\n{dark_rules()}}}\n"


def _box(name: str, paint: Paint) -> str:
    shapes = ", ".join(f".node.{name} {shape}" for shape in ("path", "polygon"))
    lines = f".node.{name} polyline {{ stroke: {paint.line} }}"
    return f"{shapes} {{ fill: {paint.fill}; stroke: {paint.line} }}\n{lines}"


def _line(name: str, colour: str) -> str:
    return (
        f".edge.{name} path {{ stroke: {colour} }}\n"
        f".edge.{name} polygon {{ fill: {colour}; stroke: {colour} }}"
    )
