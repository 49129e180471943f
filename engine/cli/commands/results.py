"""``dockwarden results``: the results of campaigns as one table."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from engine.cli.exit_codes import DONE
from engine.cli.options import format_of, output_option, runs_argument
from engine.cli.output.messages import aside, show
from engine.cli.output.written_file import is_stdout, put

__all__ = ["results"]

_FORMATS = ("csv", "parquet", "json", "jsonl")
_SNIPPETS = {
    "pandas": """\
from engine.results import load

frame = load({paths}).to_pandas()
counted = frame[(frame["outcome"] == "completed") & frame["last"] & ~frame["warmup"].fillna(False)]
print(counted.groupby("backend")["duration_s"].describe())""",
    "polars": """\
import polars as pl

from engine.results import load

frame = load({paths}).to_polars()
counted = frame.filter(pl.col("outcome") == "completed", pl.col("last"), ~pl.col("warmup").fill_null(False))
print(counted.group_by("backend").agg(pl.median("duration_s"), pl.len()))""",
    "duckdb": """\
# dockwarden results {arguments} --format parquet -o results.parquet
import duckdb

print(duckdb.sql(\"\"\"
    SELECT backend, median(duration_s), count(*)
    FROM 'results.parquet'
    WHERE outcome = 'completed' AND last AND NOT coalesce(warmup, false)
    GROUP BY backend
\"\"\"))""",
}


@click.command()
@runs_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="The output format; jsonl is an object on each line. Parquet takes the extra parquet, and -o. Default:"
    " what the name of the file ends with, else csv.",
)
@output_option
@click.option(
    "--where",
    metavar="SELECTOR",
    multiple=True,
    help="Only the rows that this selects, such as model=llama*,outcome=completed; as for run --only.",
)
@click.option(
    "--snippet",
    type=click.Choice(tuple(_SNIPPETS)),
    help="Print only a few lines of Python that read these results with that library.",
)
def results(
    runs: tuple[Path, ...],
    *,
    form: str | None,
    output: Path | None,
    where: tuple[str, ...],
    snippet: str | None,
) -> int:
    """Write the results of each RUN as one table: a row for each attempt.

    A RUN is the folder of a run of a campaign, its results.jsonl, or a folder that holds several of them. Runs
    that had no attempt have a row as well. Columns are described in docs/compare.md. It may be read while a
    campaign runs.

    \b
    Example:
      dockwarden results results/kernels -o kernels.csv
      dockwarden results results/kernels/latest --format parquet -o kernels.parquet
      dockwarden results results/kernels --snippet pandas
    """
    from engine.campaign.runs.selection import chosen
    from engine.results import Rows, load

    if snippet is not None:
        paths = [str(path) for path in runs]
        show(_SNIPPETS[snippet].format(paths=paths, arguments=shlex.join(paths)))
        return DONE
    form = format_of(form, output, _FORMATS)
    if form == "parquet" and is_stdout(output):
        raise click.UsageError("Parquet is not for a terminal; name a file with -o")
    rows = load(runs)
    kept = chosen(rows, lambda row: row, only=where, where="the table") if where else rows
    table = Rows.of(kept, rows.columns)
    if form == "parquet":
        assert output is not None
        table.to_parquet(output)
    else:
        text = table.to_csv() if form == "csv" else table.to_json(lines=form == "jsonl")
        if not put(text, output):
            return DONE
    aside(f"written: {output} ({len(table)} rows)")
    return DONE
