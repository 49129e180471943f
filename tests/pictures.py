"""The pictures that the pages show; ``python -m tests.pictures`` draws them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.cli.output.graphviz import draw_with_dot
from states import BACKEND, Edge
from states.diagram import DARK, LIGHT, Course, dark_style, draw, to_dot

__all__ = ["FOLDER", "pictures"]

FOLDER: Final = Path(__file__).parents[1] / "docs" / "pictures"

_PATHS: Final[Mapping[str, str]] = {
    "pytorch": "start proved_ready" + " dispatch finish" * 8 + " dispatch",
    "vllm": "start proved_ready dispatch finish dispatch fault recover",
    "tensorrt": "start proved_ready" + " dispatch finish" * 11,
}
"""The history of each backend of the picture that shows a campaign."""


def pictures() -> dict[str, bytes]:
    """Each picture's name, and the picture."""
    return {
        "backend-light.svg": draw_with_dot(to_dot(draw(BACKEND), LIGHT), "svg"),
        "backend-dark.svg": draw_with_dot(to_dot(draw(BACKEND), DARK), "svg"),
        "campaign.svg": draw_with_dot(to_dot(draw(BACKEND, _course())), "svg", style=dark_style()),
    }


def _course() -> Course:
    here: dict[str, str] = {}
    taken: Counter[Edge] = Counter()
    for backend, events in _PATHS.items():
        state = BACKEND.initial
        for event in events.split():
            edge = BACKEND.decide(state, event, {"curable": True, "budget_left": True})
            taken[edge] += 1
            state = edge.target
        here[backend] = state
    return Course(here, taken)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        (FOLDER / name).write_bytes(picture)
