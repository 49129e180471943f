"""A rehearsal: a campaign run on the simulated runtime, to see how long it takes and what it comes to.

Nothing is started and nothing is kept. On a virtual clock days pass in seconds.
"""

from __future__ import annotations

import io
import os
import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from engine.backend.lifecycle import BackendLifecycle
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.model import Campaign
from engine.campaign.persistence.results import Results
from engine.campaign.planning.estimates import Estimates
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.campaign.runs.plan import PlannedRun
from engine.campaign.runs.summary import Summary, human_s
from engine.errors import InputError, StartError, TeardownError
from engine.model.results import Ended
from engine.model.spec import Condition, HealthCheck, Project, ServiceSpec
from engine.policy.keep_alive import keep_alives
from engine.runtimes.base import ExecRequest
from engine.runtimes.simulated import EachLasts, Faults, Program, SimulatedRuntime, lasting

__all__ = ["Rehearsal", "rehearse"]

_MEMORY: Final = "/dev/shm"  # noqa: S108 - the folder in it has an unpredictable name
"""Where folders cost next to nothing; each run has one, though nothing is written into it."""

_ASIDE_S: Final = 0.1
"""How long a readiness command takes, in seconds."""


@frozen
class Rehearsal:
    """The result of a simulated campaign.

    Attributes:
        summary: of the campaign, in virtual time.
        exhausted: why backends take no more runs, by name.
        estimates: what it was built on.
        rate: the share of opportunities that faults struck.
        seed: of the faults.
        struck: how often each fault struck, by name.
        error: what went wrong with the campaign as a whole; empty if nothing did.
    """

    summary: Summary
    exhausted: Mapping[str, str]
    estimates: Estimates
    rate: float
    seed: int
    struck: Counter[str]
    error: str = ""

    @property
    def duration_s(self) -> float:
        """How long the campaign takes, from the first start to the end of the teardown, in seconds."""
        return (self.summary.ended_at - self.summary.started_at).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """It as plain data, for ``--json``."""
        told = self.summary.to_dict()
        del told["results"]
        return {
            "simulated": True,
            **told,
            "error": self.error,
            "exhausted": dict(self.exhausted),
            "estimates": {**dict.fromkeys(("declared", "recorded", "default"), 0)}
            | dict(self.estimates.sources),
            "estimates_from": str(self.estimates.folder) if self.estimates.folder else None,
            "faults": {"rate": self.rate, "seed": self.seed, "struck": dict(self.struck)},
        }

    def to_text(self) -> str:
        """It for people."""
        runtime, results = (f"  {word}: " for word in ("runtime", "results"))
        lines = [
            line
            for line in self.summary.to_text().splitlines()
            if not line.startswith((runtime, results))
        ]
        lines[0] += " of simulated time; nothing was started"
        ends = f"{self.summary.ended_at:%Y-%m-%d %H:%M} UTC"
        lines.append(f"  takes {human_s(self.duration_s)}: begun now, it ends at {ends}")
        lines += [f"  {self.error}"] if self.error else []
        lines += [f"  {name} exhausted: {reason}" for name, reason in self.exhausted.items()]
        lines.append(f"  {self.estimates.line}")
        starts = [f"{name} {human_s(took)}" for name, took in self.estimates.starts_s.items()]
        lines.append(f"  until ready: {', '.join(starts)}")
        lines.append(f"  {self._faults()}")
        return "\n".join(lines)

    def _faults(self) -> str:
        if not self.rate:
            return "faults: none (--faults RATE)"
        struck = [f"{name} {count}" for name, count in sorted(self.struck.items())]
        given = f"faults: {self.rate:g} of all opportunities, seed {self.seed}"
        return f"{given}: {', '.join(struck) or 'none struck'}"


class _Expected(EachLasts):
    """Commands that take as long as is expected of them."""

    def __init__(self, estimates: Estimates, one_shots: frozenset[str]) -> None:
        super().__init__(_ASIDE_S, one_shots)
        self._estimates = estimates

    def experiment(self, service: str, request: ExecRequest) -> Program | None:
        run = request.id.rpartition(".")[0]
        return lasting(self._estimates.runs_s.get(run, _ASIDE_S))


class _Unrecorded(Results):
    """Results that are not kept."""

    def write(self, record: AttemptRecord) -> None:
        pass

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        pass

    def output(self, ended: Ended) -> dict[str, Any]:
        return {}


async def rehearse(
    campaign: Campaign,
    project: Project,
    runs: Sequence[PlannedRun],
    expected: Estimates,
    *,
    rate: float = 0.0,
    seed: int = 0,
    lifecycle: BackendLifecycle | None = None,
) -> Rehearsal:
    """Run a campaign's runs on the simulated runtime; call it on a loop with a virtual clock.

    Args:
        expected: how long runs and starts take.
        rate: the share of all opportunities that faults strike, from 0 to 1.
        seed: of the faults; with the same one all goes the same way.
        lifecycle: the one that the campaign names; None for the built-in one.

    Raises:
        InputError: the lifecycle has effects, which would act on the real world.
        ComposeError: a needed service asks for what no runtime can do.
    """
    lifecycle = lifecycle or BackendLifecycle()
    if lifecycle.effects:
        raise InputError(
            f"{campaign.lifecycle} cannot be simulated: its effects ({', '.join(sorted(lifecycle.effects))}) would"
            " run for real; test it with SimulatedManager, which takes effects of a test"
        )
    faults = Faults(rate, random.Random(seed))  # noqa: S311 - simulated chance
    simulated = _starting(project, expected)
    runtime = SimulatedRuntime(
        simulated,
        keep_alive=keep_alives(project, campaign.policies),
        commands=_Expected(expected, _one_shots(project)),
        faults=faults,
        keep_output=False,
    )
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="dockwarden-simulated-", dir=memory) as folder:
        results = _Unrecorded(Path(folder), io.StringIO(), durable=False)
        runner = CampaignRunner(campaign, simulated, runtime, runs, results, lifecycle=lifecycle)
        error = ""
        try:
            await runner.run()
        except (StartError, TeardownError) as failed:  # that is what it comes to
            error = str(failed)
        summary = runner.summary()
    return Rehearsal(
        summary=evolve(summary, results=""),
        exhausted=runner.fleet.given_up,
        estimates=expected,
        rate=rate,
        seed=seed,
        struck=faults.struck,
        error=error,
    )


def _starting(project: Project, expected: Estimates) -> Project:
    """Return the project with services that become ready after the expected time, without their checks."""

    def starting(spec: ServiceSpec) -> ServiceSpec:
        took_s = expected.starts_s.get(spec.name, 0.0)
        check = HealthCheck(("CMD", "ready"), interval_s=took_s, start_period_s=0.0)
        return evolve(spec, healthcheck=check if took_s else None)

    services = {name: starting(spec) for name, spec in project.services.items()}
    return evolve(project, services=services)


def _one_shots(project: Project) -> frozenset[str]:
    return frozenset(
        other
        for spec in project.services.values()
        for other, dependency in spec.depends_on.items()
        if dependency.condition is Condition.COMPLETED
    )
