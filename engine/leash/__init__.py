"""The watchdog under its name of version 0.1: a watchdog of then may be running, and loads its cleanup when it is due."""

from __future__ import annotations

from typing import Any

from engine import watchdog as _watchdog

__all__ = ["Leash", "watchdog"]


def __getattr__(name: str) -> Any:
    return getattr(_watchdog, name)
