"""The health check of a service."""

from __future__ import annotations

from typing import Any

from engine.compose import units
from engine.compose.node import Node
from engine.model.spec import HealthCheck

__all__ = ["health_check"]


def health_check(node: Node) -> HealthCheck | None:
    """The health check that a file asks for, if it does."""
    if not node.value:
        return None
    if node.get("disable").optional(units.boolean):
        return HealthCheck(test=("NONE",))
    check = HealthCheck(
        test=node.get("test").optional(_test),
        interval_s=node.get("interval").optional(units.span_s),
        timeout_s=node.get("timeout").optional(units.span_s),
        start_period_s=node.get("start_period").optional(units.span_s),
        start_interval_s=node.get("start_interval").optional(units.span_s),
        retries=node.get("retries").optional(_retries),
    )
    return None if check == HealthCheck() else check


def _retries(value: Any) -> int:
    count = units.integer(value)
    if count < 0:
        raise ValueError(f"{count} is negative; write 0 or more")
    return count


def _test(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return ("CMD-SHELL", value)
    if value and value[0] not in {"NONE", "CMD", "CMD-SHELL"}:
        raise ValueError(f"a test begins with CMD, CMD-SHELL or NONE, not with {value[0]!r}")
    return tuple(value) or None
