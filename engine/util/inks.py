"""The colours of pictures: those of Okabe and Ito, which the colour-blind can tell apart.

Each is there for bright and for dark pages, moved as far as it takes to stand out from the page by 3 to 1,
which is what WCAG 2 (AA) wants of graphics.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "PURPLE", "SERIES", "SKY", "VERMILLION", "Ink"]


@frozen
class Ink:
    """A colour on bright and on dark pages."""

    light: str
    dark: str


BLUE: Final = Ink("#0072b2", "#4fa3e0")
SKY: Final = Ink("#2f8fc4", "#8fd0f5")
GREEN: Final = Ink("#00805e", "#2fbf95")
ORANGE: Final = Ink("#a86f00", "#f0c040")
VERMILLION: Final = Ink("#c24f00", "#f0883e")
PURPLE: Final = Ink("#a8487f", "#e29ac4")
GREY: Final = Ink("#59636e", "#9198a1")

SERIES: Final = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
"""One for each series of a plot, neighbours far apart."""
