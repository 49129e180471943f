"""The GPU reading when the container became ready: later readings are compared with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import field, frozen

from engine.health.gpu.reading import GpuDevice, GpuReading, sum_known

__all__ = ["Baseline"]


@frozen
class Baseline:
    """The GPU reading when the container became ready.

    Attributes:
        used_bytes: the memory in use, by UUID; None for a device that does not tell.
        pids: the processes that computed on a device then, by UUID.
        own_pids: the processes that the backend's container had then, by the whole machine's numbers;
            None when they are not known.
        server_bytes: what the backend's own server held of each device, as far as that was reported.
        sibling_bytes: what the servers of other backends held of it, likewise.
    """

    used_bytes: Mapping[str, int | None]
    pids: Mapping[str, frozenset[int]] = field(factory=dict)
    own_pids: frozenset[int] | None = None
    server_bytes: Mapping[str, int] = field(factory=dict)
    sibling_bytes: Mapping[str, int] = field(factory=dict)

    def memory_used_bytes(self, devices: Iterable[GpuDevice]) -> int | None:
        """The memory that was in use on these devices together; None where none of them reported it."""
        return sum_known(
            self.used_bytes.get(device.uuid) for device in devices if device.uuid is not None
        )

    @classmethod
    def of(
        cls,
        reading: GpuReading,
        own_pids: Collection[int] | None = None,
        *,
        server_bytes: Mapping[str, int] | None = None,
        sibling_bytes: Mapping[str, int] | None = None,
    ) -> Baseline | None:
        """The baseline that a reading gives; None where nothing could be seen to compare with."""
        devices = {device.uuid: device for device in reading.devices if device.uuid is not None}
        if not devices:
            return None
        return cls(
            used_bytes={uuid: device.held_bytes for uuid, device in devices.items()},
            pids={
                uuid: frozenset(process.pid for process in device.processes or ())
                for uuid, device in devices.items()
            },
            own_pids=None if own_pids is None else frozenset(own_pids),
            server_bytes=server_bytes or {},
            sibling_bytes=sibling_bytes or {},
        )
