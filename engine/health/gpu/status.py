"""The health of one service as users of :class:`~engine.ContainerManager` get it."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from engine.health.gpu.reading import GpuDevice, GpuReading
from engine.health.gpu.verdict import Action, Health, Verdict

__all__ = ["ContainerHealthStatus"]

_GB: Final = 1024**3


@frozen
class ContainerHealthStatus:
    """How fit a service's container is.

    Attributes:
        service: the service.
        healthy: whether an experiment may be dispatched to it, as far as is known.
        reason: why, and what to do next.
        gpu_memory_used_gb: GPU memory in use, all visible devices together, in units of 2^30 bytes;
            None where it could not be read.
        gpu_memory_total_gb: GPU memory there is, likewise.
        verdict: ok, failing, or unknown. Unknown alone does not make it unhealthy: set by
            ``healthy`` where it is not given.
        devices: each visible device.
        action: what is worth trying.
    """

    service: str
    healthy: bool
    reason: str
    gpu_memory_used_gb: float | None = None
    gpu_memory_total_gb: float | None = None
    verdict: Health = field(kw_only=True)
    devices: tuple[GpuDevice, ...] = field(default=(), kw_only=True)
    action: Action = field(default=Action.NONE, kw_only=True)

    @verdict.default
    def _verdict(self) -> Health:
        return Health.OK if self.healthy else Health.FAILING

    @classmethod
    def of(
        cls, service: str, verdict: Verdict, reading: GpuReading | None = None
    ) -> ContainerHealthStatus:
        """The status that a verdict on a reading gives.

        Args:
            service: the service.
            verdict: what was made of it.
            reading: the reading of its GPUs, if they were checked.
        """
        return cls(
            service=service,
            healthy=verdict.health is not Health.FAILING,
            reason=verdict.reason,
            gpu_memory_used_gb=_gb(reading.memory_used_bytes if reading else None),
            gpu_memory_total_gb=_gb(reading.memory_total_bytes if reading else None),
            verdict=verdict.health,
            devices=reading.devices if reading else (),
            action=verdict.action,
        )


def _gb(amount_bytes: int | None) -> float | None:
    return None if amount_bytes is None else amount_bytes / _GB
