"""One backend: its state machine, the effects that its transitions ask for, and its checks while idle."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.backend.backend import Backend as Backend
    from engine.backend.backend import Effect as Effect
    from engine.backend.backend import Fact as Fact

__all__ = ["Backend", "Effect", "Fact"]


def __getattr__(name: str) -> Any:
    """Import a name when it is used: the machine and the handover are used without the backend."""
    if name in __all__:
        return getattr(import_module("engine.backend.backend"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
