"""The judge of GPU memory: whether too much is in use while a backend is idle, and whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.health.gpu.baseline import Baseline
from engine.health.gpu.holders import Holders, Sibling, Whose, held_by_server, of_siblings
from engine.health.gpu.reading import GpuDevice
from engine.health.gpu.verdict import Action, Health, Verdict
from engine.policy.gpu import GpuPolicy, ServerMemory

__all__ = ["memory_findings"]

_MIB: Final = 1024 * 1024
_OURS: Final = (Action.KILL_LEFTOVERS, Action.RESTART)
_SERVERS: Final = (Action.RESTART,)


def memory_findings(
    device: GpuDevice, baseline: Baseline | None, policy: GpuPolicy, whose: Whose
) -> Iterator[Verdict]:
    """Whether too much memory is in use, and whose it is."""
    if device.memory_used_bytes is None and device.error is None:
        yield Verdict(Health.OK, _untold(device, policy), devices=(device.label,))
    yield from _limited(device, policy, whose)
    limit_bytes = _limit_bytes(device, baseline, policy)
    used_bytes = device.held_bytes
    if limit_bytes is None or used_bytes is None or used_bytes < limit_bytes:
        return
    seen = (
        f"{device.label}: {used_bytes // _MIB} MiB in use while idle, the limit is"
        f" {limit_bytes // _MIB} MiB"
    )
    yield _judged(seen, used_bytes - limit_bytes, device, baseline, policy, whose)


def _judged(  # noqa: PLR0917 - all that one judgement is made of
    seen: str,
    excess_bytes: int,
    device: GpuDevice,
    baseline: Baseline | None,
    policy: GpuPolicy,
    whose: Whose,
) -> Verdict:
    """Judge memory in use beyond the limit."""
    devices = (device.label,)
    holders = Holders.of(device, baseline, whose)
    if not _by_share(device, policy) and holders.may_be_the_servers(excess_bytes):
        return _of_server(f"{seen}; {_servers_part(holders)}", policy, devices)
    if not holders.are_strangers(excess_bytes):
        reason = f"{seen}{holders.named}; end what an experiment has left running, then restart"
        return Verdict(Health.FAILING, reason, _OURS, devices)
    idle_bytes, busy = of_siblings(device, holders, baseline, whose.siblings)
    names = ", ".join(one.name for one in busy)
    if idle_bytes > excess_bytes:
        idle = ", ".join(one.name for one in whose.siblings if _on(device, holders, one))
        return Verdict(Health.OK, f"{seen}; the server of backend {idle} holds it", devices=devices)
    if busy and policy.shared:
        return Verdict(
            Health.OK,
            f"{seen}; backend {names}, in which an experiment runs, may hold it (share_gpus)",
            devices=devices,
        )
    if busy:
        reason = (
            f"{seen}; backend {names}, in which an experiment runs, holds it{holders.strangers_named}; it is waited for:"
            " give each backend separate GPUs (device_ids), or set share_gpus: true"
        )
    else:
        reason = (
            f"{seen}; others hold it{holders.strangers_named}; wait for them, or use another GPU"
        )
    return Verdict(Health.FAILING, reason, (Action.WAIT,), devices)


def _on(device: GpuDevice, holders: Holders, sibling: Sibling) -> bool:
    """Whether an idle sibling is known to hold memory of a device."""
    pids = {each.pid for each in holders.strangers}
    return not sibling.busy and bool(sibling.held_bytes.get(device.label) or pids & sibling.pids)


def _servers_part(holders: Holders) -> str:
    """How much of it its own server holds, in words."""
    if holders.server_bytes is None:
        return "the driver does not tell whose it is, and only the backend's own server runs in its container"
    return f"its own server holds {holders.server_bytes // _MIB} MiB more than at readiness"


def _of_server(seen: str, policy: GpuPolicy, devices: tuple[str, ...]) -> Verdict:
    """Judge a server that has grown."""
    if policy.server_memory is not ServerMemory.BASELINE:
        return Verdict(Health.OK, f"{seen}, which server_memory allows", devices=devices)
    reason = f"{seen}, and server_memory is baseline; allow it with server_memory: any, or a size"
    return Verdict(Health.FAILING, reason, _SERVERS, devices)


def _limited(device: GpuDevice, policy: GpuPolicy, whose: Whose) -> Iterator[Verdict]:
    """Whether a server holds more than it is allowed to."""
    limit_bytes, held_bytes = policy.server_memory, held_by_server(device, whose)
    if isinstance(limit_bytes, ServerMemory) or held_bytes is None or held_bytes <= limit_bytes:
        return
    reason = (
        f"{device.label}: the backend's own server holds {held_bytes // _MIB} MiB while idle, and its"
        f" server_memory is {limit_bytes // _MIB} MiB; raise that, or have the server hold less"
    )
    yield Verdict(Health.FAILING, reason, _SERVERS, (device.label,))


def _untold(device: GpuDevice, policy: GpuPolicy) -> str:
    """Judge a device that does not report how much of its memory is in use."""
    what = f"{device.label}: it does not tell how much of its memory is in use, as devices that share the machine's"
    if device.processes is None:
        return f"{what}, nor what processes hold; leaks on it are not found"
    percent = "; gpu_memory_threshold_pct has no effect" if policy.gpu_memory_threshold_pct else ""
    return f"{what}; judged is what processes hold that are seen{percent}"


def _by_share(device: GpuDevice, policy: GpuPolicy) -> bool:
    return policy.gpu_memory_threshold_pct is not None and bool(device.memory_total_bytes)


def _limit_bytes(device: GpuDevice, baseline: Baseline | None, policy: GpuPolicy) -> int | None:
    """From how much used memory on it is too much; None when that cannot be said."""
    share, total_bytes = policy.gpu_memory_threshold_pct, device.memory_total_bytes
    if share is not None and total_bytes:
        return int(total_bytes * share / 100)
    if share is not None and device.memory_used_bytes is not None:
        return None
    before_bytes = baseline.used_bytes.get(device.label) if baseline else None
    return None if before_bytes is None else before_bytes + policy.residual_mib * _MIB + 1
