"""How fit a backend is: what inspection shows, what is declared as readiness, what its GPUs show."""

from engine.health.container import judge
from engine.health.policy import HealthPolicy
from engine.health.watch import Look, Watch

__all__ = ["HealthPolicy", "Look", "Watch", "judge"]
