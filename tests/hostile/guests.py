"""Containers as the user's own Compose makes them: by their labels and their name, without anything of dockwarden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from tests.hostile.tricks.owners import OwnerNote
from tests.lab import BASE_IMAGE

__all__ = ["compose_up"]

_PLANTED: Final = ["sh", "-c", "while [ ! -e /planted ]; do sleep 0.05; done"]


@contextmanager
def compose_up(
    project: str, notes: Mapping[str, OwnerNote], variables: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, str]]:
    """Make a container for each service, and wait until each has put everything in its place.

    Args:
        notes: by service.
        variables: of each service's container.

    Returns:
        the containers' ids, by service; they are removed in the end.
    """
    client = connect()
    made: dict[str, str] = {}
    try:
        for service, note in notes.items():
            made[service] = _container(client, project, service, note, variables[service])
        for container_id in made.values():
            asked = client.exec_create(container_id, _PLANTED)["Id"]
            client.exec_start(asked)  # which returns when it has ended
        yield made
    finally:
        for container_id in made.values():
            client.remove_container(container_id, force=True, v=True)
        client.close()


def _container(
    client: APIClient, project: str, service: str, note: OwnerNote, variables: Mapping[str, str]
) -> str:
    compose = "com.docker.compose."
    labels = {
        f"{compose}project": project,
        f"{compose}service": service,
        f"{compose}oneoff": "False",
        f"{compose}container-number": "1",
    }
    container_id: str = client.create_container(
        BASE_IMAGE,
        note.command,
        name=f"{project}-{service}-1",
        labels=labels,
        environment=dict(variables),
        host_config=client.create_host_config(init=True, network_mode="none"),
    )["Id"]
    client.start(container_id)
    return container_id
