"""What GPUs are judged by: the user's limits, and what was so when the container became ready."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le, optional

from engine.gpu.reading import GpuDevice, GpuReading, sum_known

__all__ = ["Baseline", "GpuPolicy"]


@frozen
class GpuPolicy:
    """How strictly GPUs are judged.

    Attributes:
        residual_mib: how much more memory than at readiness may be in use while idle, in MiB, per
            device. Drivers and caches move by hundreds of MiB; 100 gave false alarms, 1024 did not.
        gpu_memory_threshold_pct: judge by this share of all memory, in percent, in place of what is
            more than at readiness. Wrong for servers that reserve most of it by design.
        ecc_uncorrected_max: how many uncorrectable memory errors since the driver was loaded are let
            pass, per device.
        failing_after: so many looks in a row must find it failing before that counts.
        unknown_after: so many looks in a row must stay without a finding before that counts.
    """

    residual_mib: int = field(default=1024, validator=ge(0))
    gpu_memory_threshold_pct: float | None = field(
        default=None, validator=optional(and_(gt(0), le(100)))
    )
    ecc_uncorrected_max: int = field(default=0, validator=ge(0))
    failing_after: int = field(default=2, validator=ge(1))
    unknown_after: int = field(default=5, validator=ge(1))


@frozen
class Baseline:
    """What the GPUs showed when the container became ready.

    Attributes:
        used_bytes: the memory in use, by UUID; None for a device that does not tell.
        pids: the processes that computed on a device then, by UUID.
        own_pids: the processes that the backend's container had then, by the whole machine's numbers;
            None when they are not known.
    """

    used_bytes: Mapping[str, int | None]
    pids: Mapping[str, frozenset[int]] = field(factory=dict)
    own_pids: frozenset[int] | None = None

    def memory_used_bytes(self, devices: Iterable[GpuDevice]) -> int | None:
        """The memory that was in use on these devices together; None where none of them told."""
        return sum_known(
            self.used_bytes.get(device.uuid) for device in devices if device.uuid is not None
        )

    @classmethod
    def of(cls, reading: GpuReading, own_pids: Collection[int] | None = None) -> Baseline | None:
        """The baseline that a reading gives; None where nothing could be seen to compare with."""
        devices = {device.uuid: device for device in reading.devices if device.uuid is not None}
        if not devices:
            return None
        return cls(
            used_bytes={uuid: device.memory_used_bytes for uuid, device in devices.items()},
            pids={
                uuid: frozenset(process.pid for process in device.processes or ())
                for uuid, device in devices.items()
            },
            own_pids=None if own_pids is None else frozenset(own_pids),
        )
