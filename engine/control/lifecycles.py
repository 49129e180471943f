"""Lifecycles by name: the built-in ones, and those in modules of the user."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from engine.backend.lifecycle import BackendLifecycle
from engine.errors import InputError, LifecycleUnknown
from states import BACKEND, EXPERIMENT, Lifecycle

__all__ = ["BUILT_IN", "find_backend_lifecycle", "find_lifecycle"]

BUILT_IN: Final[Mapping[str, Lifecycle]] = {one.name: one for one in (BACKEND, EXPERIMENT)}
"""Those that need no module."""


def find_lifecycle(name: str, folder: Path | None = None) -> Lifecycle:
    """The table that a name means: ``backend``, ``experiment``, or ``package.module:NAME``.

    The module is imported, which runs it. Its attribute is a table or a
    :class:`~engine.backend.lifecycle.BackendLifecycle`.

    Args:
        folder: searched for modules first; None for the working folder.

    Raises:
        LifecycleUnknown: there is none of that name, or its module cannot be imported.
    """
    found = _find(name, folder)
    return found.table if isinstance(found, BackendLifecycle) else found


def find_backend_lifecycle(name: str, folder: Path | None = None) -> BackendLifecycle:
    """The lifecycle that backends can be run by, as :func:`find_lifecycle` finds it.

    Raises:
        LifecycleUnknown: see :func:`find_lifecycle`; or no backend can be run by it, and why.
    """
    found = _find(name, folder)
    if isinstance(found, BackendLifecycle):
        return found
    try:
        return BackendLifecycle(found)
    except InputError as error:
        raise LifecycleUnknown(
            f"{name}: {error}; to name the functions too, let {name.partition(':')[2] or name} be"
            " an engine.BackendLifecycle(table, effects={...}, facts={...})"
        ) from error


def _find(name: str, folder: Path | None) -> Lifecycle | BackendLifecycle:
    if name in BUILT_IN:
        return BUILT_IN[name]
    module_name, colon, attribute = name.partition(":")
    if not colon:
        near = get_close_matches(name, BUILT_IN, n=1)
        raise LifecycleUnknown(
            f"there is no lifecycle {name!r}; {f'did you mean {near[0]!r}? ' if near else ''}the"
            f" built-in ones are {' and '.join(BUILT_IN)}; one of your own is written package.module:NAME"
        )
    module = _imported(module_name, name, folder or Path.cwd())
    found = getattr(module, attribute, None)
    if isinstance(found, Lifecycle | BackendLifecycle):
        return found
    has = [
        key
        for key, value in vars(module).items()
        if isinstance(value, Lifecycle | BackendLifecycle)
    ]
    what = "nothing" if found is None else f"a {type(found).__name__}, not a lifecycle,"
    raise LifecycleUnknown(
        f"{name}: the module {module_name} has {what} called {attribute!r};"
        f" its lifecycles are: {', '.join(has) or 'none'}"
    )


def _imported(module: str, name: str, folder: Path) -> ModuleType:
    # The console script's path begins with the folder of the script, where no lifecycles are.
    here = str(folder.absolute())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(module)
    except Exception as error:
        raise LifecycleUnknown(
            f"{name}: the module {module!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
