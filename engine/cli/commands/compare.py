"""``dockwarden compare``: groups of runs, by what was measured of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.exit_codes import DONE
from engine.cli.options import format_of, output_option, runs_argument
from engine.cli.output.messages import aside
from engine.cli.output.written_file import put

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.results.compare import Comparison

__all__ = ["compare"]

_FORMATS = ("md", "csv", "json", "html")


@click.command()
@runs_argument
@click.option(
    "--by",
    metavar="NAME",
    multiple=True,
    default=("experiment", "backend"),
    help="Group by a parameter, a key or a column such as backend; several make finer groups."
    " Default: experiment and backend.",
)
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    default=("duration_s",),
    help="Compare a metric, or a column of numbers. May be repeated. Default: duration_s.",
)
@click.option(
    "--baseline",
    metavar="NAME=VALUE",
    default="",
    help="Give ratios to this group, such as backend=pytorch: to the group that is the same in all other columns.",
)
@click.option(
    "--where",
    metavar="SELECTOR",
    multiple=True,
    help="Only the runs that this selects, such as model=llama*,backend=vllm; as for run --only.",
)
@click.option(
    "--better",
    metavar="NAME=higher|lower",
    multiple=True,
    help="Whether higher or lower values of a metric are better. Default: lower for times, energy, memory and errors.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, help="The seed of the bootstrap (default: 0)."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="The output format. Default: by the suffix of the file, else md.",
)
@output_option
@click.option(
    "--plot",
    "plots",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw it as well, to a file that ends in .png, .svg or .pdf: one metric as bars, two against each"
    " other with their Pareto front. Takes the extra plot.",
)
@click.option(
    "--theme",
    type=click.Choice(("light", "dark")),
    default="light",
    show_default=True,
    help="The colours of the picture.",
)
def compare(
    runs: tuple[Path, ...],
    *,
    by: tuple[str, ...],
    metrics: tuple[str, ...],
    baseline: str,
    where: tuple[str, ...],
    better: tuple[str, ...],
    seed: int,
    form: str | None,
    output: Path | None,
    plots: tuple[Path, ...],
    theme: str,
) -> int:
    """Compare groups of the runs in each RUN: median, spread, count, and ratio to a baseline.

    A RUN is the folder of a run of a campaign, its results.jsonl, or a folder that holds several of them. The
    last attempt of each completed run counts. Failed runs, earlier attempts and warm-up runs do not; a note below the table counts them.

    \b
    Example:
      dockwarden compare results/kernels --by backend --metric duration_s
      dockwarden compare results/serve --by model --by backend --metric tokens_per_s --baseline backend=pytorch
      dockwarden compare results/serve --by batch --metric tokens_per_s --metric ttft_ms --plot front.png
    """
    from engine import results

    rows = results.load(runs)
    found = results.compare(
        *(rows, by, metrics),
        baseline=baseline,
        where=where,
        better=_better(better),
        seed=seed,
    )
    if not found.groups:
        raise click.UsageError(f"there is nothing to compare; {' '.join(results.notes(found))}")
    for file in plots:
        results.draw(found, file, theme=theme)
        aside(f"written: {file}")
    if put(_text(found, format_of(form, output, _FORMATS)), output):
        aside(f"written: {output}")
    return DONE


def _text(found: Comparison, form: str) -> str:
    from engine.results import pages, tables

    writers: dict[str, Callable[[Comparison], str]] = {
        "md": tables.to_markdown,
        "csv": tables.to_csv,
        "json": tables.to_json,
        "html": pages.to_html,
    }
    return writers[form](found)


def _better(told: tuple[str, ...]) -> dict[str, bool]:
    """Whether less is better, by the name of the metric."""
    found = {}
    for one in told:
        name, _, way = one.rpartition("=")
        if not name or way not in ("higher", "lower"):
            raise click.UsageError(f"--better {one}: write NAME=higher or NAME=lower")
        found[name] = way == "lower"
    return found
