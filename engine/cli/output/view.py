"""The view of a campaign while it runs: a live table on a terminal, else plain lines."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.campaign.execution.runner import CampaignRunner

__all__ = ["view"]


@asynccontextmanager
async def view(runner: CampaignRunner, *, to_stderr: bool, quiet: bool) -> AsyncIterator[None]:
    """Show a campaign's progress until the block ends."""
    stream = sys.stderr if to_stderr else sys.stdout
    if quiet:
        yield
    elif stream.isatty():
        from engine.cli.output.live import live

        async with live(runner, stream):
            yield
    else:
        from engine.cli.output.plain_progress import Lines

        runner.on_event(Lines(runner, stream).show)
        yield
