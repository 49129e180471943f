"""How strictly GPUs are judged."""

from __future__ import annotations

import enum

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le, optional

__all__ = ["GpuPolicy", "ServerMemory"]


class ServerMemory(enum.StrEnum):
    """How much GPU memory a backend's own server may hold while it is idle."""

    ANY = "any"
    """As much as it likes: it may load its model at the first request, and keep it."""

    BASELINE = "baseline"
    """As much as at readiness, and ``residual_mib`` more."""


@frozen
class GpuPolicy:
    """How strictly GPUs are judged.

    Attributes:
        residual_mib: how much more memory than at readiness may be in use while idle, in MiB, per
            device. Drivers and caches move by hundreds of MiB; 100 gave false alarms, 1024 did not.
        server_memory: how much of it the backend's own server may hold then, which is its main process and what
            that started: any amount, what it held at readiness, or a limit in bytes, per device. More is a
            fault.
        shared: whether memory that other backends hold while experiments run in them is let pass.
        gpu_memory_threshold_pct: judge by this share of all memory, in percent, in place of what is
            more than at readiness. Wrong for servers that reserve most of it by design.
        ecc_uncorrected_max: how many uncorrectable memory errors since the driver was loaded are let
            pass, per device.
        failing_after: so many looks in a row must find it failing before that counts.
        unknown_after: so many looks in a row must stay without a finding before that counts.
    """

    residual_mib: int = field(default=1024, validator=ge(0))
    server_memory: ServerMemory | int = ServerMemory.ANY
    shared: bool = False
    gpu_memory_threshold_pct: float | None = field(
        default=None, validator=optional(and_(gt(0), le(100)))
    )
    ecc_uncorrected_max: int = field(default=0, validator=ge(0))
    failing_after: int = field(default=2, validator=ge(1))
    unknown_after: int = field(default=5, validator=ge(1))
