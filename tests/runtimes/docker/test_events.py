"""The event stream may break off at any time; nothing is lost by it, and nothing is done on its word alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.model.spec import Project, ServiceSpec
from engine.runtimes.base import ExecRequest, Happening, Notice
from engine.runtimes.docker.runtime import DockerRuntime
from tests.lab import BASE_IMAGE

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

KEPT = ServiceSpec("alpha", image=BASE_IMAGE, command=("sleep", "infinity"))


def test_an_experiment_outlives_a_broken_stream_and_everybody_is_told_to_look(
    tmp_path: Path,
) -> None:
    seen: list[Happening] = []

    async def story() -> int:
        blind = asyncio.Event()

        def on_notice(notice: Notice) -> None:
            seen.append(notice.happening)
            if notice.happening is Happening.BLIND:
                blind.set()

        runtime = DockerRuntime(Project("dockwarden-events", tmp_path, (), {"alpha": KEPT}))
        await runtime.open(on_notice)
        try:
            folder = tmp_path / "alpha"
            (folder / "one").mkdir(parents=True)
            container = await runtime.launch("alpha", folder)
            line = "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 3"
            request = ExecRequest("one", ("sh", "-c", line), folder / "one")
            experiment = asyncio.create_task(runtime.execute(container, request))
            go = ExecRequest("two", ("touch", "/tmp/go"), folder / "two")
            go.folder.mkdir()
            events = runtime._events
            assert events is not None
            assert events._stream is not None
            events._stream.close()
            await runtime.execute(container, go)
            await blind.wait()
            return (await experiment).exit_code
        finally:
            await runtime.remove("alpha", grace_s=0)
            await runtime.close()

    async def bounded() -> int:
        async with asyncio.timeout(120):
            return await story()

    assert asyncio.run(bounded()) == 3
    assert Happening.BLIND in seen
