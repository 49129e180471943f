"""How fit a backend is: what inspection shows, what is declared as readiness, what its GPUs show."""

from engine.health.container import judge, post_mortem
from engine.health.policy import HealthPolicy
from engine.health.watch import Look, Watch

__all__ = ["HealthPolicy", "Look", "Watch", "judge", "post_mortem"]
