"""The tree of errors is drawn as it is."""

from __future__ import annotations

import re

from engine import errors
from engine.errors import DockwardenError


def drawn() -> dict[str, int]:
    """Each error of the drawing, and how deep it stands."""
    lines = re.findall(r"^    ([│├└─ ]*)(\w+)", errors.__doc__ or "", flags=re.MULTILINE)
    return {name: len(before) // 4 for before, name in lines if name[0].isupper()}


def depth(error: type[DockwardenError]) -> int:
    return [base.__module__ for base in error.__mro__].count("engine.errors") - 1


def test_the_drawing_is_the_tree() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    assert drawn() == {error.__name__: depth(error) for error in classes}
