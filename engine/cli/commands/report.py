"""``dockwarden report``: the results of a campaign, to read and to pass on."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.completers import lifecycle_names
from engine.cli.exit_codes import DONE
from engine.cli.options import format_of
from engine.cli.output.messages import aside, document
from engine.cli.output.written_file import write

__all__ = ["report"]

_FORMATS = ("html", "json", "csv", "md")


@click.command()
@click.argument("journal", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="The output format. Default: by the suffix of the file, else html.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The file to write; - is standard output. Default: report.html beside the journal; the"
    " other formats go to standard output.",
)
@click.option(
    "--lines",
    type=click.IntRange(0, 100),
    default=20,
    show_default=True,
    help="How many of the last lines of each attempt's output to quote.",
)
@click.option(
    "--lifecycle",
    default="backend",
    metavar="MODULE:NAME",
    shell_complete=lifecycle_names,
    help="The lifecycle that the campaign named, where it named one.",
)
def report(
    journal: Path, *, form: str | None, output: Path | None, lines: int, lifecycle: str
) -> int:
    """Write a report of JOURNAL, or of the journal in a folder of results.

    The HTML page needs nothing else: it opens from the disk, without a server or a network. It may be
    made while the campaign runs.

    \b
    Example:
      dockwarden report results/
      dockwarden report results/ --format csv --output attempts.csv
    """
    from engine import report as made
    from engine.control.lifecycles import find_lifecycle
    from engine.journal import Journal, find_journal

    form = format_of(form, output, _FORMATS)
    render = {
        "html": made.to_html,
        "json": made.to_json,
        "csv": made.to_csv,
        "md": made.to_markdown,
    }[form]
    file = find_journal(journal)
    with Journal.read(file) as reader:
        text = render(made.gather(reader, lines=lines, lifecycle=find_lifecycle(lifecycle)))
    if output is None and form == "html":
        output = file.resolve().with_name("report.html")
    if output is None or str(output) == "-":
        document(text if text.endswith("\n") else f"{text}\n")
        return DONE
    write(output, text.encode())
    aside(f"written: {output}")
    return DONE
