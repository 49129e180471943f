"""What is done: backends driven through their lifecycles, on a runtime.

The engine turns each row of a table in :mod:`states` into calls of a runtime (Docker, local processes)
and feeds what comes of them back as events.

Names are imported when they are first used, so that ``import engine`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from engine.controller import Controller as Controller
    from engine.gpu import ContainerHealthStatus as ContainerHealthStatus
    from engine.manager import ContainerManager as ContainerManager
    from engine.policy import BackendPolicy as BackendPolicy
    from engine.policy import RestartPolicy as RestartPolicy
    from engine.record import Ended as Ended
    from engine.record import Ending as Ending
    from engine.record import Transition as Transition

__all__ = [
    "BackendPolicy",
    "ContainerHealthStatus",
    "ContainerManager",
    "Controller",
    "Ended",
    "Ending",
    "RestartPolicy",
    "Transition",
]

_HOME: Final = {
    "BackendPolicy": "engine.policy",
    "ContainerHealthStatus": "engine.gpu",
    "ContainerManager": "engine.manager",
    "Controller": "engine.controller",
    "Ended": "engine.record",
    "Ending": "engine.record",
    "RestartPolicy": "engine.policy",
    "Transition": "engine.record",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
