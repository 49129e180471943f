"""What chance makes of a seed: a campaign, and what its commands do."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from engine.campaign.model import Campaign, Experiment, Isolation, Order, Pauses, Refresh
from engine.health import HealthPolicy
from engine.model.results import Ending
from engine.model.service_change import ServiceChange
from engine.model.spec import GpuRequest, HealthCheck, Project, ServiceSpec
from engine.policy import BackendPolicy, RestartPolicy, RetryPolicy
from engine.runtimes.base import ExecRequest
from engine.runtimes.simulated import EachLasts, Program, lasting

__all__ = ["Drawn", "campaign"]

_EXCLUSIVE: Final = 0.15
_READY: Final = ("ready",)
_CHECK: Final = HealthCheck(("CMD", "check"), interval_s=1.0, start_period_s=0.0)
_RETRIED: Final = (Ending.TIMEOUT, Ending.EXITED, Ending.SILENCE)


class Drawn(EachLasts):
    """Commands whose length and exit code are left to chance, the same for the same command."""

    def __init__(self, seed: int) -> None:
        super().__init__(0.1)
        self._seed = seed

    def experiment(self, service: str, request: ExecRequest) -> Program | None:
        chance = random.Random(f"{self._seed} {request.id}")
        if request.command == _READY:
            return lasting(1.0, chance.choice((0, 0, 1)))
        return lasting(chance.expovariate(1 / 40), chance.choice((0, 0, 0, 0, 1, 75)))


def campaign(chance: random.Random, folder: Path) -> tuple[Campaign, Project]:
    """A random campaign."""
    names = ("alpha", "beta", "gamma")[: chance.choice((1, 1, 2, 3))]
    specs = {
        name: ServiceSpec(
            name,
            gpus=(GpuRequest(count=1),) if chance.random() < 0.3 else (),
            healthcheck=_CHECK if chance.random() < 0.4 else None,
            stop_grace_period_s=chance.choice((0.0, 10.0)),
        )
        for name in names
    }
    policies = {
        name: BackendPolicy(
            restart=RestartPolicy(
                max_restarts=chance.choice((0, 1, 2, 5)),
                window_s=chance.choice((None, None, 60.0)),
                max_in_window=2,
                backoff_s=chance.choice((0.0, 1.0, 20.0)),
                refund_after_s=chance.choice((None, None, None, 120.0)),
            ),
            ready_within_s=chance.choice((20.0, 300.0)),
            health=HealthPolicy(ready_command=_READY if chance.random() < 0.2 else None),
        )
        for name in names
    }
    exclusive = chance.random() < _EXCLUSIVE
    experiments = tuple(
        Experiment(
            f"e{number}",
            names if chance.random() < 0.5 else (chance.choice(names),),
            ("work",),
            timeout_s=chance.choice((60.0, 600.0)),
            silence_s=chance.choice((None, None, 45.0)),
            isolation=chance.choices(tuple(Isolation), (8, 1, 1))[0],
            service=chance.choice((None, None, ServiceChange({"LIMIT": "1"}))),
        )
        for number in range(chance.randint(1, 4))
    )
    made = Campaign(
        file="soak.yml",
        name="soak",
        compose_file=folder,
        results=folder,
        experiments=experiments,
        policies=policies,
        refresh={name: Refresh(every=2) for name in names if chance.random() < 0.2},
        order=chance.choice(list(Order)),
        seed=chance.randrange(1000),
        pauses=Pauses(chance.choice((0.0, 0.0, 5.0))),
        retry=RetryPolicy(
            max_attempts=chance.randint(1, 3),
            on=frozenset({Ending.LOST, *chance.sample(list(_RETRIED), k=1)}),
            exit_codes=frozenset({75}),
        ),
        eager=chance.random() < 0.7 and not exclusive,
        parallel=chance.random() < 0.7 and not exclusive,
        exclusive=exclusive,
        grace_s=chance.choice((0.0, 10.0)),
    )
    return made, Project("soak", folder, (), specs)
