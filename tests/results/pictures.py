"""The pictures that docs/compare.md shows; ``python -m tests.results.pictures`` draws them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from engine.results import compare, load
from engine.results.pictures import to_svg
from tests.pictures import FOLDER
from tests.results.written import serve

__all__ = ["drawn"]

_COMPARED: Final = {
    "compare-bars": ["tokens_per_s"],
    "compare-front": ["ttft_ms", "tokens_per_s"],
}


def drawn() -> dict[str, str]:
    """Each picture's name, and the picture."""
    with tempfile.TemporaryDirectory() as folder:
        rows = load(serve(Path(folder) / "serve"))
    found = {}
    for name, metrics in _COMPARED.items():
        by = ["model", "backend"] if len(metrics) == 1 else ["backend", "batch"]
        where = ["batch=16"] if len(metrics) == 1 else ["model=llama*"]
        for theme in ("light",) if len(metrics) == 1 else ("light", "dark"):
            picture = to_svg(compare(rows, by, metrics, where=where), theme=theme)
            found[f"{name}-{theme}.svg"] = f"{picture}\n"
    return found


if __name__ == "__main__":
    for name, picture in drawn().items():
        (FOLDER / name).write_text(picture)
