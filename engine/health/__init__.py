"""How fit a backend is: what inspection shows, what is declared as readiness, what its GPUs show."""

from engine.health.diagnosis import judge, post_mortem
from engine.health.gpu_check import Beside, Look, Watch
from engine.health.readiness import Readiness
from engine.policy.health import HealthPolicy
from engine.runtimes.service_check import ServiceCheck

__all__ = [
    "Beside",
    "HealthPolicy",
    "Look",
    "Readiness",
    "ServiceCheck",
    "Watch",
    "judge",
    "post_mortem",
]
