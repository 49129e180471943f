"""``python -m benchmarks [NAME...]``: measure, print the table, keep the figures."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Round, rounds_of
from benchmarks.results import LATEST, PAGE, Outcome, machine_facts, markdown, merged
from benchmarks.table import BENCHMARKS
from tests.lab import LabError, ensure_up

_BEGIN, _END = "<!-- results -->", "<!-- /results -->"


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--rounds", type=click.IntRange(1), help="How many, in place of each benchmark's own."
)
@click.option("--list", "as_list", is_flag=True, help="Only list the benchmarks.")
@click.option("--keep/--no-keep", default=True, help="Whether the figures are kept.")
def main(names: tuple[str, ...], *, rounds: int | None, as_list: bool, keep: bool) -> None:
    """Measure dockwarden side by side with what a user would pick instead."""
    if as_list:
        for one in BENCHMARKS:
            click.echo(f"{one.name:10} {one.title}")
        return
    unknown = [name for name in names if not any(_is_of(one.name, name) for one in BENCHMARKS)]
    if unknown:
        known = ", ".join(one.name for one in BENCHMARKS)
        raise click.UsageError(f"no benchmark named {', '.join(unknown)}; there are {known}")
    click.echo("the lab: seeing that its Docker engine is up; make lab-down ends it", err=True)
    try:
        engine = ensure_up(compose_required=True)
    except LabError as error:
        raise click.ClickException(str(error)) from error
    os.environ.update(engine.environment)
    logging.getLogger("engine").addHandler(logging.NullHandler())
    facts = machine_facts(engine)
    outcomes: list[Outcome] = []
    for one in BENCHMARKS:
        if names and not any(_is_of(one.name, name) for name in names):
            continue
        click.echo(f"{one.name}: {one.title}", err=True)
        measured: list[Round] = []
        with one.scene() as turns:
            for each in rounds_of(turns, rounds or one.rounds, warm_up=one.warm_up):
                measured.append(each)
                click.echo(f"  round {len(measured)}", err=True)
        outcomes.append(Outcome(one, tuple(measured)))
        if keep:
            _keep(outcomes[-1], facts)
    _print(outcomes)
    if keep:
        click.echo(f"kept in {LATEST} and on {PAGE}", err=True)


def _is_of(benchmark: str, name: str) -> bool:
    """Whether a name asks for a benchmark: it is its own, or that of its group (``start-checked`` is of ``start``)."""
    return benchmark == name or benchmark.startswith(f"{name}-")


def _keep(outcome: Outcome, facts: Mapping[str, Any]) -> None:
    """Put what was measured beside what was measured before, in the file and on the page."""
    before: dict[str, Any] = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    known = merged(before, [outcome], facts)
    results = {one.name: known[one.name] for one in BENCHMARKS if one.name in known}
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(results, indent=1) + "\n")
    table = f"{_BEGIN}\n{markdown(results)}\n{_END}"
    page = re.sub(f"{_BEGIN}.*{_END}", lambda _: table, PAGE.read_text(), flags=re.DOTALL)
    PAGE.write_text(page)


def _print(outcomes: list[Outcome]) -> None:
    table = Table("what", "against", "to reach", "median", "quartiles", "reached", "at best")
    for one in outcomes:
        for figure in one.figures:
            goal, spread = figure.goal, figure.spread
            table.add_row(
                goal.what,
                goal.against,
                goal.asked,
                f"{spread.median:.3g} {goal.unit}",
                f"{spread.low:.3g} to {spread.high:.3g}",
                "yes" if figure.reached else "no",
                "" if figure.bound is None else f"{figure.bound:.3g} {goal.unit}",
            )
        table.add_section()
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    for one in outcomes:
        if one.benchmark.note:
            click.echo(f"{one.benchmark.name}: {one.benchmark.note}")


if __name__ == "__main__":
    main()
