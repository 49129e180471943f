"""Completions that a shell offers for the arguments of commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

__all__ = [
    "campaign_backends",
    "campaign_files",
    "journal_backends",
    "lifecycle_names",
    "result_folders",
]

_MOST_FILES: Final = 200
"""How many files are searched for campaigns, so that the shell answers at once."""

_Items = list[CompletionItem]


def campaign_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Items:  # noqa: ARG001
    """Campaign files at hand: in the folder that has been typed, and in those right below it."""
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    found = [str(file) for file in _campaigns(folder) if str(file).startswith(incomplete)]
    return _items(sorted(found)) or [CompletionItem(incomplete, type="file")]


def campaign_backends(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Items:  # noqa: ARG001
    """The backends that the campaign on the command line uses."""
    from engine.campaign.config.load import load_campaign
    from engine.errors import DockwardenError

    campaign = _typed(ctx, "campaign")
    if campaign is None:
        return []
    try:
        experiments = load_campaign(campaign).experiments
    except DockwardenError:
        return []
    names = dict.fromkeys(name for one in experiments for name in one.backends)
    return _items(name for name in names if name.startswith(incomplete))


def journal_backends(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Items:  # noqa: ARG001
    """The backends that the journal on the command line tells of."""
    from engine.errors import DockwardenError
    from engine.journal import Journal, find_journal

    path = _typed(ctx, "journal")
    if path is None:
        return []
    try:
        with Journal.read(find_journal(path)) as journal:
            return _items(name for name in journal.backends() if name.startswith(incomplete))
    except DockwardenError:
        return []


def result_folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Items:  # noqa: ARG001
    """Folders: the results of campaigns lie in them."""
    return [CompletionItem(incomplete, type="dir")]


def lifecycle_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> _Items:  # noqa: ARG001
    """The built-in lifecycles; files where Markdown files are wanted."""
    from engine.control.lifecycles import BUILT_IN

    if ctx.params.get("write") or ctx.params.get("check"):
        return [CompletionItem(incomplete, type="file")]
    return _items(name for name in BUILT_IN if name.startswith(incomplete))


def _typed(ctx: click.Context, name: str) -> Path | None:
    """A path that stands on the command line, as an option or as the first argument."""
    # Where the option to be completed still lacks its value, click leaves the arguments unnamed.
    given = ctx.params.get(name) or next(iter(ctx.args), None)
    return None if given is None else Path(given)


def _campaigns(folder: Path) -> Iterator[Path]:
    files = (file for form in ("*.y*ml", "*/*.y*ml") for file in folder.glob(form))
    for file in islice(files, _MOST_FILES):
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError):
            continue
        if any(line.startswith("experiments:") for line in text.splitlines()):
            yield file


def _items(names: Iterable[str]) -> _Items:
    # A line break or a control character in a name would reach the shell.
    return [CompletionItem(name) for name in names if name.isprintable()]
