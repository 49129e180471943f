"""The holders of a device's used memory: a backend's own server, leftovers in its container, others.

Older drivers show every process by the whole machine's number; newer ones show a container its own
processes alone. So an invisible process may be foreign, and memory without a visible holder is taken
for foreign when the container runs nothing that it did not run at readiness.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import field, frozen

from engine.health.gpu.baseline import Baseline
from engine.health.gpu.reading import GpuDevice, GpuProcess
from engine.model.container import ContainerProcesses

__all__ = ["Holders", "Sibling", "Whose", "held_by_server", "of_siblings"]


@frozen
class Sibling:
    """Another backend of the same controller, as far as its GPUs are concerned.

    Attributes:
        busy: whether a command runs in it.
        pids: its processes, by the whole machine's numbers.
        held_bytes: what its own server held of each device at its last check, by UUID; a device that it
            does not see is not there.
    """

    name: str
    busy: bool = False
    pids: frozenset[int] = frozenset()
    held_bytes: Mapping[str, int] = field(factory=dict)


@frozen
class Whose:
    """The known processes on the GPUs.

    Attributes:
        own_pids: the processes of the backend's container, by the whole machine's numbers; None when they
            are not known: then no memory is taken for a stranger's.
        processes: these, and which of them are its own server's; None when that is not known.
        siblings: the other backends.
    """

    own_pids: Collection[int] | None = None
    processes: ContainerProcesses | None = None
    siblings: Sequence[Sibling] = ()

    def is_own(self, process: GpuProcess) -> bool:
        """Whether it runs in the backend's container."""
        return process.here or process.pid in (self.own_pids or ())

    def is_server(self, process: GpuProcess) -> bool:
        """Whether it is beyond doubt of the backend's own server."""
        known = self.processes
        if known is None or not self.is_own(process):
            return False
        if not process.here:
            return process.pid in known.service
        return known.only_service if known.within is None else process.pid in known.within


def held_by_server(device: GpuDevice, whose: Whose) -> int | None:
    """Return how much memory of a device a backend's own server holds, in bytes; None if some of it is not reported."""
    if device.processes is None or whose.processes is None:
        return None
    amounts = [each.memory_used_bytes for each in device.processes if whose.is_server(each)]
    return None if None in amounts else sum(amount or 0 for amount in amounts)


@frozen
class Holders:
    """The processes that may hold a device's used memory, as far as can be seen.

    Attributes:
        ours: whether a process of the backend's container is seen on the device.
        left: such processes that are not its own server's and were not there at readiness.
        strangers: others that are seen on it and were not at readiness.
        fresh_pids: all that were not.
        attributable: whether the backend's processes can be distinguished from others at all.
        nothing_new: whether the container runs only what it ran at readiness.
        only_service: whether nothing but its own server runs in the container.
        server_bytes: how much more that holds than at readiness; None where that is not reported.
    """

    ours: bool
    left: tuple[GpuProcess, ...]
    strangers: tuple[GpuProcess, ...]
    fresh_pids: tuple[int, ...]
    attributable: bool
    nothing_new: bool
    only_service: bool
    server_bytes: int | None

    @classmethod
    def of(cls, device: GpuDevice, baseline: Baseline | None, whose: Whose) -> Holders:
        """Tell them apart."""
        known = baseline.pids.get(device.label, frozenset()) if baseline else frozenset()
        before = baseline.own_pids if baseline else None
        listed = device.processes or ()
        own = [each for each in listed if whose.is_own(each)]
        server = held_by_server(device, whose)
        at_readiness = baseline.server_bytes.get(device.label, 0) if baseline else 0
        return cls(
            ours=bool(own),
            left=tuple(each for each in own if not whose.is_server(each) and each.pid not in known),
            strangers=tuple(
                each for each in listed if not whose.is_own(each) and each.pid not in known
            ),
            fresh_pids=tuple(each.pid for each in listed if each.pid not in known),
            attributable=whose.own_pids is not None and device.processes is not None,
            nothing_new=before is not None and frozenset(whose.own_pids or ()) <= before,
            only_service=whose.processes is not None and whose.processes.only_service,
            server_bytes=None if server is None else max(0, server - at_readiness),
        )

    @property
    def named(self) -> str:
        """The processes that came since readiness, for a reason."""
        return _named(self.fresh_pids)

    @property
    def strangers_named(self) -> str:
        """Those of them that are not of the backend's container."""
        return _named(each.pid for each in self.strangers)

    def may_be_the_servers(self, excess_bytes: int) -> bool:
        """Whether so much may well be held by the backend's own server, and by nothing that was left beside it.

        Where amounts are not reported, it may be if nothing else is seen that came since readiness.
        """
        if self.server_bytes is not None and self.server_bytes > excess_bytes:
            return True
        untold = self.server_bytes is None
        return untold and self.only_service and not self.left and not self.strangers

    def are_strangers(self, excess_bytes: int) -> bool:
        """Whether the excess is beyond doubt not the container's own; in doubt it is."""
        if not self.attributable:
            return False
        amounts = [each.memory_used_bytes or 0 for each in self.strangers]
        if sum(amounts) > excess_bytes:
            return True
        if (
            self.only_service
            and self.server_bytes is not None
            and self.server_bytes <= excess_bytes
        ):
            return True  # its own server is all that runs in it, and does not explain it
        untold = 0 in amounts  # a driver need not tell how much a process holds
        return not self.ours and (untold or self.nothing_new)


def _named(pids: Iterable[int]) -> str:
    told = ", ".join(map(str, pids))
    return f" (pid {told})" if told else ""


def of_siblings(
    device: GpuDevice, holders: Holders, baseline: Baseline | None, siblings: Sequence[Sibling]
) -> tuple[int, list[Sibling]]:
    """Return how much more other backends' idle servers hold than at readiness, and the busy ones that use the device.

    The last check of an idle one is up to date; a busy one is not checked, so its memory is not known.
    """
    idle_bytes, busy = 0, []
    for one in siblings:
        seen = [each for each in holders.strangers if each.pid in one.pids]
        if one.busy and (seen or device.label in one.held_bytes):
            busy.append(one)
        elif not one.busy:
            told = sum(each.memory_used_bytes or 0 for each in seen)
            idle_bytes += max(told, one.held_bytes.get(device.label, 0))
    before = baseline.sibling_bytes.get(device.label, 0) if baseline else 0
    return max(0, idle_bytes - before), busy
