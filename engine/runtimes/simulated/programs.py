"""The program of each simulated command."""

from __future__ import annotations

import json
from typing import Final, Protocol

from attrs import define

from engine.runtimes.base import ExecRequest
from engine.runtimes.simulated.processes import (
    KILLED,
    TERMINATED,
    Process,
    Program,
    idle,
    lasting,
)

__all__ = ["Commands", "EachLasts", "ends_tree", "shows_gpus"]

_TOTAL_BYTES: Final = 80 * 2**30
_IDLE_BYTES: Final = 600 * 2**20


class Commands(Protocol):
    """Knows the programs of a world: what an image and an experiment's command are in a real one."""

    def main(self, service: str, command: tuple[str, ...]) -> Program:
        """Return the program of a service's container."""

    def check(self, service: str, command: tuple[str, ...]) -> Program:
        """Return the program of its health check."""

    def experiment(self, service: str, request: ExecRequest) -> Program | None:
        """Return the program of a command that is run in it; None where it is not found.

        Raises:
            PermissionError: it is not executable.
        """


@define
class EachLasts:
    """Every container stays up, every check passes, and every command takes as long and succeeds.

    Attributes:
        seconds: how long.
        one_shots: the services whose main process takes as long and succeeds, rather than staying up.
    """

    seconds: float = 1.0
    one_shots: frozenset[str] = frozenset()

    def main(self, service: str, command: tuple[str, ...]) -> Program:
        """Stays up; see :class:`Commands` for this and the methods below."""
        return lasting(self.seconds) if service in self.one_shots else idle

    def check(self, service: str, command: tuple[str, ...]) -> Program:
        """Passes at once."""
        return lasting(0)

    def experiment(self, service: str, request: ExecRequest) -> Program | None:
        """Takes its time and succeeds."""
        return lasting(self.seconds)


async def shows_gpus(process: Process) -> int:
    """The probe of the GPUs (:data:`engine.runtimes.in_container.GPU_PROBE`), in a container that has as many as it reserves."""
    container = process.container
    devices = [
        {
            "index": index,
            "uuid": f"GPU-{container.service}-{index}",
            "memory_used_bytes": _IDLE_BYTES + container.leaked_bytes,
            "memory_total_bytes": _TOTAL_BYTES,
            "temperature_c": 40,
            "processes": [],
        }
        for index in range(_count(process))
    ]
    await process.sleep(0.1)
    process.write(json.dumps({"source": "nvml", "devices": devices}).encode())
    return 0


def _count(process: Process) -> int:
    wanted = [gpu.count or len(gpu.device_ids) for gpu in process.container.spec.gpus]
    return sum(abs(count) for count in wanted)


def ends_tree(request: str, grace_s: float) -> Program:
    """The script that ends a request's process tree; exit code 0: nothing of it is left."""

    async def ends(process: Process) -> int:
        container = process.container
        for code, within_s in ((TERMINATED, grace_s), (KILLED, 0.0)):
            for one in container.tree(request):
                one.signal(code)
            waited_s = 0.0
            while container.tree(request) and waited_s < within_s:
                await process.sleep(min(0.1, within_s - waited_s))
                waited_s += 0.1
        return 1 if container.tree(request) else 0

    return ends
