"""The catalogue as a table for the documentation; ``python -m tests.faults.table`` writes it there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.model.results import Ending
from tests.faults.rows import ROWS, Row

__all__ = ["PAGE", "page", "table"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"

_BEGIN: Final = "<!-- written by python -m tests.faults.table; each row is a test -->\n"
_END: Final = "<!-- end of what is written -->\n"


def table() -> str:
    """The table, in Markdown."""
    lines = ["| fault | what is seen | transitions taken | outcome |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *map(_line, ROWS)]) + "\n"


def page(before: str) -> str:
    """The page with the table as it has to be, around which everything stays."""
    head, _, rest = before.partition(_BEGIN)
    return f"{head}{_BEGIN}\n{table()}\n{_END}{rest.partition(_END)[2]}"


def _line(row: Row) -> str:
    seen = " or ".join(f"“{each}”" for each in row.seen) or "nothing"
    return f"| {row.fault} | {seen} | {_path(row)} | {_outcome(row)} |"


def _path(row: Row) -> str:
    """The edges, each joined to the one before it."""
    shown = f"*{row.path[0].split()[0]}*"
    for step in row.path:
        _, event, target = step.split()
        shown += f" → {event} → *{target}*"
    return shown


def _outcome(row: Row) -> str:
    parts = []
    if row.ending is not None:
        code = "" if row.exit_code is None else f" with {row.exit_code}"
        how = f"exited{code}" if row.ending is Ending.EXITED else f"{row.ending.value}{code}"
        parts.append(f"the experiment: {how}")
    where = ", in a new container" if row.recreated and row.state == "ready" else ""
    parts.append(f"the backend: {row.state}{where}")
    parts.append(f"restarts spent: {row.restarts}")
    return "; ".join([*parts, row.note] if row.note else parts)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
