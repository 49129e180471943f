"""A runtime whose every answer the test decides: in memory, on the test's own event loop."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.model.results import LeftProcess
from engine.model.service_change import ServiceChange
from engine.runtimes.base import (
    Container,
    ExecRequest,
    ExecResult,
    Happening,
    Notice,
    Observation,
)
from engine.runtimes.in_container import GPU_PROBE


class FakeRuntime:
    """Follows its script; without one, everything succeeds at once.

    ``fake.will("gate", "alpha", outcome, ...)`` queues what the next calls do: an exception is raised, a
    future is waited for (and its result treated in the same way), anything else is returned.

    A GPU check counts as ``look``, any other command as ``execute``. The output of checks comes from
    ``fake.will_print("alpha", text, ...)``: one after the other, the last one for good.
    """

    name = "fake"
    description = "a runtime of the tests"

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.requests: list[ExecRequest] = []
        self.alive: dict[str, Observation] = {}
        self.notify: Callable[[Notice], None] = lambda _notice: None
        self._outcomes: dict[tuple[str, str], deque[Any]] = defaultdict(deque)
        self._prints: dict[str, deque[str]] = {}
        self._running: dict[str, asyncio.Future[Any]] = {}
        self._starts = 0
        self.changes: dict[str, ServiceChange | None] = {}
        self.made: dict[str, list[ServiceChange | None]] = defaultdict(list)

    def will(self, method: str, service: str, *outcomes: Any) -> None:
        self._outcomes[method, service].extend(outcomes)

    def will_print(self, service: str, *texts: str) -> None:
        self._prints[service] = deque(texts)

    def called(self, method: str, service: str | None = None) -> int:
        return sum(1 for m, s in self.calls if m == method and service in (None, s))

    def die(self, service: str, exit_code: int = 137) -> None:
        """The container's main process ends, from outside."""
        observation = self.alive[service]
        self.alive[service] = Observation(observation.container, running=False, exit_code=exit_code)
        self.notify(Notice(Happening.DIED, service, observation.container.id))

    async def _do(self, method: str, service: str, default: Any = None) -> Any:
        self.calls.append((method, service))
        outcomes = self._outcomes[method, service]
        outcome = outcomes.popleft() if outcomes else default
        await asyncio.sleep(0)
        if isinstance(outcome, asyncio.Future):
            outcome = await outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def open(self, on_notice: Callable[[Notice], None]) -> None:
        self.notify = on_notice
        await self._do("open", "")

    async def close(self) -> None:
        await self._do("close", "")

    async def prepare(self, services: Sequence[str]) -> None:
        await self._do("prepare", ",".join(services))

    async def adopt(
        self, service: str, folder: Path, request: ExecRequest | None = None
    ) -> Container | None:
        found: Container | None = await self._do("adopt", service)
        if found is not None:
            self.alive[service] = Observation(found, running=True)
        return found

    async def launch(self, service: str, folder: Path) -> Container:
        await self._do("launch", service)
        return self._up(service, f"{service}-container-{self._starts + 1}")

    async def relaunch(self, container: Container, *, recreate: bool, folder: Path) -> Container:
        await self._do("recreate" if recreate else "restart", container.service)
        new = f"{container.service}-container-{self._starts + 1}"
        return self._up(container.service, new if recreate else container.id)

    def change(self, service: str, change: ServiceChange | None) -> None:
        self.changes[service] = change

    def _up(self, service: str, container_id: str) -> Container:
        self._starts += 1
        self.made[service].append(self.changes.get(service))
        container = Container(service, container_id, started_at=f"start {self._starts}")
        self.alive[service] = Observation(container, running=True)
        return container

    async def gate(self, container: Container) -> None:
        await self._do("gate", container.service)

    async def complete(self, container: Container) -> int:
        return int(await self._do("complete", container.service, 0))

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        look = request.command == GPU_PROBE
        (request.folder / "stdout").write_text(self._printed(container.service) if look else "")
        (request.folder / "stderr").touch()
        request.before()
        return await self._run("look" if look else "execute", container, request)

    async def attach(self, container: Container, request: ExecRequest) -> ExecResult:
        return await self._run("attach", container, request)

    async def _run(self, method: str, container: Container, request: ExecRequest) -> ExecResult:
        self.requests.append(request)
        ended: asyncio.Future[Any] = asyncio.ensure_future(self._do(method, container.service, 0))
        killed = asyncio.get_running_loop().create_future()
        self._running[request.id] = killed
        await asyncio.wait({ended, killed}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            return ExecResult(ended.result())
        return ExecResult(killed.result(), by_itself=False)

    def _printed(self, service: str) -> str:
        texts = self._prints.get(service) or deque([""])
        return texts.popleft() if len(texts) > 1 else texts[0]

    async def kill(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        gone = bool(await self._do("kill", container.service, True))
        running = self._running.get(request.id)
        if gone and running is not None and not running.done():
            running.set_result(143 if grace_s else 137)
        return gone

    async def leftovers(
        self, container: Container, request: ExecRequest
    ) -> tuple[LeftProcess, ...]:
        if not self._outcomes["leftovers", container.service]:
            return ()
        left: tuple[LeftProcess, ...] = await self._do("leftovers", container.service)
        return left

    async def inspect(self, service: str) -> Observation | None:
        told = await self._do("inspect", service)
        return told if told is not None else self.alive.get(service)

    async def pids(self, container: Container) -> frozenset[int] | None:
        told: frozenset[int] | None = await self._do("pids", container.service)
        return told

    async def logs(self, service: str, lines: int) -> list[str]:
        logged: list[str] = await self._do("logs", service, ["its last words"])
        return logged

    async def remove(self, service: str, *, grace_s: float) -> None:
        await self._do("remove", service)
        self.alive.pop(service, None)

    async def sweep(self) -> Mapping[str, str]:
        left: Mapping[str, str] = await self._do("sweep", "", {})
        return left
