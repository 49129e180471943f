"""The leash: what a controller has started goes when the controller dies, however it dies.

A controller that holds a leash has a small companion process: ``python -m engine.watchdog``, in a separate
session. The companion reads from a pipe whose other end only the controller holds. A goodbye byte on it
means a clean exit; EOF without it means that the controller died, and the companion removes
what carries its owner's labels (containers and networks; named volumes stay) or marks (processes). Until
then it sleeps in the kernel, and has loaded next to nothing.

What kills the whole machine, or every process of a session or container in which the controller runs,
takes the companion too: ``dockwarden reap``, and the next run, remove what is left then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.watchdog.hold import Leash as Leash
    from engine.watchdog.hold import watchdog as watchdog

__all__ = ["Leash", "watchdog"]


def __getattr__(name: str) -> Any:
    """Import the controller's side when it is asked for: the companion has no use for it."""
    if name in __all__:
        from engine.watchdog import hold

        return getattr(hold, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
