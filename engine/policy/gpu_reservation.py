"""The GPUs that a service reserves, and whether two services reserve the same ones.

Read from the specification alone: what is not in it, such as which GPUs the engine gives for a count, is
not known, and then the answer is that they may be the same.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

from engine.model.spec import GpuRequest, ServiceSpec

__all__ = ["GpuReservation", "Overlap", "overlap", "reservations"]

_NVIDIA: Final = "nvidia"
_AMD: Final = "amd"
_GPU_CAPABILITIES: Final = frozenset({"gpu", _NVIDIA, _AMD})
_CDI: Final = "cdi"
_CDI_NAME: Final = re.compile(r"([a-z][\w-]*)[\w.-]*/([A-Za-z][\w-]*)=([\w.:-]+)", re.IGNORECASE)
_CDI_CLASS: Final = re.compile(r"gpu|mig", re.IGNORECASE)
_RUNTIMES: Final = frozenset({"nvidia", "nvidia-container-runtime", "nvidia-legacy", "nvidia-cdi"})
_VISIBLE: Final = "NVIDIA_VISIBLE_DEVICES"
_NOTHING: Final = frozenset({"", "none", "void"})
_INDEX: Final = re.compile(r"\d+(:\d+)?")
_RENDER: Final = "/dev/dri/"
_FILES: Final = ("/dev/kfd", "/dev/dri")


class Overlap(enum.IntEnum):
    """Whether two reservations have a GPU in common."""

    NO = 0
    PERHAPS = 1
    """The GPUs of one of them are not known, or they are named in different ways."""
    YES = 2


@frozen
class GpuReservation:
    """GPUs of one vendor that a service reserves.

    Attributes:
        vendor: such as ``nvidia``; empty where only files of devices tell.
        named: their indices, UUIDs or other names.
        whole: whether it is all GPUs there are.
        count: how many others, which the engine chooses; None for an unknown number.
    """

    vendor: str = _NVIDIA
    named: frozenset[str] = frozenset()
    whole: bool = False
    count: int | None = 0

    def __str__(self) -> str:
        if self.whole:
            return "all GPUs"
        if self.named:
            several = "s" if len(self.named) > 1 else ""
            return f"GPU{several} {', '.join(sorted(self.named))}"
        if self.count is None:
            return f"the GPUs that its image names ({_VISIBLE})"
        return f"{self.count} GPU{'s' * (self.count != 1)}, which the engine chooses"


def reservations(spec: ServiceSpec) -> tuple[GpuReservation, ...]:
    """Return the GPU reservations of a service; empty where it reserves none.

    Read are the device reservations and ``gpus``, names of the Container Device Interface under ``devices``,
    AMD's and other graphics devices there, and ``runtime: nvidia`` with ``NVIDIA_VISIBLE_DEVICES``.
    """
    requested = [one for request in spec.gpus for one in _of_request(request)]
    hosts = [device.host for device in spec.devices]
    requested += [one for host in hosts for one in _of_cdi(host)]
    runtime = spec.runtime in _RUNTIMES and _VISIBLE not in spec.environment_unset
    if runtime and not requested:  # with a request, the engine sets the variable
        requested += _of_variable(spec.environment.get(_VISIBLE))
    found = (*requested, *_of_files(hosts))
    return tuple(one for one in found if one.whole or one.named or one.count != 0)


def overlap(one: Iterable[GpuReservation], other: Iterable[GpuReservation]) -> Overlap:
    """Whether what one service reserves has a GPU in common with what another one does."""
    others = tuple(other)
    return max((_common(a, b) for a in one for b in others), default=Overlap.NO)


def _of_request(request: GpuRequest) -> Iterator[GpuReservation]:
    driver = request.driver.lower()
    if driver == _CDI:
        for name in request.device_ids:
            yield from _of_cdi(name)
        return
    if _GPU_CAPABILITIES.isdisjoint((driver, *request.capabilities)):
        return
    vendor = _AMD if _AMD in (driver, *request.capabilities) else _NVIDIA
    names = request.device_ids
    if "all" in names or request.count == -1:
        yield GpuReservation(vendor, whole=True)
    elif any(map(_CDI_NAME.fullmatch, names)):
        for name in names:
            yield from _of_cdi(name)
    else:
        yield GpuReservation(vendor, frozenset(names), count=request.count or 0)


def _of_cdi(name: str) -> Iterator[GpuReservation]:
    found = _CDI_NAME.fullmatch(name)
    if found is not None and _CDI_CLASS.search(found[2]):
        vendor, gpu = found[1].lower(), found[3]
        whole = gpu == "all"
        yield GpuReservation(vendor, frozenset() if whole else frozenset({gpu}), whole)


def _of_variable(value: str | None) -> list[GpuReservation]:
    """Read the variable of NVIDIA's runtime; without one in the file, the image has its own."""
    if value is None:
        return [GpuReservation(count=None)]
    if value in _NOTHING:
        return []
    names = [name.strip() for name in value.split(",") if name.strip()]
    if "all" in names:
        return [GpuReservation(whole=True)]
    devices = [one for name in names for one in _of_cdi(name)]
    return devices or [GpuReservation(named=frozenset(names))]


def _of_files(hosts: Iterable[str]) -> list[GpuReservation]:
    """The graphics devices that are given by their files: all of a folder, or those that are named."""
    paths = [host.rstrip("/") for host in hosts]
    named = frozenset(path for path in paths if path.startswith(_RENDER))
    if named:
        return [GpuReservation("", named)]
    return [GpuReservation("", whole=True)] if any(path in _FILES for path in paths) else []


def _common(a: GpuReservation, b: GpuReservation) -> Overlap:
    if a.vendor != b.vendor:
        # A file may be of any vendor but NVIDIA, whose GPUs need more than that.
        known = a.vendor and b.vendor
        return Overlap.NO if known or _NVIDIA in (a.vendor, b.vendor) else Overlap.PERHAPS
    if a.whole or b.whole:
        return Overlap.PERHAPS if None in (a.count, b.count) else Overlap.YES
    if not a.named or not b.named:
        return Overlap.PERHAPS
    return max(_same(x, y) for x in a.named for y in b.named)


def _same(x: str, y: str) -> Overlap:
    """Whether two names are of one GPU, or of a GPU and a slice of it."""
    if x == y:
        return Overlap.YES
    if _INDEX.fullmatch(x) and _INDEX.fullmatch(y):
        gpu = x.split(":", maxsplit=1)[0] == y.split(":", maxsplit=1)[0]
        slices = ":" in x and ":" in y
        return Overlap.YES if gpu and not slices else Overlap.NO
    if x.startswith("GPU-") and y.startswith("GPU-"):  # an abbreviated UUID is one as well
        return Overlap.YES if x.startswith(y) or y.startswith(x) else Overlap.NO
    alike = any(x.startswith(form) and y.startswith(form) for form in ("MIG-", _RENDER))
    return Overlap.NO if alike else Overlap.PERHAPS
