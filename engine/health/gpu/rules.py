"""The judge of GPUs: from a reading to a verdict, by a table on NVML's codes and a few rules.

Where the rules come from: NVML's own description of its codes; NVIDIA's advice on memory errors (row
remapping, reset); nvidia-container-toolkit#48 for the container that loses its devices when systemd reloads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from attrs import frozen

from engine.health.gpu.baseline import Baseline
from engine.health.gpu.reading import GpuDevice, GpuProcess, GpuReading, NvmlError
from engine.health.gpu.verdict import OK, Action, Health, Verdict
from engine.policy.gpu import GpuPolicy

__all__ = ["BY_CODE", "judge_gpu"]

_MIB: Final = 1024 * 1024

_INCURABLE: Final = (Action.GIVE_UP,)
_LOST_ACCESS: Final = (Action.RESTART, Action.RECREATE, Action.GIVE_UP)
_WRONG_SET: Final = (Action.RECREATE, Action.GIVE_UP)
_NO_ANSWER: Final = (Action.RESTART, Action.RECREATE)
_OURS: Final = (Action.KILL_LEFTOVERS, Action.RESTART)


@frozen
class _Row:
    """What an NVML code means."""

    what: str
    mend: str
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
"""What NVML's codes mean and what cures them. Any other code says that NVML gave no answer: unknown."""


def judge_gpu(
    reading: GpuReading,
    baseline: Baseline | None,
    policy: GpuPolicy,
    own_pids: Collection[int] | None = None,
) -> Verdict:
    """What a reading means for the backend it was taken in.

    Args:
        reading: taken while the backend is idle: a working one may use as much memory as it likes.
        baseline: what was so at readiness; None to judge without, as for readiness itself. Memory is
            then judged by the policy's percentage alone, if it has one.
        policy: the limits.
        own_pids: the processes of the backend's container, by the whole machine's numbers; None when
            they are not known: then no memory is taken for a stranger's.

    Returns:
        the worst of what was found, with all of it in the reason.
    """
    found = list(_findings(reading, baseline, policy, own_pids))
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
    own_pids: Collection[int] | None,
) -> Iterator[Verdict]:
    if reading.unreadable is not None:
        # What could never be seen is no reason to restart; what could be seen before is.
        ladder = _NO_ANSWER if baseline else (Action.NONE,)
        yield Verdict(Health.UNKNOWN, reading.unreadable, ladder)
        return
    if reading.error is not None:
        yield _meaning(reading.error)
        return
    yield from _presence(reading, baseline)
    for device in reading.devices:
        yield from _condition(device, policy)
    for device in reading.memory_devices:
        yield from _memory(device, baseline, policy, own_pids)


def _meaning(error: NvmlError, device: GpuDevice | None = None) -> Verdict:
    """What an error means: by the table, else unknown."""
    devices = (device.label,) if device else ()
    about = f"{device.label}: " if device else ""
    row = BY_CODE.get(error.code) if error.code is not None else None
    if row is None:
        reason = f"{about}NVML gave no answer: {error}; look again, and at nvidia-smi on the host"
        return Verdict(Health.UNKNOWN, reason, _NO_ANSWER, devices)
    reason = f"{about}{row.what} (NVML {error.code}); {row.mend}"
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


def _memory(
    device: GpuDevice,
    baseline: Baseline | None,
    policy: GpuPolicy,
    own_pids: Collection[int] | None,
) -> Iterator[Verdict]:
    """Whether too much memory is in use, and whose it is."""
    limit_bytes = _limit_bytes(device, baseline, policy)
    used_bytes = device.memory_used_bytes
    if limit_bytes is None or used_bytes is None or used_bytes < limit_bytes:
        return
    seen = (
        f"{device.label}: {used_bytes // _MIB} MiB in use while idle, the limit is"
        f" {limit_bytes // _MIB} MiB"
    )
    holders = _Holders.of(device, baseline, own_pids)
    if holders.are_strangers(used_bytes - limit_bytes):
        reason = f"{seen}; others hold it{holders.named}; wait for them, or use another GPU"
        yield Verdict(Health.FAILING, reason, (Action.WAIT,), (device.label,))
    else:
        reason = f"{seen}{holders.named}; end what an experiment has left running, then restart"
        yield Verdict(Health.FAILING, reason, _OURS, (device.label,))


def _limit_bytes(device: GpuDevice, baseline: Baseline | None, policy: GpuPolicy) -> int | None:
    """From how much used memory on it is too much; None when that cannot be said."""
    if policy.gpu_memory_threshold_pct is not None:
        total_bytes = device.memory_total_bytes
        return int(total_bytes * policy.gpu_memory_threshold_pct / 100) if total_bytes else None
    before_bytes = baseline.used_bytes.get(device.label) if baseline else None
    return None if before_bytes is None else before_bytes + policy.residual_mib * _MIB + 1


@frozen
class _Holders:
    """Who may hold what a device has in use, as far as can be seen.

    Older drivers show every process by the whole machine's number; newer ones show a container its own
    processes alone. So who is not to be seen may be a stranger, and memory that nobody is seen to hold is
    taken for a stranger's when the container runs nothing that it did not run at readiness.

    Attributes:
        ours: whether a process of ours is seen on the device.
        strangers: others that are seen on it and were not at readiness.
        attributable: whether ours can be told from others at all.
        nothing_new: whether the container runs only what it ran at readiness.
    """

    ours: bool
    strangers: tuple[GpuProcess, ...]
    fresh_pids: tuple[int, ...]
    attributable: bool
    nothing_new: bool

    @classmethod
    def of(
        cls, device: GpuDevice, baseline: Baseline | None, own_pids: Collection[int] | None
    ) -> _Holders:
        """Tell them apart."""
        own = frozenset(own_pids or ())
        known = baseline.pids.get(device.label, frozenset()) if baseline else frozenset()
        before = baseline.own_pids if baseline else None
        listed = device.processes or ()
        others = [each for each in listed if not each.here and each.pid not in own]
        return cls(
            ours=len(others) < len(listed),
            strangers=tuple(each for each in others if each.pid not in known),
            fresh_pids=tuple(each.pid for each in listed if each.pid not in known),
            attributable=own_pids is not None and device.processes is not None,
            nothing_new=before is not None and own <= before,
        )

    @property
    def named(self) -> str:
        """The processes that came since readiness, for a reason."""
        return f" (pid {', '.join(map(str, self.fresh_pids))})" if self.fresh_pids else ""

    def are_strangers(self, excess_bytes: int) -> bool:
        """Whether the excess is beyond doubt not the container's own; in doubt it is."""
        if not self.attributable:
            return False
        amounts = [each.memory_used_bytes or 0 for each in self.strangers]
        if sum(amounts) > excess_bytes:
            return True
        untold = 0 in amounts  # a driver need not tell how much a process holds
        return not self.ours and (untold or self.nothing_new)
