"""Writes the catalogue of faults into the documentation: ``python -m tests.runtimes.simulated.table``."""

from __future__ import annotations

from pathlib import Path

from engine.runtimes.simulated import CATALOGUE

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[3] / "docs" / "simulation.md"

_BEGIN = "<!-- What follows is written by: python -m tests.runtimes.simulated.table -->"
_END = "<!-- end of what is written -->"


def page(written: str) -> str:
    """The page with the table as it ought to be."""
    above, _, rest = written.partition(_BEGIN)
    _, _, below = rest.partition(_END)
    rows = [
        f"| `{fault.name}` | {fault.strikes.value} | {fault.doc} | {fault.source} |"
        for fault in CATALOGUE
    ]
    table = ["| fault | strikes | what happens | source |", "| --- | --- | --- | --- |", *rows]
    return "\n".join([f"{above}{_BEGIN}\n", *table, f"\n{_END}{below}"])


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
