"""One name for the whole library: everything public of :mod:`engine` and :mod:`states`.

Both stay importable under their own names. Names of :mod:`engine` are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import engine
import states

if TYPE_CHECKING:
    from engine import *  # noqa: F403 - type checkers follow both lists of public names
    from states import *  # noqa: F403 - likewise

    __version__: str

__all__ = ["__version__"]
__all__ += engine.__all__
__all__ += states.__all__


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dockwarden")
    for package in (engine, states):
        if name in package.__all__:
            return getattr(package, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
