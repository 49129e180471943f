"""The services that a set of backends needs, in the order of their start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from engine.errors import ComposeError
from engine.model.spec import Project, Refusal
from engine.util.nearest import nearest

__all__ = ["check_dependencies", "needed", "profiles_of"]


def needed(project: Project, backends: Iterable[str], *, refuse: bool = True) -> tuple[str, ...]:
    """The services that must run for these backends, each after what it depends on.

    A backend that is named is active with any profiles, and so are its profiles; what it depends on
    must be active then. An optional dependency that is not is left out, and so is one that is switched off.

    Args:
        backends: the services asked for.
        refuse: whether a key that our own runtime cannot honour is an error.

    Raises:
        ComposeError: a backend is no service of the project, a dependency is inactive, services depend
            on each other in a circle, two needed services name their container alike, or a needed service
            has a key that cannot be honoured.
    """
    named = tuple(dict.fromkeys(backends))
    for backend in named:
        if backend not in project.services:
            raise _unknown(project, backend)
    profiles = {*project.profiles, *(p for name in named for p in project.services[name].profiles)}
    for backend in named:
        if project.services[backend].is_switched_off:
            raise ComposeError(
                "the file asks for no container of it (scale or deploy.replicas is 0), and a backend is"
                " one: write 1, or name no such backend",
                file=_label(project),
                service=backend,
                key=f"services.{backend}",
            )
    closure: dict[str, tuple[str, ...]] = {}
    waiting = list(named)
    while waiting:
        name = waiting.pop()
        if name not in closure:
            closure[name] = tuple(_active_dependencies(project, name, {*named}, profiles))
            waiting += closure[name]
    ordered = _ordered(project, closure)
    _check_names(project, ordered)
    if refuse:
        _refuse(
            [*project.refusals, *(r for name in ordered for r in project.services[name].refusals)]
        )
    return ordered


def profiles_of(project: Project, services: Iterable[str]) -> tuple[str, ...]:
    """The profiles in which Compose knows these services and all that they depend on.

    Not all of the file's: two services that are for different machines may name their container alike, and
    Compose refuses both together.
    """
    profiles = dict.fromkeys(project.profiles)
    waiting, seen = [*services], set[str]()
    while waiting:
        name = waiting.pop()
        if name in project.services and name not in seen:
            seen.add(name)
            profiles |= dict.fromkeys(project.services[name].profiles)
            waiting += project.services[name].depends_on
    return tuple(profiles)


def check_dependencies(project: Project, file: str) -> None:
    """Check that what services depend on is there, and that they go in no circle.

    Raises:
        ComposeError: as :func:`needed` does.
    """
    for name, service in project.services.items():
        for dependency, how in service.depends_on.items():
            if dependency not in project.services and how.required:
                raise ComposeError(
                    f"it depends on {dependency!r}, which is no service of the project"
                    f"{nearest(dependency, project.services)}",
                    file=file,
                    service=name,
                    key=f"services.{name}.depends_on",
                )
    _ordered(project, {n: tuple(s.depends_on) for n, s in project.services.items()})


def _active_dependencies(
    project: Project, name: str, named: set[str], profiles: set[str]
) -> Iterator[str]:
    for dependency, how in project.services[name].depends_on.items():
        service = project.services.get(dependency)
        active = service is not None and (
            not service.profiles or dependency in named or not profiles.isdisjoint(service.profiles)
        )
        if service is not None and service.is_switched_off:
            continue
        if active:
            yield dependency
        elif how.required:
            wanted = ", ".join(service.profiles) if service else ""
            raise ComposeError(
                f"it depends on {dependency!r}, which is inactive; activate its profile ({wanted}) or"
                f" name {dependency!r} among the backends",
                file=_label(project),
                service=name,
                key=f"services.{name}.depends_on.{dependency}",
            )


def _ordered(project: Project, graph: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        name = error.args[1][-1]
        raise ComposeError(
            f"services depend on each other in a circle: {circle}; take one of these out",
            file=_label(project),
            service=name,
            key=f"services.{name}.depends_on",
        ) from error


def _check_names(project: Project, services: Iterable[str]) -> None:
    """Check that no two of these services have a container of the same name."""
    named: dict[str, str] = {}
    for service in services:
        name = project.services[service].container_name
        if name in named:
            raise ComposeError(
                f"the container of {named[name]!r} is named {name!r} as well; rename one, or start only one",
                file=_label(project),
                service=service,
                key=f"services.{service}.container_name",
            )
        if name is not None:
            named[name] = service


def _refuse(found: list[Refusal]) -> None:
    if not found:
        return
    first, *others = found
    also = f" (also: {', '.join(other.key for other in others)})" if others else ""
    parts = first.key.split(".")
    raise ComposeError(
        f"{first.reason}{also}",
        file=first.file,
        service=parts[1] if parts[0] == "services" else None,
        key=first.key,
    )


def _unknown(project: Project, backend: str) -> ComposeError:
    listed = ", ".join(sorted(project.services)) or "none at all"
    return ComposeError(
        f"there is no service {backend!r}{nearest(backend, project.services)}; the file has {listed}",
        file=_label(project),
        service=backend,
        key=f"services.{backend}",
    )


def _label(project: Project) -> str:
    return ", ".join(file.name for file in project.files)
