"""Shared by the scenes on Docker: a folder with a compose file, campaigns on it, Compose's own command."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import frozen

from engine.campaign.config.load import check_services, load_campaign
from engine.campaign.events import Listener
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.persistence.results import Results
from engine.campaign.resumption.resume import journaled
from engine.campaign.runs.plan import plan
from engine.campaign.runs.summary import Summary
from engine.compose import load_project
from engine.journal import FILE_NAME, Journal
from engine.runtimes.selection import choose_runtime
from tests.lab import BASE_IMAGE

__all__ = ["Stage", "seconds", "stage"]

_FOREVER = ["sleep", "infinity"]


@frozen
class Stage:
    """A folder with a compose file.

    Attributes:
        folder: which.
        project: the project's name on the engine.
        services: its services, in order.
    """

    folder: Path
    project: str
    services: tuple[str, ...]

    @property
    def compose_file(self) -> Path:
        """The compose file."""
        return self.folder / "docker-compose.yml"

    def compose(self, *arguments: str, project: str | None = None) -> str:
        """Run the real Compose; returns what it printed."""
        argv = ["docker", "compose", "-f", str(self.compose_file), "-p", project or self.project]
        done = subprocess.run([*argv, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"docker compose {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    @contextlib.contextmanager
    def up(self, project: str) -> Iterator[str]:
        """Have Compose bring all services up under another project's name; gives that name."""
        self.compose("up", "-d", "--wait", project=project)
        try:
            yield project
        finally:
            self.compose("down", "-t", "0", "-v", project=project)

    def campaign(self, experiments: Sequence[dict[str, Any]], **keys: Any) -> Path:
        """Write a campaign file; returns where."""
        file = self.folder / "campaign.yml"
        document = {
            "name": self.project,
            "compose_file": "docker-compose.yml",
            "results": "results",
            "runtime": "docker",
            "experiments": list(experiments),
            **keys,
        }
        file.write_text(json.dumps(document))
        return file

    async def carry_out(self, file: Path, listener: Listener | None = None) -> Summary:
        """Run a campaign as the command does, its journal and records included."""
        campaign = load_campaign(file)
        project = load_project(campaign.compose_file)
        check_services(campaign, project)
        runs = plan(campaign)
        runtime = await choose_runtime(campaign.runtime, project, campaign.policies)
        with (
            Results.create(campaign.results, datetime.now(UTC)) as results,
            Journal.create(results.folder / FILE_NAME, campaign=campaign.name) as journal,
        ):
            journal.plan(journaled(runs))
            runner = CampaignRunner(campaign, project, runtime, runs, results, journal)
            if listener is not None:
                runner.on_event(listener)
            return await runner.run()


@contextlib.contextmanager
def stage(name: str, services: int = 1, **keys: Any) -> Iterator[Stage]:
    """A folder with a compose file of so many services that idle.

    Args:
        keys: further keys of each service.
    """
    names = tuple(f"backend{number}" for number in range(services))
    service = {"image": BASE_IMAGE, "command": _FOREVER, "init": True, **keys}
    document = {"name": f"bench-{name}", "services": dict.fromkeys(names, service)}
    with tempfile.TemporaryDirectory(prefix="dockwarden-bench-") as folder:
        (Path(folder) / "docker-compose.yml").write_text(json.dumps(document))
        yield Stage(Path(folder), f"bench-{name}", names)


def seconds(work: Any, *arguments: Any, **keys: Any) -> float:
    """How long a call takes, in seconds."""
    began = time.perf_counter()
    work(*arguments, **keys)
    return time.perf_counter() - began
