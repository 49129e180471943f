"""Colours that can be seen."""

from __future__ import annotations

import pytest

from states.diagram import DARK, LIGHT, Theme
from states.diagram.palette import DASHES, ON_BOTH

LINE, TEXT = 3.0, 4.5
"""The least contrasts that the Web Content Accessibility Guidelines ask for (AA)."""


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_everything_stands_out(theme: Theme) -> None:
    for line in (*theme.kinds.values(), theme.untaken, theme.note.line):
        assert contrast(line, theme.page) >= LINE
    for text in (theme.text, theme.quiet):
        assert contrast(text, theme.page) >= TEXT
    for paint in (*theme.roles.values(), theme.here, theme.note):
        assert contrast(theme.text, paint.fill) >= TEXT
        assert contrast(paint.line, paint.fill) >= LINE


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_for_both_stands_out_on_both(theme: Theme) -> None:
    for line in (*ON_BOTH.values(), LIGHT.untaken):
        assert contrast(line, theme.page) >= LINE


def test_lines_differ_as_well_as_colours() -> None:
    assert len(set(DASHES.values())) == len(DASHES) == len(set(ON_BOTH.values()))
