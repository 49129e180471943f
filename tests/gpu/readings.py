"""Readings to judge, in as few words as a test needs."""

from __future__ import annotations

from engine.health.gpu import Baseline, GpuDevice, GpuProcess, GpuReading

MIB = 1024 * 1024
GPU_A = "GPU-a"
GPU_B = "GPU-b"


def device(
    uuid: str | None = GPU_A,
    *,
    used_mib: int | None = 600,
    total_mib: int = 40960,
    processes: tuple[GpuProcess, ...] | None = (),
    **more,
) -> GpuDevice:
    used_bytes = None if used_mib is None else used_mib * MIB
    values = {"index": 0, "memory_used_bytes": used_bytes, "memory_total_bytes": total_mib * MIB}
    return GpuDevice(**(values | {"uuid": uuid, "processes": processes} | more))


def reading(*devices: GpuDevice, **more) -> GpuReading:
    return GpuReading(source="nvml", driver="550.54.15", devices=devices, **more)


def baseline(*uuids: str, used_mib: int = 600, own_pids: tuple[int, ...] | None = None) -> Baseline:
    chosen = uuids or (GPU_A,)
    made = Baseline.of(reading(*(device(uuid, used_mib=used_mib) for uuid in chosen)), own_pids)
    assert made is not None
    return made
