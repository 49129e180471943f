"""The results of a run of the benchmarks: kept as JSON, and written as a table."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from benchmarks.measure import Benchmark, Figure, Round
from tests.lab import Engine

__all__ = ["LATEST", "PAGE", "Outcome", "machine_facts", "markdown", "merged"]

LATEST: Final = Path(__file__).with_name("results") / "latest.json"
PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"

_PACKAGES: Final = (
    *("docker", "transitions", "attrs", "python-on-whales", "python-statemachine", "automat"),
)


@frozen
class Outcome:
    """The results of one benchmark."""

    benchmark: Benchmark
    rounds: tuple[Round, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """How far each of its goals was reached."""
        return self.benchmark.figures(self.rounds)

    def to_dict(self) -> dict[str, Any]:
        """As plain data: the figures, and all that was measured."""
        return {
            "title": self.benchmark.title,
            "note": self.benchmark.note,
            "goals": [
                {
                    "what": one.goal.what,
                    "against": one.goal.against,
                    "asked": one.goal.asked,
                    "unit": one.goal.unit,
                    "median": one.spread.median,
                    "quartiles": [one.spread.low, one.spread.high],
                    "reached": one.reached,
                    "at_best": one.bound,
                }
                for one in self.figures
            ],
            "rounds": list(self.rounds),
        }


def machine_facts(engine: Engine | None) -> dict[str, Any]:
    """Describe the machine of the figures."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": model,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "docker": engine.version if engine else None,
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    }


def merged(
    before: Mapping[str, Any], outcomes: Sequence[Outcome], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Earlier results with newer ones in their places; each keeps what it was taken on."""
    newer = {one.benchmark.name: {**one.to_dict(), "on": dict(facts)} for one in outcomes}
    return {**before, **newer}


def markdown(results: Mapping[str, Any]) -> str:
    """The table: a line for each goal."""
    lines = [
        "| what | against | to reach | reached | | at best |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in results.items():
        for goal in one["goals"]:
            low, high = (f"{figure:.3g}" for figure in goal["quartiles"])
            verdict = "yes" if goal["reached"] else "**no**"
            figure = f"{goal['median']:.3g} {goal['unit']} ({low} to {high})"
            best = "" if goal["at_best"] is None else f"{goal['at_best']:.3g} {goal['unit']}"
            lines.append(
                f"| `{name}`: {goal['what']} | {goal['against']} | {goal['asked']} | {figure} | {verdict} | {best} |"
            )
    notes = [f"- `{name}`: {one['note']}" for name, one in results.items() if one["note"]]
    return "\n".join([*lines, "", *notes] if notes else lines)
