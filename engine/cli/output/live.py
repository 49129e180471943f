"""The live view on a terminal, drawn by rich from the event loop's own thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.campaign.events import Adopted, AttemptReattached, Event, RunSettled
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.snapshot import of_runner
from engine.cli.output.closed_pipe import Unread
from engine.cli.output.dashboard import Picture
from engine.cli.output.plain_progress import taken_over
from engine.util.clock import now_s
from engine.util.printable import printable

__all__ = ["live"]

_EVERY_S: Final = 0.5


@asynccontextmanager
async def live(runner: CampaignRunner, stream: TextIO) -> AsyncIterator[None]:
    """Keep the view up to date until the block ends."""
    console = Console(file=cast("TextIO", Unread(stream)))  # it has what rich asks of one
    with Live(_picture(runner), console=console, auto_refresh=False) as shown:

        def on_event(event: Event) -> None:
            if isinstance(event, Adopted | AttemptReattached):
                console.print(Text(printable(taken_over(event))))
            elif isinstance(event, RunSettled) and event.state != "completed":
                console.print(Text(printable(f"{event.run.id} {event.state}: {event.reason}")))

        runner.on_event(on_event)
        drawing = asyncio.create_task(_draw(runner, shown))
        try:
            yield
        finally:
            drawing.cancel()
            shown.update(_picture(runner), refresh=True)


async def _draw(runner: CampaignRunner, shown: Live) -> None:
    while True:
        scene = of_runner(runner, now_s())
        scene = await asyncio.to_thread(scene.with_lines, runner.results.secrets)
        shown.update(Picture(scene), refresh=True)
        await asyncio.sleep(_EVERY_S)


def _picture(runner: CampaignRunner) -> Picture:
    """Make the part of the picture for which no file has to be read."""
    return Picture(of_runner(runner, now_s()))
