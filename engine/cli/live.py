"""The live table on a terminal, drawn by rich from the event loop's own thread."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.campaign.eta import eta_s
from engine.campaign.events import Event, RunSettled
from engine.campaign.runner import CampaignRunner
from engine.campaign.summary import human_s
from engine.clock import now_s

__all__ = ["live", "picture"]

_EVERY_S: Final = 0.5
_NEVER: Final = "-"
_COLUMNS: Final = {
    "backend": 8,
    "state": 10,
    "experiment": 16,
    "for": 8,
    "done": 5,
    "restarts left": 0,
}
"""The headings, and how wide a column is at least, so that the table does not jump about."""

_STYLES: Final = {
    "starting": "yellow",
    "ready": "green",
    "busy": "cyan",
    "unhealthy": "red",
    "restarting": "yellow",
    "exhausted": "bold red",
    "completed": "green",
    "failed": "red",
    "lost": "red",
    "skipped": "yellow",
}


@asynccontextmanager
async def live(runner: CampaignRunner, stream: TextIO) -> AsyncIterator[None]:
    """Keep the table up to date until the block ends."""
    console = Console(file=stream)
    with Live(picture(runner, 0), console=console, auto_refresh=False) as shown:

        def on_event(event: Event) -> None:
            if isinstance(event, RunSettled) and event.state != "completed":
                console.print(Text(f"{event.run.id} {event.state}: {event.reason}"))

        runner.on_event(on_event)
        drawing = asyncio.create_task(_draw(runner, shown))
        try:
            yield
        finally:
            drawing.cancel()
            shown.update(picture(runner, now_s()), refresh=True)


async def _draw(runner: CampaignRunner, shown: Live) -> None:
    while True:
        shown.update(picture(runner, now_s()), refresh=True)
        await asyncio.sleep(_EVERY_S)


def picture(runner: CampaignRunner, now_s: float) -> RenderableType:
    """The table of backends, and how far the experiments are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, width in _COLUMNS.items():
        table.add_column(heading, min_width=width)
    for name in runner.backends:
        table.add_row(*_row(runner, name, now_s))
    return Group(table, _bar(runner, now_s))


def _row(runner: CampaignRunner, name: str, now_s: float) -> list[RenderableType]:
    backend = runner.controller.backends.get(name)
    state = backend.state if backend else "stopped"
    mine = [progress for progress in runner.progress.values() if progress.run.backend == name]
    current = next((progress for progress in mine if progress.since_s is not None), None)
    for_s = now_s - current.since_s if current and current.since_s is not None else None
    return [
        name,
        Text("stopping" if backend and backend.stopping else state, _STYLES.get(state, "")),
        current.run.id if current else _NEVER,
        human_s(for_s) if for_s is not None else _NEVER,
        f"{sum(progress.settled for progress in mine)}/{len(mine)}",
        str(backend.restarts_left) if backend else _NEVER,
    ]


def _bar(runner: CampaignRunner, now_s: float) -> RenderableType:
    counts = Counter(progress.state for progress in runner.progress.values() if progress.settled)
    settled, total = sum(counts.values()), len(runner.progress)
    left_s = eta_s(runner.campaign, runner.progress.values(), now_s)
    text = Text(f" {settled}/{total}")
    for state, count in counts.items():
        text.append(f"  {count} {state}", _STYLES[state])
    text.append("" if left_s is None or settled == total else f"  about {human_s(left_s)} left")
    grid = Table.grid()
    grid.add_column(width=30)
    grid.add_row(ProgressBar(total=max(total, 1), completed=settled, width=30), text)
    return grid
