"""The names, as Compose gives them, and labels of containers and networks."""

from __future__ import annotations

from typing import Final

from engine.model.spec import NetworkAttachment, Project, ServiceSpec
from engine.ownership.owner import LABEL

__all__ = [
    "COMPOSE",
    "COMPOSE_PROJECT",
    "COMPOSE_SERVICE",
    "NAMESPACES",
    "PROJECT",
    "container_name",
    "container_of",
    "links",
    "network_name",
    "referenced_services",
]

COMPOSE: Final = "com.docker.compose."
"""The prefix of the labels by which Compose's own commands find things."""

COMPOSE_PROJECT: Final = f"{COMPOSE}project"
COMPOSE_SERVICE: Final = f"{COMPOSE}service"

NAMESPACES: Final = ("network_mode", "ipc", "pid")
"""The keys by which a service joins a namespace of another one (``service:NAME``)."""

PROJECT: Final = f"{LABEL}project"
"""The label by which we find what we made for a project."""


def container_name(project: Project, service: ServiceSpec) -> str:
    """The container's name: the file's ``container_name``, or Compose's."""
    return service.container_name or f"{project.name}-{service.name}-1"


def container_of(project: Project, service: str) -> str:
    """The name of a service's container, by the service's name."""
    return container_name(project, project.services[service])


def network_name(project: Project, joined: NetworkAttachment) -> str:
    """The name of a network on the engine."""
    return project.networks[joined.network].name


def links(project: Project, service: ServiceSpec) -> list[str]:
    """The links of a service's container, each ``container:name``."""
    links: list[str] = []
    for link in service.links:
        target, _, alias = link.partition(":")
        container = container_of(project, target)
        names = (alias or target, f"{target}-1", container)
        links += [f"{container}:{name}" for name in names]
    return list(dict.fromkeys(links))


def referenced_services(service: ServiceSpec) -> set[str]:
    """The services whose containers a service's container is made with, by their names."""
    modes = (getattr(service, key) or "" for key in NAMESPACES)
    joined = {
        name for kind, _, name in (mode.partition(":") for mode in modes) if kind == "service"
    }
    sources = {entry.partition(":")[0] for entry in service.volumes_from}
    return joined | (sources - {"container"})
