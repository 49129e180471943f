"""The judge of GPUs: from a reading to a verdict, by a table on NVML's codes and a few rules.

Where the rules come from: NVML's own description of its codes; NVIDIA's advice on memory errors (row
remapping, reset); nvidia-container-toolkit#48 for the container that loses its devices when systemd reloads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from engine.health.gpu.baseline import Baseline
from engine.health.gpu.holders import Sibling, Whose
from engine.health.gpu.memory import memory_findings
from engine.health.gpu.reading import GpuDevice, GpuReading, NvmlError
from engine.health.gpu.verdict import OK, Action, Health, Verdict
from engine.model.container import ContainerProcesses
from engine.policy.gpu import GpuPolicy

__all__ = ["BY_CODE", "judge_gpu"]

_INCURABLE: Final = (Action.GIVE_UP,)
_LOST_ACCESS: Final = (Action.RESTART, Action.RECREATE, Action.GIVE_UP)
_WRONG_SET: Final = (Action.RECREATE, Action.GIVE_UP)
_NO_ANSWER: Final = (Action.RESTART, Action.RECREATE)


@frozen
class _Row:
    """The meaning of an NVML code."""

    what: str
    fix: str
    ladder: tuple[Action, ...] = _INCURABLE


BY_CODE: Final[Mapping[int, _Row]] = {
    9: _Row(
        "the NVIDIA driver is not loaded",
        "load it on the host (modprobe nvidia) and see that nvidia-smi works there",
    ),
    11: _Row(
        "the GPU's interrupts do not arrive", "look into the host's kernel log, then reboot it"
    ),
    12: _Row(
        "the driver's library is not all there",
        "reinstall the driver on the host, and the NVIDIA Container Toolkit",
    ),
    15: _Row(
        "the GPU is lost: it fell off the bus or cannot be reached",
        "reboot the host; if it comes again, check its power, seat and cooling",
    ),
    16: _Row(
        "the GPU must be reset before it can be used again",
        "stop everything that uses it, then run nvidia-smi --gpu-reset, or reboot the host",
    ),
    18: _Row(
        "the driver's library and its kernel module are of different versions",
        "reboot the host, or reload the module, after the driver's update",
    ),
    28: _Row("the GPU cannot be found any more", "recreate the container", _WRONG_SET),
    999: _Row(
        "the container has lost its access to the GPU, as after systemctl daemon-reload",
        "restart it, then recreate it; to be rid of it list the devices under /dev/nvidia* in the"
        " compose file, or use the toolkit's CDI mode",
        _LOST_ACCESS,
    ),
}
"""The meanings of NVML's codes, and their cures. Any other code means that NVML gave no answer: unknown."""


def judge_gpu(
    reading: GpuReading,
    baseline: Baseline | None,
    policy: GpuPolicy,
    own_pids: Collection[int] | None = None,
    *,
    processes: ContainerProcesses | None = None,
    siblings: Sequence[Sibling] = (),
) -> Verdict:
    """Judge what a reading means for its backend.

    Args:
        reading: taken while the backend is idle: a working one may use as much memory as it likes.
        baseline: what was so at readiness; None to judge without, as for readiness itself. Memory is
            then judged by the policy's percentage alone, if it has one.
        policy: the limits.
        own_pids: the processes of the backend's container, by the whole machine's numbers; None when
            they are not known: then no memory is taken for a stranger's.
        processes: these, and which of them are its own server's; None when that is not known.
        siblings: the other backends.

    Returns:
        the worst of what was found, with all of it in the reason.
    """
    whose = Whose(own_pids, processes, siblings)
    found = list(_findings(reading, baseline, policy, whose))
    if not found:
        return OK
    found.sort(key=_severity, reverse=True)
    worst = found[0]
    reason = "; ".join(dict.fromkeys(verdict.reason for verdict in found))
    devices = dict.fromkeys(device for verdict in found for device in verdict.devices)
    return Verdict(worst.health, reason, worst.ladder, tuple(devices))


def _severity(verdict: Verdict) -> tuple[int, int]:
    return list(Health).index(verdict.health), list(Action).index(verdict.action)


def _findings(
    reading: GpuReading,
    baseline: Baseline | None,
    policy: GpuPolicy,
    whose: Whose,
) -> Iterator[Verdict]:
    if reading.unreadable is not None:
        # What could never be seen is no reason to restart; what could be seen before is.
        ladder = _NO_ANSWER if baseline else (Action.NONE,)
        yield Verdict(Health.UNKNOWN, reading.unreadable, ladder)
        return
    if reading.error is not None:
        yield _meaning(reading.error)
        return
    if reading.warnings:
        yield Verdict(Health.OK, f"{reading.source} warns: {' '.join(reading.warnings)}")
    yield from _presence(reading, baseline)
    for device in reading.devices:
        yield from _condition(device, policy)
    for device in reading.memory_devices:
        yield from memory_findings(device, baseline, policy, whose)


def _meaning(error: NvmlError, device: GpuDevice | None = None) -> Verdict:
    """Judge an error: by the table, else unknown."""
    devices = (device.label,) if device else ()
    about = f"{device.label}: " if device else ""
    row = BY_CODE.get(error.code) if error.code is not None else None
    if row is None:
        reason = f"{about}NVML gave no answer: {error}; look again, and at nvidia-smi on the host"
        return Verdict(Health.UNKNOWN, reason, _NO_ANSWER, devices)
    reason = f"{about}{row.what} (NVML {error.code}); {row.fix}"
    return Verdict(Health.FAILING, reason, row.ladder, devices)


def _presence(reading: GpuReading, baseline: Baseline | None) -> Iterator[Verdict]:
    """Whether the devices are those that were there at readiness."""
    if not reading.devices and baseline is None:
        reason = "no GPU is visible; check the reservation in the compose file, and nvidia-smi"
        yield Verdict(Health.FAILING, reason, _WRONG_SET)
    if baseline is None:
        return
    now = {device.uuid for device in reading.devices if device.uuid is not None}
    gone = sorted(baseline.used_bytes.keys() - now)
    come = sorted(now - baseline.used_bytes.keys())
    if len(gone) <= sum(device.uuid is None for device in reading.devices):
        gone = []  # still there, but too broken to say which one it is: its error tells
    if gone or come:
        changes = [f"gone: {', '.join(gone)}"] * bool(gone) + [f"new: {', '.join(come)}"] * bool(
            come
        )
        before, after = len(baseline.used_bytes), len(reading.devices)
        reason = (
            f"the visible GPUs changed from {before} to {after} since readiness"
            f" ({'; '.join(changes)}); recreate the container"
        )
        yield Verdict(Health.FAILING, reason, _WRONG_SET, (*gone, *come))


def _condition(device: GpuDevice, policy: GpuPolicy) -> Iterator[Verdict]:
    """Whether the device itself is sound."""
    if device.error is not None:
        yield _meaning(device.error, device)
    errors, allowed = device.ecc_uncorrected, policy.ecc_uncorrected_max
    if errors is not None and errors > allowed:
        reason = (
            f"{device.label}: {errors} uncorrectable memory errors since the driver was loaded,"
            f" {allowed} allowed; reset the GPU, and replace it if they come again"
        )
        yield Verdict(Health.FAILING, reason, _INCURABLE, (device.label,))
    rows = device.remapped_rows
    if rows is not None and rows.failed:
        reason = f"{device.label}: a broken memory row could not be remapped; replace the GPU"
        yield Verdict(Health.FAILING, reason, _INCURABLE, (device.label,))
    elif rows is not None and rows.pending:
        reason = f"{device.label}: a memory row waits to be remapped; reset the GPU when convenient"
        yield Verdict(Health.OK, reason, devices=(device.label,))
