"""The table that is seen on a terminal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from rich.console import Console

from engine.campaign.events import AttemptEnded, AttemptStarted, Event
from engine.campaign.model import Campaign, Experiment
from engine.campaign.plan import plan
from engine.campaign.records import Results
from engine.campaign.runner import CampaignRunner
from engine.cli.live import live, picture
from engine.spec import Project, ServiceSpec
from tests.fake_runtime import FakeRuntime


def shown(runner: CampaignRunner) -> str:
    console = Console(file=StringIO(), width=100)
    console.print(picture(runner, asyncio.get_running_loop().time()))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_it_tells_states_experiments_and_progress(tmp_path: Path) -> None:
    project = Project("p", tmp_path, (tmp_path / "c.yml",), {"alpha": ServiceSpec("alpha")})
    experiments = tuple(Experiment(name, ("alpha",), ("run",)) for name in "xy")
    campaign = Campaign("c.yml", "c", tmp_path / "c.yml", tmp_path / "results", experiments)
    pictures: dict[str, str] = {}

    async def run() -> str:
        stream, fake = StringIO(), FakeRuntime()
        fake.will("execute", "alpha", 3)
        with Results.create(campaign.results, datetime.now(UTC)) as results:
            runner = CampaignRunner(campaign, project, fake, plan(campaign), results)

            def look(event: Event) -> None:
                if isinstance(event, AttemptStarted | AttemptEnded):
                    pictures[f"{type(event).__name__} {event.run.id}"] = shown(runner)

            runner.on_event(look)
            async with live(runner, stream):
                await runner.run()
        return stream.getvalue()

    said = asyncio.run(run())
    assert "alpha-x failed: exit code 3" in said
    running = pictures["AttemptStarted alpha-x"]
    assert "alpha-x" in running
    assert "0/2" in running
    done = pictures["AttemptEnded alpha-y"]
    assert "2/2" in done
    assert "1 failed" in done
    assert "1 completed" in done
