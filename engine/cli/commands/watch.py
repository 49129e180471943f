"""``dockwarden watch``: look on from another terminal."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from engine.cli.exit_codes import DONE
from engine.cli.output.messages import show

if TYPE_CHECKING:
    from engine.cli.output.dashboard import Picture
    from engine.journal import JournalReader

__all__ = ["ended", "watch"]

_EVERY_S: Final = 1.0


@click.command()
@click.argument("journal", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Show the present state, and end.")
def watch(journal: Path, *, once: bool) -> int:
    """Watch the campaign that writes JOURNAL, or the journal in a folder of results.

    It reads only the journal, and disturbs nothing. It ends when the campaign's session ends, or when the
    controller is gone. Without a terminal it shows the present state, waits, and shows the final state.

    \b
    Example:
      dockwarden watch results/
    """
    from rich.console import Console
    from rich.live import Live

    from engine.journal import Journal, find_journal

    with Journal.read(find_journal(journal)) as reader:
        console = Console(file=sys.stdout)
        if once:
            console.print(_picture(reader))
            return DONE
        if console.is_terminal:
            with Live(_picture(reader), console=console, auto_refresh=False) as shown:
                while not ended(reader):
                    time.sleep(_EVERY_S)
                    shown.update(_picture(reader), refresh=True)
        elif not ended(reader):
            console.print(_picture(reader))
            while not ended(reader):
                time.sleep(_EVERY_S)
        if not console.is_terminal:
            console.print(_picture(reader))
        show(ended(reader))
    return DONE


def _picture(reader: JournalReader) -> Picture:
    from engine.campaign.snapshot import of_journal
    from engine.cli.output.dashboard import Picture
    from engine.util.redaction import Secrets

    return Picture(of_journal(reader, datetime.now(UTC), Secrets.of(os.environ)))


def ended(reader: JournalReader) -> str:
    """Why nothing more is to be seen, in words; empty while there is."""
    *_, last = reader.sessions()
    if last.ended_at is not None:
        return f"it ended at {last.ended_at:%Y-%m-%d %H:%M:%S} UTC"
    if not last.owner.alive:
        return f"its controller, {last.owner}, is gone; run it again to resume it"
    return ""
