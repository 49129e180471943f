"""Numbers for people."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["human"]

_DIGITS: Final = 4
_LARGE: Final = 1e15
_SMALL: Final = 1e-4


def human(value: float) -> str:
    """A number with four significant digits, and as many before its point as it has: 43.12, 123456, 0.001235."""
    if not math.isfinite(value) or (value and not _SMALL <= abs(value) < _LARGE):
        return f"{value:.{_DIGITS - 1}g}"
    if value == 0:
        return "0"
    behind = max(_DIGITS - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{behind}f}"
    return text.rstrip("0").rstrip(".") if float(value).is_integer() else text
