"""``dockwarden diagram``: a lifecycle as a picture."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

import click

from engine.cli.completers import journal_backends, lifecycle_names
from engine.cli.exit_codes import DONE, FAILED
from engine.cli.output.markdown_blocks import fenced, rewritten
from engine.cli.output.messages import aside, document, show
from engine.errors import InputError, SetupError
from engine.util.printable import printable

if TYPE_CHECKING:
    from states import Lifecycle
    from states.diagram import Course

__all__ = ["Form", "block", "diagram"]

Form = Literal["mermaid", "dot", "svg", "png", "table", "json"]
ThemeName = Literal["auto", "light", "dark"]

_LANGUAGES: Final = {"mermaid": "mermaid", "dot": "dot", "json": "json"}
"""The language of a block of code in Markdown; a table is Markdown already."""

_MARKER: Final = re.compile(
    rf"diagram\s+(?P<name>\S+)\s+(?P<form>table|{'|'.join(_LANGUAGES)})"
    r"(?P<flags>(?:\s+--(?:all|brief))*)"
)


class _Moment(click.ParamType[datetime]):
    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """A moment in ISO 8601; UTC unless it says otherwise."""
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time, such as 2026-01-31T10:15:00Z", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


@click.command()
@click.argument("names", nargs=-1, metavar="[LIFECYCLE | FILES...]", shell_complete=lifecycle_names)
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Form)),
    default="mermaid",
    show_default=True,
    help="The format to write; svg and png need Graphviz.",
)
@click.option(
    "--theme",
    type=click.Choice(get_args(ThemeName)),
    default="auto",
    show_default=True,
    help="Colours of dot, svg and png; with auto an svg follows the page, and the others are light.",
)
@click.option("--all", "every", is_flag=True, help="Draw every edge, those of a stop too.")
@click.option("--brief", is_flag=True, help="Leave out meanings, guards, actions and the note.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path),
    help="Show the states of this journal's backends (or runs), and how often each edge was taken.",
)
@click.option(
    "--at", type=_Moment(), help="With --journal: the states at that time (ISO 8601, UTC)."
)
@click.option(
    "--backend",
    metavar="BACKEND",
    shell_complete=journal_backends,
    help="With --journal: only this backend.",
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Write to this file, not to stdout."
)
@click.option("--write", is_flag=True, help="Update the diagrams in Markdown FILES.")
@click.option("--check", is_flag=True, help="List the Markdown FILES that are out of date.")
def diagram(
    names: tuple[str, ...],
    *,
    form: Form,
    theme: ThemeName,
    every: bool,
    brief: bool,
    journal: Path | None,
    at: datetime | None,
    backend: str | None,
    output: Path | None,
    write: bool,
    check: bool,
) -> int:
    """Draw LIFECYCLE: backend, experiment, or a custom one as package.module:NAME.

    Solid blue arrows are the normal way, dashed orange ones lead into trouble, dotted green ones out of
    it. An event that leaves most states alike, such as a stop, is written in a note.

    With --write, diagrams are kept in Markdown FILES, between lines such as

    \b
      <!-- dockwarden diagram backend mermaid -->
      <!-- /dockwarden -->

    where the words are a lifecycle, a format (mermaid, table, dot, json) and perhaps --all or --brief. With
    --check, the exit code is 1 when a file is out of date.

    \b
    Example:
      dockwarden diagram experiment --format svg -o experiment.svg
      dockwarden diagram --journal results/kernels --format svg -o now.svg
      dockwarden diagram --check README.md docs/*.md
    """
    if write or check:
        return _keep(names, write=write)
    if len(names) > 1:
        raise click.UsageError("one lifecycle at a time; files go with --write or --check")
    if journal is None and (at or backend):
        raise click.UsageError("--at and --backend go with --journal")
    from engine.control.lifecycles import find_lifecycle

    lifecycle = find_lifecycle(names[0] if names else "backend")
    course = None if journal is None else _course(journal, lifecycle, backend, at)
    if form == "png" and output is None and sys.stdout.isatty():
        raise click.UsageError("a terminal cannot show a PNG; give it a file with --output")
    made = _drawn(lifecycle, form, theme, course, every=every, brief=brief)
    if output is None:
        document(made)
        return DONE
    try:
        output.write_bytes(made)
    except OSError as error:
        raise SetupError(f"{output} cannot be written: {error.strerror}") from error
    return DONE


def block(words: str) -> str:
    """The Markdown that belongs between markers, for the words after ``dockwarden`` in the first.

    Raises:
        ValueError: these words mean nothing.
        LifecycleUnknown: they name no lifecycle.
    """
    from engine.control.lifecycles import find_lifecycle

    marker = _MARKER.fullmatch(words)
    if not marker:
        raise ValueError(
            "a marker is written <!-- dockwarden diagram LIFECYCLE FORMAT -->, perhaps with --all"
            f" or --brief after the format, which is table, {' or '.join(_LANGUAGES)}"
        )
    name, form, flags = marker["name"], marker["form"], marker["flags"].split()
    every, brief = "--all" in flags, "--brief" in flags
    text = _text(find_lifecycle(name), form, None, every=every, brief=brief)
    return text if form == "table" else fenced(text, _LANGUAGES[form])


def _keep(files: tuple[str, ...], *, write: bool) -> int:
    """Bring the diagrams in Markdown files up to date, or tell which are not."""
    if not files:
        raise click.UsageError("which Markdown files?")
    stale = 0
    for file in map(Path, files):
        try:
            before = file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file} cannot be read: {error}") from error
        after = rewritten(before, block, file=str(file))
        if after == before:
            continue
        stale += 1
        if write:
            file.write_bytes(after.encode())
        show(printable(f"{file}: {'updated' if write else 'out of date'}"))
    if stale and not write:
        aside("dockwarden diagram --write brings them up to date")
        return FAILED
    return DONE


def _course(path: Path, lifecycle: Lifecycle, backend: str | None, at: datetime | None) -> Course:
    from engine.campaign.resumption.replay import backend_course, run_course
    from engine.journal import Journal, find_journal
    from states import EXPERIMENT

    with Journal.read(find_journal(path)) as journal:
        known = journal.backends()
        if backend is not None and backend not in known:
            raise click.UsageError(
                f"it has no backend {backend!r}, but {', '.join(known) or 'none'}"
            )
        if lifecycle is EXPERIMENT:
            return run_course(journal, backend=backend, until=at)
        return backend_course(journal, lifecycle, backend=backend, until=at)


def _drawn(
    lifecycle: Lifecycle,
    form: Form,
    theme: ThemeName,
    course: Course | None,
    *,
    every: bool,
    brief: bool,
) -> bytes:
    if form in {"mermaid", "table", "json"}:
        return _text(lifecycle, form, course, every=every, brief=brief).encode()
    from states.diagram import DARK, LIGHT, dark_style, draw, to_dot

    text = to_dot(
        draw(lifecycle, course, every=every, brief=brief), DARK if theme == "dark" else LIGHT
    )
    if form == "dot":
        return text.encode()
    from engine.cli.output.graphviz import draw_with_dot

    style = dark_style() if theme == "auto" else ""
    return draw_with_dot(text, "svg" if form == "svg" else "png", style=style)


def _text(
    lifecycle: Lifecycle, form: str, course: Course | None, *, every: bool, brief: bool
) -> str:
    from states.diagram import draw, to_data, to_dot, to_mermaid, to_table

    if form == "table":
        return to_table(lifecycle, course)
    if form == "json":
        return json.dumps(to_data(lifecycle, course), indent=2) + "\n"
    drawing = draw(lifecycle, course, every=every, brief=brief)
    return to_dot(drawing) if form == "dot" else to_mermaid(drawing)
