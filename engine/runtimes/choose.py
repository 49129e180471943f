"""From a runtime's name to the runtime. Its packages are imported here and no earlier."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, Literal

from engine.errors import RuntimeUnavailable
from engine.keep_alive import keep_alives
from engine.policy import BackendPolicy
from engine.runtimes.base import Runtime
from engine.spec import Project

__all__ = ["RuntimeName", "choose_runtime"]

_LOG: Final = logging.getLogger(__name__)

RuntimeName = Literal["auto", "docker", "process"]


async def choose_runtime(
    name: RuntimeName,
    project: Project,
    policies: Mapping[str, BackendPolicy],
    labels: Mapping[str, str] | None = None,
) -> Runtime:
    """The runtime of that name for a project.

    Args:
        name: ``auto`` is Docker where an engine answers, else processes.
        policies: how the backends are run, by service; they may declare a keep-alive.
        labels: further labels for what the runtime creates, where it has labels.
    """
    keep_alive = keep_alives(project, policies)
    if name == "docker" or (name == "auto" and await asyncio.to_thread(_engine_answers)):
        from engine.runtimes.docker.runtime import DockerRuntime

        return DockerRuntime(project, keep_alive=keep_alive, labels=labels)
    from engine.runtimes.process import ProcessRuntime

    return ProcessRuntime(project, keep_alive=keep_alive)


def _engine_answers() -> bool:
    from engine.runtimes.docker.client import connect

    try:
        connect().close()
    except RuntimeUnavailable as unavailable:
        _LOG.info("using the process runtime: %s", unavailable)
        return False
    return True
