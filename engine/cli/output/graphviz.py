"""Pictures by Graphviz, whose program ``dot`` does the layout."""

from __future__ import annotations

import re
import subprocess
from typing import Final, Literal

from engine.errors import MissingProgram, SetupError

__all__ = ["draw_with_dot"]

_LIMIT_S: Final = 60.0


def draw_with_dot(text: str, form: Literal["svg", "png"], *, style: str = "") -> bytes:
    """A picture of a graph.

    Args:
        text: the graph, in Graphviz's language.
        style: a style sheet that goes into an SVG.

    Raises:
        MissingProgram: Graphviz is not installed.
        SetupError: it cannot draw this.
    """
    resolution = ["-Gdpi=144"] if form == "png" else []
    try:
        done = subprocess.run(
            ["dot", f"-T{form}", *resolution],  # noqa: S607 - wherever the user has it
            input=text.encode(),
            capture_output=True,
            check=False,
            timeout=_LIMIT_S,
        )
    except FileNotFoundError as error:
        raise MissingProgram(f"drawing {form.upper()}", "dot", "Graphviz") from error
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"Graphviz has not drawn the graph within {_LIMIT_S:g} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise SetupError(f"Graphviz cannot draw the graph: {said}")
    return done.stdout if form == "png" else _styled(done.stdout.decode(), style).encode()


def _styled(svg: str, style: str) -> str:
    """Return the SVG with the style sheet, without the prologue of a separate file."""
    begins = svg.index("<svg")
    head, bracket, rest = svg[begins:].partition(">")
    # As wide as it was laid out, and narrower where there is less room.
    width = re.search(r'width="(\d+)pt"', head)
    wide = f' style="max-width: {width[1]}pt; height: auto; width: 100%"' if width else ""
    head = re.sub(r'\s(width|height)="\d+pt"', "", head)
    return f"{head}{wide}{bracket}\n<style>\n{style}</style>{rest}"
