"""Durations, sizes and plain values, as Compose writes them.

Every parser takes what YAML or a variable gave and returns a value, or raises :class:`ValueError` with
a sentence that says what would be right. Durations are Go's with days and weeks added; sizes are
powers of 1024 with any suffix.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from typing import Any

__all__ = [
    "boolean",
    "duration_s",
    "engine_name",
    "filled",
    "flag",
    "integer",
    "limit_bytes",
    "nano_cpus",
    "nonzero",
    "number",
    "octal",
    "plain",
    "printable",
    "size_bytes",
    "span_s",
    "text",
    "whole",
]

_SECONDS = {
    "w": 604_800.0,
    "d": 86_400.0,
    "h": 3_600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,  # U+00B5, the micro sign
    "μs": 1e-6,  # U+03BC, the Greek letter, which Go takes as well
    "ns": 1e-9,
}
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ms|us|µs|μs|ns|w|d|h|m|s)", re.ASCII)
_SIZE = re.compile(
    r"\+?((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?",
    re.ASCII | re.IGNORECASE,
)
_DIGITS = re.compile(r"[-+]?\d+", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "no", "n", "off"), False),
}
_LARGEST = 2**63 - 1
_SINGLE_DIGITS = 10  # more tell no two floats of 32 bits apart
_ENGINE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,254}")
_PLAIN_EXPONENTS = range(-4, 6)  # of the floats that Go writes without one


def plain(value: Any) -> str:
    """A scalar as text, written as Go writes it: ``true``, ``1.5``, ``1000`` for ``1e3``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _float(value) if isinstance(value, float) else str(value)


def _float(value: float) -> str:
    """A float as Go writes it: with as few digits as tell it from others, ``1e+06`` from a million on."""
    shortest = Decimal(repr(value)).normalize()
    exponent = shortest.adjusted()
    if not value or exponent in _PLAIN_EXPONENTS:
        return format(shortest, "f")
    return f"{value:.{len(shortest.as_tuple().digits) - 1}e}"


def engine_name(value: Any) -> str:
    """A name that a container or a volume can have on the engine."""
    name = text(value)
    if not _ENGINE_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for the engine; use letters, digits, '.', '_' and '-', at least two"
            " of them, a letter or digit first"
        )
    return name


def printable(value: Any) -> str:
    """A text without line breaks and the like."""
    if not text(value).isprintable():
        raise ValueError(f"{text(value)!r} holds characters that cannot be printed; take them out")
    return text(value)


def text(value: Any) -> str:
    """A scalar as text; a mapping or a list is refused."""
    if isinstance(value, dict | list) or value is None:
        raise ValueError(f"expected text, not {_kind(value)}")
    return plain(value)


def filled(value: Any) -> str | None:
    """A scalar as text; None where that is empty, which Compose takes for a key that is not there."""
    return text(value) or None


def boolean(value: Any) -> bool:
    """A boolean, or one of the words that Compose takes for one."""
    if isinstance(value, bool):
        return value
    known = _BOOLEANS.get(str(value).lower())
    if known is None:
        raise ValueError(f"{value!r} is not a boolean; write true or false")
    return known


def flag(value: Any) -> bool | None:
    """A boolean, or None where the key is empty."""
    return None if value is None else boolean(value)


def integer(value: Any) -> int:
    """A whole number, or text that holds one."""
    try:
        is_fraction = isinstance(value, float) and not value.is_integer()
        is_other_text = isinstance(value, str) and not _DIGITS.fullmatch(value)
        if isinstance(value, bool) or is_fraction or is_other_text:
            raise ValueError  # noqa: TRY301 - one message for every way to be wrong
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{_shown(value)} is not a whole number") from None
    if abs(whole) > _LARGEST:
        raise ValueError(f"{_shown(value)} does not fit in 64 bits")
    return whole


def nonzero(value: Any) -> int | None:
    """A whole number; None for 0, which Compose takes for a key that is not there."""
    return integer(value) or None


def whole(value: Any) -> int:
    """A whole number where Compose takes none that YAML calls a float (``1e3``, ``1.0``)."""
    if isinstance(value, float):
        raise ValueError(f"{value!r} is not a whole number for YAML; write its digits")  # noqa: TRY004
    return integer(value)


def octal(value: Any) -> int:
    """A file mode: a number as YAML read it, or octal digits as text."""
    if not isinstance(value, str):
        return whole(value)
    try:
        return int(value, 8)
    except ValueError:
        raise ValueError(
            f'{value!r} is not a file mode; write octal digits, such as "0755"'
        ) from None


def number(value: Any) -> float:
    """A finite number, or text that holds one."""
    try:
        is_other_text = isinstance(value, str) and not _NUMBER.fullmatch(value)
        real = math.nan if isinstance(value, bool) or is_other_text else float(value)
    except (TypeError, ValueError, OverflowError):
        real = math.nan
    if not math.isfinite(real):
        raise ValueError(f"{_shown(value)} is not a number")
    return real


def nano_cpus(value: Any) -> int | None:
    """A number of CPUs, in billionths of a CPU as the engine takes it; 0 is no limit."""
    cpus = number(value)
    if not 0 <= cpus * 1e9 <= _LARGEST:
        raise ValueError(f"{_shown(value)} is not a number of CPUs")
    return round(_single(cpus) * 1e9) or None


def _single(value: float) -> float:
    """The shortest number that is the same to 32 bits, for Compose keeps CPUs in so many."""
    packed = struct.pack("f", value)
    (kept,) = struct.unpack("f", packed)
    shorter = (float(f"{kept:.{digits}g}") for digits in range(1, _SINGLE_DIGITS))
    return next(one for one in shorter if struct.pack("f", one) == packed)


def duration_s(value: Any) -> float:
    """A duration in seconds, from Go's notation: ``1m30s``, ``1.5h``, ``500ms``, ``2d``.

    Raises:
        ValueError: it is no duration, or has no unit.
    """
    written = str(value)
    sign, digits = (
        (-1.0, written[1:]) if written.startswith("-") else (1.0, written.removeprefix("+"))
    )
    if digits == "0":
        return 0.0
    parts = list(_DURATION_PART.finditer(digits))
    if not parts or "".join(part.group() for part in parts) != digits:
        hint = f"; it has no unit: {written}s?" if re.fullmatch(r"[\d.]+", written) else ""
        raise ValueError(f"{_shown(value)} is not a duration such as 90s, 1m30s or 500ms{hint}")
    # Seconds are summed in nanoseconds, so that 1m30.1s is what it looks like.
    total_ns = sum(round(float(part[1]) * _SECONDS[part[2]] * 1e9) for part in parts)
    if total_ns > _LARGEST:
        raise ValueError(f"{_shown(value)} is longer than the engine can count (292 years)")
    return sign * total_ns / 1e9


def span_s(value: Any) -> float:
    """A duration in seconds that is not negative."""
    seconds = duration_s(value)
    if seconds < 0:
        raise ValueError(f"{value!r} is negative; a duration here is 0s or more")
    return seconds


def size_bytes(value: Any) -> int:
    """A size in bytes, from a number or text such as ``512m``, ``2gb``, ``1.5 GiB``; -1 is unlimited.

    Raises:
        ValueError: it is no size, or one that Compose would drop.
    """
    if isinstance(value, float):
        raise ValueError(  # noqa: TRY004 - what every parser here raises
            f"Compose drops a size that YAML calls a float ({plain(value)}); write its digits, or put it"
            " in quotes"
        )
    if isinstance(value, int) or str(value).removeprefix("-").isdecimal():
        return integer(value)
    match = _SIZE.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{_shown(value)} is not a size such as 512m or 2gb")
    size = float(match[1]) * 1024 ** _POWERS[(match[2] or "").lower()]
    if size > _LARGEST:
        raise ValueError(f"{_shown(value)} does not fit in 64 bits")
    return int(size)


def limit_bytes(value: Any) -> int | None:
    """A size that limits something; 0 is no limit, as for Compose and the engine."""
    return size_bytes(value) or None


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)


def _shown(value: Any, limit: int = 60) -> str:
    try:
        shown = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "this number"
    return shown if len(shown) <= limit else f"{shown[:limit]}..."
