"""A backend on a runtime whose calls may go on when they are cancelled, for the tests of what comes late."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from attrs import frozen

from engine.backend import Backend, Effect
from engine.backend.machine import Machine
from engine.model.results import Transition
from engine.model.spec import ServiceSpec
from engine.policy import BackendPolicy
from engine.runtimes.base import ExecRequest
from states import BACKEND, Lifecycle
from tests.engine.spools import spool_in
from tests.engine.watched import later, until
from tests.fake_runtime import FakeRuntime


@frozen
class Deaf:
    """An outcome that is waited for even if the wait is cancelled."""

    outcome: asyncio.Future[Any]


class DeafRuntime(FakeRuntime):
    """Deaf calls continue when they are cancelled, and end as they would have."""

    def __init__(self) -> None:
        super().__init__()
        self.graces_s: list[float] = []

    async def _do(self, method: str, service: str, default: Any = None) -> Any:
        told = self._outcomes[method, service]
        if not (told and isinstance(told[0], Deaf)):
            return await super()._do(method, service, default)
        self.calls.append((method, service))
        outcome = told.popleft().outcome
        while not outcome.done():
            try:
                await asyncio.shield(outcome)
            except asyncio.CancelledError:
                continue
        return outcome.result()

    async def remove(self, service: str, *, grace_s: float) -> None:
        self.graces_s.append(grace_s)
        await super().remove(service, grace_s=grace_s)


class Scene:
    def __init__(self, folder: Path) -> None:
        self.spool = spool_in(folder)
        self.folder = self.spool.folder
        self.runtime = DeafRuntime()
        self.taken: list[Transition] = []

    def make(
        self,
        policy: BackendPolicy | None = None,
        lifecycle: Lifecycle = BACKEND,
        effects: dict[str, Effect] | None = None,
    ) -> Backend:
        backend = Backend(
            spec=ServiceSpec("alpha", stop_grace_period_s=8),
            runtime=self.runtime,
            machine=Machine(lifecycle),
            policy=policy or BackendPolicy(),
            spool=self.spool,
            on_transition=self.taken.append,
            rng=random.Random(1),
            effects=effects or {},
        )
        self.runtime.notify = backend.observe
        return backend

    async def ready(self, policy: BackendPolicy | None = None) -> Backend:
        backend = self.make(policy)
        backend.start()
        assert await backend.settled() == "ready"
        return backend

    async def stopped_under_a_launch(self, outcome: asyncio.Future[Any]) -> Backend:
        """A backend whose launch did not end, not even after 100 s; started again, at its gate."""
        self.runtime.will("launch", "alpha", Deaf(outcome))
        backend = self.make()
        backend.start()
        await until(lambda: self.runtime.called("launch") == 1)
        await backend.stop()
        assert asyncio.get_running_loop().time() == 100
        self.runtime.will("gate", "alpha", later())
        backend.start()
        await until(lambda: self.runtime.called("gate") == 1)
        return backend

    def request(self) -> ExecRequest:
        name = f"request-{len(self.runtime.requests)}"
        return ExecRequest(name, ("true",), self.folder / name)

    @property
    def path(self) -> list[str]:
        return [f"{step.source} {step.event} {step.target}" for step in self.taken]
