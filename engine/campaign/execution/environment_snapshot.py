"""Record the software and hardware of a backend's container, once for each of its starts."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final

from attrs import define, field

from engine.backend.backend import Backend
from engine.campaign.persistence.results import Results, unwritable
from engine.errors import DispatchError
from engine.spool import make_private
from engine.util.clock import utc_now

__all__ = ["EnvironmentSnapshots"]

_LOG: Final = logging.getLogger(__name__)

_FOLDER: Final = "environment"
_WITHIN_S: Final = 60.0
_MOST_BYTES: Final = 2**20

_COMMANDS: Final = {
    "python": ("sh", "-c", "python3 --version || python --version"),
    "packages": ("sh", "-c", "python3 -m pip freeze || uv pip freeze || pip freeze"),
    "nvidia-smi": ("sh", "-c", "nvidia-smi"),
    "os": ("sh", "-c", "cat /etc/os-release"),
}
"""The questions, by the names of their answers."""


@define(eq=False)
class EnvironmentSnapshots:
    """Takes snapshots, and remembers which have been taken.

    A snapshot is ``<backend>/environment/<session>-<generation>.json`` among the results, where session and
    generation are those of a record. What cannot be found out is a warning in it.
    """

    _results: Results
    _taken: set[tuple[str, int]] = field(factory=set, init=False)

    async def take(self, backend: Backend) -> None:
        """Take a snapshot of a backend that is ready, unless that was done since its last start.

        Raises:
            SetupError: it cannot be written.
        """
        start = (backend.name, backend.generation)
        if start in self._taken:
            return
        self._taken.add(start)
        container = backend.container
        told: dict[str, Any] = {
            "backend": backend.name,
            "session": self._results.session,
            "generation": backend.generation,
            "container_id": container and container.id,
            "image": container and container.image,
            "taken_at": utc_now().isoformat(),
        }
        warnings: list[str] = []
        for name, command in _COMMANDS.items():
            try:
                answer = await backend.ask(command, within_s=_WITHIN_S, most_bytes=_MOST_BYTES)
            except DispatchError as error:
                warnings.append(f"{name}: {error}")
                continue
            told[name] = answer.text
            if answer.problem:
                warnings.append(f"{name}: {answer.problem}")
        for warning in warnings:
            _LOG.warning("%s: its environment is not all known: %s", backend.name, warning)
        await asyncio.to_thread(self._write, backend, {**told, "warnings": warnings})

    def _write(self, backend: Backend, told: dict[str, Any]) -> None:
        name = f"{told['session'] or 0}-{told['generation']}.json"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        text = json.dumps(self._results.secrets.hide_within(told), indent=2) + "\n"
        try:
            with make_private(self._results.folder, PurePath(backend.name, _FOLDER)) as inside:
                part = f".{name}"
                with suppress(FileNotFoundError):  # of a controller that was killed meanwhile
                    os.unlink(part, dir_fd=inside)
                file = os.open(part, flags, 0o600, dir_fd=inside)
                with os.fdopen(file, "w", encoding="utf-8") as opened:
                    opened.write(text)
                os.rename(part, name, src_dir_fd=inside, dst_dir_fd=inside)
        except OSError as error:
            raise unwritable(self._results.folder, error) from error
