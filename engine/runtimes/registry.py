"""Runtimes by name: those that come with dockwarden, and those of other packages.

Another package registers its :class:`~engine.runtimes.provider.RuntimeProvider` as an entry point::

    [project.entry-points."dockwarden.runtimes"]
    slurm = "my_package.runtime:SlurmProvider"

Entry points are read when a name is asked for that is not built in, or when all names are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final

from engine.errors import InputError
from engine.runtimes.provider import RuntimeProvider
from engine.util.names import is_plain
from engine.util.nearest import nearest

__all__ = ["AUTO", "BUILT_IN", "GROUP", "names", "provider", "providers"]

_LOG: Final = logging.getLogger(__name__)

GROUP: Final = "dockwarden.runtimes"
AUTO: Final = "auto"
"""The choice of docker or process; see :mod:`engine.runtimes.selection`."""

_BUILTIN: Final = "engine.runtimes.builtin"
BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "docker": "DockerProvider",
        "compose": "ComposeProvider",
        "process": "ProcessProvider",
        "simulated": "SimulatedProvider",
    }
)


def provider(name: str) -> RuntimeProvider:
    """The provider of that name.

    Raises:
        InputError: there is none, with those that there are; or its package cannot be loaded.
    """
    if name in BUILT_IN:
        return _built_in(name)
    entry = _others().get(name)
    if entry is None:
        known = names()
        raise InputError(
            f"there is no runtime {name!r}{nearest(name, known)}; the runtimes are {', '.join(known)}"
        )
    return _load(entry)


def names(*, real: bool = False) -> tuple[str, ...]:
    """The names that can be asked for, ``auto`` first.

    Args:
        real: without those that only simulate. What cannot be loaded counts as real.
    """
    built_in = (name for name in BUILT_IN if not real or name != "simulated")
    return (AUTO, *built_in, *_others())


def providers() -> Iterator[RuntimeProvider]:
    """Every provider that can be loaded; a warning is logged for each other one."""
    for name in BUILT_IN:
        yield _built_in(name)
    for name, entry in _others().items():
        try:
            yield _load(entry)
        except InputError as error:
            _LOG.warning("the runtime %s is left out: %s", name, error)


@cache
def _built_in(name: str) -> RuntimeProvider:
    made = getattr(import_module(_BUILTIN), BUILT_IN[name])()
    assert isinstance(made, RuntimeProvider)
    return made


def _others() -> Mapping[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if entry.name == AUTO or entry.name in BUILT_IN or not is_plain(entry.name):
            _LOG.warning(
                "the runtime %r of %s is ignored: the name is taken, or not a plain one",
                entry.name,
                entry.value,
            )
        else:
            found.setdefault(entry.name, entry)
    return dict(sorted(found.items()))


def _load(entry: EntryPoint) -> RuntimeProvider:
    try:
        made = entry.load()()
    except Exception as error:
        raise InputError(
            f"the runtime {entry.name!r} cannot be loaded from {entry.value}:"
            f" {type(error).__name__}: {error}; repair or uninstall its package"
        ) from error
    if not isinstance(made, RuntimeProvider) or made.name != entry.name:
        raise InputError(
            f"{entry.value} is registered as the runtime {entry.name!r}, and must be a subclass of"
            f" engine.runtimes.provider.RuntimeProvider with that name"
        )
    return made
