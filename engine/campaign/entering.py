"""The settings of a command that is run by hand in a backend, as for an experiment of its campaign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from engine.campaign.model import Campaign, Experiment
from engine.errors import InputError
from engine.policy import BackendPolicy
from engine.runtimes.by_hand import Entry
from engine.util.nearest import nearest

__all__ = ["entry_like"]

_T = TypeVar("_T")


def entry_like(
    campaign: Campaign, backend: str, command: Sequence[str], experiment: str | None
) -> tuple[Entry, tuple[str, ...]]:
    """A command that runs as the experiments on a backend do, and what these differ in, in words.

    Args:
        experiment: the name of the one to follow; None for what all of them have in common.

    Raises:
        InputError: there is no such experiment on the backend.
    """
    on_it = [one for one in campaign.experiments if backend in one.backends]
    if experiment is not None:
        on_it = [_named(on_it, experiment, backend)]
    differing: list[str] = []
    names = dict.fromkeys(name for one in on_it for name in one.environment)
    environment = {}
    for name in names:
        value = _common((one.environment.get(name) for one in on_it), name, differing)
        if value is not None:
            environment[name] = value
    entry = Entry(
        backend,
        tuple(command),
        environment,
        _common((one.working_dir for one in on_it), "working_dir", differing),
        _common((one.user for one in on_it), "user", differing),
        campaign.policies.get(backend, BackendPolicy()).through_entrypoint,
    )
    return entry, tuple(differing)


def _named(experiments: Sequence[Experiment], name: str, backend: str) -> Experiment:
    for one in experiments:
        if one.name == name:
            return one
    known = [one.name for one in experiments]
    listed = ", ".join(known) or "none"
    raise InputError(f"{backend} has no experiment {name!r}{nearest(name, known)}; it has {listed}")


def _common(values: Iterable[_T | None], name: str, differing: list[str]) -> _T | None:
    """The value that all have; None where they differ, and then ``name`` is among ``differing``."""
    found = set(values)
    if len(found) > 1:
        differing.append(name)
        return None
    return next(iter(found), None)
