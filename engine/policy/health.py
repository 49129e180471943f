"""How closely a backend is looked at."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge, gt

from engine.policy.gpu import GpuPolicy

__all__ = ["HealthPolicy"]


@frozen
class HealthPolicy:
    """How closely a backend is looked at. Nothing of this happens while an experiment runs in it.

    Attributes:
        ready_command: run in the container until it succeeds, before it counts as ready; None for none.
        look_at_gpus: whether its GPUs are looked at; None for: where the service reserves some.
        gpu: how strictly they are judged.
        every_s: how often it is looked at while it is idle, in seconds.
        again_s: how soon it is looked at again after a look that found something, in seconds.
        look_within_s: how long one look may take, in seconds.
        wait_for_others_s: how long a dispatch waits while others hold the GPUs' memory, in seconds.
    """

    ready_command: tuple[str, ...] | None = None
    look_at_gpus: bool | None = None
    gpu: GpuPolicy = field(factory=GpuPolicy)
    every_s: float = field(default=30.0, validator=gt(0))
    again_s: float = field(default=1.0, validator=gt(0))
    look_within_s: float = field(default=30.0, validator=gt(0))
    wait_for_others_s: float = field(default=600.0, validator=ge(0))
