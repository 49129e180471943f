"""A command that ended by itself has exited, even if a fault hits it or its container in that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.backend import Backend
from engine.backend.execution import Limits
from engine.errors import ContainerLost
from engine.model.results import Ended, Ending, Fault
from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.util.virtual_clock import run
from tests.engine.test_backend import Scene
from tests.engine.watched import until
from tests.fake_runtime import FakeRuntime


class EndsFirst(FakeRuntime):
    """Its command has ended by itself once it is to be killed; its output takes a while to come."""

    def __init__(
        self, *, lost: bool = False, left: bool = False, fetched_after_s: float = 0
    ) -> None:
        super().__init__()
        self.lost = lost
        self.left = left
        self.fetched_after_s = fetched_after_s
        self.asked = asyncio.Event()

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        self.calls.append(("execute", container.service))
        await self.asked.wait()
        for _ in range(int(self.fetched_after_s)):
            await asyncio.sleep(1)
            with (request.folder / "stdout").open("a") as output:
                output.write("more\n")
        if self.lost:
            error = ContainerLost(container.service, "it went away")
            error.ended = ExecResult(7)
            raise error
        return ExecResult(7)

    async def kill(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        self.asked.set()
        return not self.left


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def _stopped(backend: Backend) -> None:
    await backend.stop(grace_s=1)


async def _reported(backend: Backend) -> None:
    backend.report(Fault("seen from outside"))


async def _hurried(backend: Backend) -> None:
    first = asyncio.create_task(backend.stop(grace_s=1))
    await asyncio.sleep(0)
    await backend.stop(grace_s=0)
    await first


def _outcome(
    scene: Scene, runtime: Callable[[], FakeRuntime], comes: Callable[[Backend], object] | None
) -> Ended:
    async def story() -> Ended:
        scene.runtime = runtime()
        backend = await scene.ready()
        limits = Limits(timeout_s=None if comes else 5)
        work = asyncio.create_task(backend.execute(scene.request(), limits))
        await until(lambda: scene.runtime.called("execute") == 1)
        if comes is not None:
            await comes(backend)  # type: ignore[misc]
        return await work

    return run(story())


WAYS = pytest.mark.parametrize(
    "comes", [_stopped, _hurried, _reported, None], ids=["stop", "two stops", "fault", "limit"]
)


@WAYS
@pytest.mark.parametrize("left", [False, True], ids=["alone", "with what cannot be ended"])
def test_its_exit_code_is_kept(
    scene: Scene, comes: Callable[[Backend], object] | None, *, left: bool
) -> None:
    ended = _outcome(scene, lambda: EndsFirst(left=left), comes)
    assert (ended.ending, ended.exit_code, ended.reason) == (Ending.EXITED, 7, "")


@WAYS
def test_its_exit_code_is_kept_when_its_container_goes_away_after_it(
    scene: Scene, comes: Callable[[Backend], object] | None
) -> None:
    ended = _outcome(scene, lambda: EndsFirst(lost=True), comes)
    assert (ended.ending, ended.exit_code) == (Ending.EXITED, 7)


def test_the_loss_of_its_container_is_a_fault_all_the_same(scene: Scene) -> None:
    _outcome(scene, lambda: EndsFirst(lost=True), None)
    assert "busy fault unhealthy" in scene.path
    assert "busy finish ready" not in scene.path


def test_a_stop_waits_for_its_output_as_long_as_more_of_it_comes(scene: Scene) -> None:
    ended = _outcome(scene, lambda: EndsFirst(fetched_after_s=60), _stopped)
    assert (ended.ending, ended.exit_code) == (Ending.EXITED, 7)
    assert ended.stdout.read_text() == "more\n" * 60


def test_what_was_killed_is_interrupted_whatever_its_exit_code(scene: Scene) -> None:
    async def story() -> Ended:
        backend, work = await scene.busy()
        await backend.stop(grace_s=1)
        ended: Ended = await work
        return ended

    assert run(story()).ending is Ending.INTERRUPTED
