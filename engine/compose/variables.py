"""Interpolation of a whole document, and the kinds that texts are turned into by it.

Compose lets a variable stand wherever a number or a boolean is wanted, and so takes text there too
(``tty: "${TTY:-true}"``). The table says where, and what the text becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import field, frozen, mutable

from engine.compose import units
from engine.compose.interpolation import Lookup, substitute
from engine.compose.node import KeyPath, compose_error

__all__ = ["Interpolated", "interpolate"]

_SERVICE: dict[str, Callable[[Any], Any]] = {
    "build.no_cache": units.boolean,
    "build.privileged": units.boolean,
    "build.pull": units.boolean,
    "cpu_count": units.integer,
    "cpu_percent": units.number,
    "cpu_period": units.integer,
    "cpu_quota": units.integer,
    "cpu_shares": units.integer,
    "cpus": units.number,
    "depends_on.*.required": units.boolean,
    "depends_on.*.restart": units.boolean,
    "deploy.replicas": units.integer,
    "deploy.resources.limits.cpus": units.number,
    "deploy.resources.limits.pids": units.integer,
    "deploy.resources.reservations.cpus": units.number,
    "env_file.*.required": units.boolean,
    "healthcheck.disable": units.boolean,
    "healthcheck.retries": units.integer,
    "init": units.boolean,
    "oom_kill_disable": units.boolean,
    "oom_score_adj": units.integer,
    "pids_limit": units.integer,
    "ports.*.target": units.integer,
    "privileged": units.boolean,
    "read_only": units.boolean,
    "scale": units.integer,
    "stdin_open": units.boolean,
    "tty": units.boolean,
    "ulimits.*": units.integer,
    "ulimits.*.hard": units.integer,
    "ulimits.*.soft": units.integer,
    "use_api_socket": units.boolean,
    "volumes.*.bind.create_host_path": units.boolean,
    "volumes.*.read_only": units.boolean,
    "volumes.*.volume.nocopy": units.boolean,
}
_TOP: dict[str, Callable[[Any], Any]] = {
    "networks.*.attachable": units.boolean,
    "networks.*.enable_ipv4": units.boolean,
    "networks.*.enable_ipv6": units.boolean,
    "networks.*.external": units.boolean,
    "networks.*.internal": units.boolean,
    "volumes.*.external": units.boolean,
}
_KINDS = {
    tuple(pattern.split(".")): parse
    for pattern, parse in (
        *((f"services.*.{pattern}", parse) for pattern, parse in _SERVICE.items()),
        *_TOP.items(),
    )
}
_LENGTHS = frozenset(len(pattern) for pattern in _KINDS)


@frozen
class Interpolated:
    """A document with its variables put in.

    Attributes:
        data: the model.
        missing: the variables that were not set and had no default, each with the key it was used in.
    """

    data: dict[str, Any]
    missing: tuple[tuple[KeyPath, str], ...] = ()


@mutable
class _Walk:
    file: str
    lookup: Lookup
    missing: list[tuple[KeyPath, str]] = field(factory=list)

    def value(self, value: Any, path: KeyPath) -> Any:
        match value:
            case dict():
                return {key: self.value(inner, (*path, key)) for key, inner in value.items()}
            case list():
                return [self.value(inner, (*path, index)) for index, inner in enumerate(value)]
            case str():
                return self.text(value, path)
            case _:
                return value

    def text(self, text: str, path: KeyPath) -> Any:
        try:
            done = substitute(text, self.lookup, lambda name: self.missing.append((path, name)))
            parse = _kind_at(path)
            return parse(done) if parse else done
        except ValueError as error:
            raise compose_error(self.file, path, str(error)) from error


def interpolate(data: dict[str, Any], file: str, lookup: Lookup) -> Interpolated:
    """Put variables into every value of a document; keys stay as they are.

    Raises:
        ComposeError: a form is not one of Compose's, a required variable is missing, or what comes out
            is not the number or the boolean that the key wants.
    """
    walk = _Walk(file=file, lookup=lookup)
    return Interpolated(data=walk.value(data, ()), missing=tuple(walk.missing))


def _kind_at(path: KeyPath) -> Callable[[Any], Any] | None:
    if len(path) not in _LENGTHS:
        return None
    return next((_KINDS[pattern] for pattern in _patterns(path) if pattern in _KINDS), None)


def _patterns(path: KeyPath) -> Iterator[tuple[str, ...]]:
    """The patterns that could stand for a path: every other key may be a ``*``."""
    parts = tuple(str(part) for part in path)
    for starred in ({1}, {1, 3}, {1, 3, 4}):
        yield tuple("*" if index in starred else part for index, part in enumerate(parts))
