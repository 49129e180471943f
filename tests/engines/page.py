"""Writes the table of behaviours into ``docs/engines.md``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Final

from tests.engines.behaviours import BEHAVIOURS
from tests.engines.probe import PROBES

__all__ = ["PAGE", "page"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "engines.md"
_BEGIN: Final = "<!-- written by python -m tests.engines.page; each row is tested -->\n"
_END: Final = "<!-- end of what is written -->\n"


def page(before: str) -> str:
    """The page with the table as it has to be, around which everything stays."""
    head, _, rest = before.partition(_BEGIN)
    lines = [
        f"| probe | what is asked | {' | '.join(BEHAVIOURS)} |",
        f"|{' --- |' * (2 + len(BEHAVIOURS))}",
    ]
    for name, probe in PROBES.items():
        cells = [name, inspect.getdoc(probe) or "", *(rows[name] for rows in BEHAVIOURS.values())]
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines) + "\n"
    return f"{head}{_BEGIN}\n{table}\n{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
