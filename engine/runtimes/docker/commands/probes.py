"""Running a container's health check by an exec, as the engine would: with nothing but the command itself.

It needs neither a shell nor a folder in the container, since a service that others depend on may have neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import docker.errors
from docker.api import APIClient

from engine.errors import ContainerLost
from engine.model.spec import HealthCheck
from engine.runtimes.base import Checked, Container
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls, said
from engine.runtimes.exit_status import CANNOT_RUN
from engine.runtimes.health_gate import TIMEOUT_S

__all__ = ["Probes", "image_check"]

_MOST_BYTES: Final = 4096
"""As much of what a check prints as the engine keeps."""

_SHOWN: Final = 300
"""So many characters of it are quoted."""

_NOT_RUNNING: Final = (404, 409)


class Probes:
    """Runs health checks, one at a time in each container.

    Args:
        calls: the way to the engine.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._late: dict[str, str] = {}

    async def run(
        self, container: Container, command: Sequence[str], check: HealthCheck
    ) -> Checked:
        """Run a check once; see :meth:`~engine.runtimes.base.Checkable.check`."""
        within_s = check.timeout_s or TIMEOUT_S
        late = f"no answer within its timeout of {within_s:g} s"
        try:
            if await self._runs_on(container):
                return Checked(f"{late}; it still runs")
            exec_id = await self._calls(
                lambda client: client.exec_create(container.id, list(command)), repeatable=True
            )
            self._late[container.id] = exec_id["Id"]
            try:
                async with asyncio.timeout(within_s):
                    printed = await self._calls(self._start(exec_id["Id"]), settle=False)
            except TimeoutError:
                return Checked(late)
            found = await self._calls(lambda client: client.exec_inspect(exec_id["Id"]))
        except ENGINE_ERRORS as error:
            return _refused(container, error)
        code = found["ExitCode"]
        if code == 0:
            return Checked()
        words = " ".join(printed.decode(errors="replace").split()) or "it says nothing"
        if len(words) > _SHOWN:  # the end tells most, of a traceback above all
            words = f"... {words[-_SHOWN:]}"
        return Checked(f"exit code {code}: {words}", cannot_run=code in CANNOT_RUN)

    async def _runs_on(self, container: Container) -> bool:
        """Whether a check that was given up has not ended yet; the engine has no way to end it."""
        late = self._late.get(container.id)
        if late is None:
            return False
        try:
            found = await self._calls(lambda client: client.exec_inspect(late))
        except docker.errors.NotFound:
            return False
        return bool(found["Running"])

    def _start(self, exec_id: str) -> Callable[[APIClient], bytes]:
        def start(client: APIClient) -> bytes:
            stream = client.exec_start(exec_id, stream=True)
            self._calls.on_cut(stream.close)
            printed = b""
            for piece in stream:  # to its end: the check ends with it
                printed += piece[: _MOST_BYTES - len(printed)]
            return printed

        return start


def _refused(container: Container, error: Exception) -> Checked:
    """Judge the failure to run a check.

    Raises:
        ContainerLost: its container does not run.
    """
    reason = said(error)
    if getattr(error, "status_code", None) in _NOT_RUNNING:
        raise ContainerLost(container.service, f"its container does not run: {reason}") from error
    started = isinstance(error, docker.errors.APIError)
    return Checked(f"it could not be run: {reason}", cannot_run=started)


def image_check(config: Mapping[str, Any]) -> HealthCheck | None:
    """The health check of an image, from its configuration as the engine shows it."""
    told = config.get("Healthcheck") or {}
    test = tuple(told.get("Test") or ())
    if not test:
        return None
    return HealthCheck(
        test,
        interval_s=_seconds(told.get("Interval")),
        timeout_s=_seconds(told.get("Timeout")),
        start_period_s=_seconds(told.get("StartPeriod")),
        start_interval_s=_seconds(told.get("StartInterval")),
        retries=told.get("Retries") or None,
    )


def _seconds(nanoseconds: int | None) -> float | None:
    return nanoseconds / 1e9 if nanoseconds else None
