"""A campaign on a fake runtime, and what has become of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import evolve

from engine.campaign.events import AttemptStarted, Event
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.model import Campaign, Experiment
from engine.campaign.persistence.results import Results
from engine.campaign.runs.plan import plan
from engine.model.spec import Project, ServiceSpec
from engine.policy import BackendPolicy, RestartPolicy
from engine.util import virtual_clock
from tests.fake_runtime import FakeRuntime

AT_ONCE = BackendPolicy(restart=RestartPolicy(max_restarts=2, backoff_s=0))


class Stage:
    """A campaign of x and y on alpha and beta, and all that is needed to run it."""

    def __init__(self, folder: Path) -> None:
        self.fake = FakeRuntime()
        self.folder = folder
        self.project = Project(
            name="stage",
            directory=folder,
            files=(folder / "docker-compose.yml",),
            services={name: ServiceSpec(name) for name in ("alpha", "beta", "unused")},
        )
        self.campaign = Campaign(
            file="stage.yml",
            name="stage",
            compose_file=folder / "docker-compose.yml",
            results=folder / "results",
            experiments=tuple(
                Experiment(name, ("alpha", "beta"), ("run", name), {"TOKEN": "hush"})
                for name in ("x", "y")
            ),
            policies={"alpha": AT_ONCE, "beta": AT_ONCE},
        )
        self.events: list[Event] = []
        self.runner: CampaignRunner

    def change(self, **changes: Any) -> None:
        self.campaign = evolve(self.campaign, **changes)

    def run(self, on_event: Callable[[Event], None] | None = None) -> dict[str, str]:
        """Run the campaign, and return the state of each of its runs."""

        async def run() -> None:
            with Results.create(self.campaign.results, datetime.now(UTC)) as results:
                self.runner = CampaignRunner(
                    self.campaign, self.project, self.fake, plan(self.campaign), results
                )
                self.runner.on_event(self.events.append)
                if on_event is not None:
                    self.runner.on_event(on_event)
                await self.runner.run()

        virtual_clock.run(run())
        return self.states

    @property
    def states(self) -> dict[str, str]:
        return {outcome.run: outcome.state for outcome in self.runner.summary().outcomes}

    @property
    def reasons(self) -> dict[str, str]:
        return {outcome.run: outcome.reason for outcome in self.runner.summary().outcomes}

    @property
    def records(self) -> list[dict[str, Any]]:
        lines = (self.campaign.results / "latest" / "results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def started(self) -> list[str]:
        return [event.run.id for event in self.events if isinstance(event, AttemptStarted)]

    def is_down(self) -> bool:
        return not self.fake.alive and self.fake.called("close") >= 1
