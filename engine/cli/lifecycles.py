"""Lifecycles by name: the built-in ones, and those of the user's own modules."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from engine.errors import LifecycleUnknown
from states import BACKEND, EXPERIMENT, Lifecycle

__all__ = ["BUILT_IN", "find_lifecycle"]

BUILT_IN: Final[Mapping[str, Lifecycle]] = {one.name: one for one in (BACKEND, EXPERIMENT)}
"""Those that need no module."""


def find_lifecycle(name: str) -> Lifecycle:
    """The lifecycle that a name means: ``backend``, ``experiment``, or ``package.module:NAME``.

    Modules are looked for in the working folder too. Importing one runs it.

    Raises:
        LifecycleUnknown: there is none of that name, or its module cannot be imported.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    module_name, colon, attribute = name.partition(":")
    if not colon:
        near = get_close_matches(name, BUILT_IN, n=1)
        raise LifecycleUnknown(
            f"there is no lifecycle {name!r}; {f'did you mean {near[0]!r}? ' if near else ''}the"
            f" built-in ones are {' and '.join(BUILT_IN)}; a custom one is written package.module:NAME"
        )
    module = _imported(module_name, name)
    found = getattr(module, attribute, None)
    if isinstance(found, Lifecycle):
        return found
    has = [key for key, value in vars(module).items() if isinstance(value, Lifecycle)]
    what = "nothing" if found is None else f"a {type(found).__name__}, not a lifecycle,"
    raise LifecycleUnknown(
        f"{name}: the module {module_name} has {what} called {attribute!r};"
        f" its lifecycles are: {', '.join(has) or 'none'}"
    )


def _imported(module: str, name: str) -> ModuleType:
    # The console script's path begins with its own folder, where no lifecycles are kept.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(module)
    except Exception as error:
        raise LifecycleUnknown(
            f"{name}: the module {module!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
