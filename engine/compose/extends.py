"""``extends``: a service laid over another one, of the same file or of one elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from engine.compose.context import absolute
from engine.compose.merge import MergeError, merge, without
from engine.compose.node import KeyPath, compose_error
from engine.util.nearest import nearest

__all__ = ["Home", "extend"]

Services = dict[str, dict[str, Any]]


@frozen
class Home:
    """The origin of services.

    Attributes:
        file: their file, as the user named it.
        directory: the folder that the file's relative paths start from.
        services: all services of the file, in their long form.
        load: reads another file, given its path and its name, to its services and what it replaces.
        replaced: the keys that the file, and those that led to it, do not take from what is extended.
        user_home: what ``~`` stands for.
        chain: what was extended on the way here, each ``file: service``.
    """

    file: str
    directory: Path
    services: Services
    load: Callable[[Path, str], tuple[Services, Sequence[KeyPath]]]
    replaced: tuple[KeyPath, ...] = ()
    user_home: str | None = None
    chain: tuple[str, ...] = field(default=())


def extend(home: Home) -> Services:
    """The services of a file, each with what it extends laid under it.

    Raises:
        ComposeError: what is extended is not there, or extends itself.
    """
    return {name: _extended(name, home) for name in home.services}


def _extended(name: str, home: Home) -> dict[str, Any]:
    service = dict(home.services[name])
    reference = service.pop("extends", None)
    if not reference:
        return service
    link = f"{home.file}: {name}"
    if link in home.chain:
        circle = " -> ".join((*home.chain[home.chain.index(link) :], link))
        raise compose_error(
            home.file, ("services", name, "extends"), f"it extends itself: {circle}"
        )
    there = _elsewhere(reference.get("file"), evolve(home, chain=(*home.chain, link)))
    base = reference["service"]
    if base not in there.services:
        raise compose_error(
            home.file,
            ("services", name, "extends", "service"),
            f"there is no service {base!r} in {there.file}{nearest(base, there.services)}",
        )
    below = _extended(base, there)
    if there.directory != home.directory:
        below = _anchored(below, there)
    try:
        kept = without({"services": {name: below}}, there.replaced)["services"].get(name, below)
        merged: dict[str, Any] = merge(kept, service, ("services", name))
    except MergeError as error:
        raise compose_error(home.file, error.path, str(error)) from error
    return merged


def _elsewhere(file: str | None, home: Home) -> Home:
    if file is None:
        return home
    path = Path(absolute(file, home.directory, home.user_home))
    services, replaced = home.load(path, file)
    return evolve(
        home,
        file=file,
        directory=path.parent,
        services=services,
        replaced=(*home.replaced, *replaced),
    )


def _anchored(service: dict[str, Any], home: Home) -> dict[str, Any]:
    """The service with its relative paths written out, since they start from its own file."""

    def anchor(written: Any) -> str:
        return absolute(str(written), home.directory, home.user_home)

    def volume(entry: dict[str, Any]) -> dict[str, Any]:
        is_bind = entry["type"] == "bind" and "source" in entry
        return entry | ({"source": anchor(entry["source"])} if is_bind else {})

    forms: dict[str, Callable[[Any], Any]] = {
        "build": lambda build: build | {"context": anchor(build.get("context", "."))},
        "env_file": lambda files: [file | {"path": anchor(file["path"])} for file in files],
        "label_file": lambda files: [anchor(file) for file in files],
        "volumes": lambda entries: [volume(entry) for entry in entries],
    }
    found = {key: form(service[key]) for key, form in forms.items() if service.get(key)}
    return service | found
