"""Where :class:`HealthPolicy` was until 0.1; it stays importable from here."""

from engine.policy.health import HealthPolicy

__all__ = ["HealthPolicy"]
