"""Policies: pure values that decide. Each takes the clock and the random generator as arguments, and gives a reason.

They import nothing of the engine that does anything, so ``from engine import RestartPolicy`` stays cheap.
"""

from engine.policy.backend import BackendPolicy, KeepAlive
from engine.policy.gpu import GpuPolicy, ServerMemory
from engine.policy.health import HealthChecks, HealthPolicy
from engine.policy.readiness import HttpAnswer, Ready
from engine.policy.restart import (
    ALLOWED,
    CAP_REACHED,
    WINDOW_FULL,
    RestartDecision,
    RestartHistory,
    RestartPolicy,
)
from engine.policy.retry import RetryDecision, RetryPolicy

__all__ = [
    "ALLOWED",
    "CAP_REACHED",
    "WINDOW_FULL",
    "BackendPolicy",
    "GpuPolicy",
    "HealthChecks",
    "HealthPolicy",
    "HttpAnswer",
    "KeepAlive",
    "Ready",
    "RestartDecision",
    "RestartHistory",
    "RestartPolicy",
    "RetryDecision",
    "RetryPolicy",
    "ServerMemory",
]
