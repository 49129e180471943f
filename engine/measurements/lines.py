"""Numbers in lines of output, found by patterns that a user wrote, in text that a container wrote.

The last line that matches counts, so output is searched from its end. No pattern can hold the controller up:
lines and their number are bounded, matching has a time limit, and it gives other threads way meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Final

import regex

from engine.measurements.numbers import Numbers
from engine.model.measurements import MetricPattern

__all__ = ["MOST_OUTPUT_BYTES", "compiled", "search"]

MOST_OUTPUT_BYTES: Final = 2**23
"""So much of each stream is searched, from its end."""

_LONGEST_LINE: Final = 2**14
"""In characters; the beginning of a longer line is searched."""

_SEARCHING_S: Final = 20.0
"""How long all patterns of one command may take together; each has its share."""

_VALUE: Final = "value"


def compiled(pattern: str) -> regex.Pattern[str]:
    """A pattern, ready to search.

    Raises:
        ValueError: it is no regular expression, with what is wrong.
    """
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is no regular expression: {error}") from error


def search(
    patterns: Mapping[str, MetricPattern], outputs: Mapping[str, bytes], numbers: Numbers
) -> None:
    """Take in the numbers that patterns find.

    Args:
        outputs: the end of each stream, by its name, in the order in which they are searched.
    """
    end_s = monotonic() + _SEARCHING_S
    least_s = _SEARCHING_S / max(len(patterns), 1)
    lines = {name: _lines(data) for name, data in outputs.items()}
    for left, (name, wanted) in zip(range(len(patterns), 0, -1), patterns.items(), strict=True):
        now_s = monotonic()
        # A slow one takes none of the others' time, also where its search ends later than it was to.
        until_s = now_s + max((end_s - now_s) / left, least_s)
        source = f"the pattern of {name}"
        searched = (wanted.stream,) if wanted.stream else tuple(outputs)
        try:
            found = _last(compiled(wanted.pattern), [lines[one] for one in searched], until_s)
        except TimeoutError:
            numbers.warnings.add(
                f"{source} takes too long; write a simpler pattern, or less output"
            )
            continue
        if found is None:
            numbers.warnings.add(f"{source} matches no line of {' or '.join(searched)}")
        else:
            numbers.take(name, _as_number(found), wanted.unit, source=source)


def _lines(data: bytes) -> list[str]:
    """Lines of output; a line that is drawn over by carriage returns counts as several."""
    text = data.decode(errors="replace").replace("\r", "\n")
    return [line[:_LONGEST_LINE] for line in text.split("\n")]


def _last(pattern: regex.Pattern[str], streams: list[list[str]], until_s: float) -> str | None:
    """Return what the pattern finds in the last line that matches, in the first stream that has one."""
    for lines in streams:
        for match in _matches(pattern, lines, until_s):
            if _VALUE in pattern.groupindex:
                return match[_VALUE] or ""
            return (match[1] if pattern.groups else match[0]) or ""
    return None


def _matches(
    pattern: regex.Pattern[str], lines: list[str], until_s: float
) -> Iterator[regex.Match[str]]:
    for line in reversed(lines):
        left_s = until_s - monotonic()
        if left_s <= 0:
            raise TimeoutError
        match = pattern.search(line, timeout=left_s, concurrent=True)
        if match is not None:
            yield match


def _as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
