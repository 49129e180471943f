"""Hostile images, and the user's own containers that are made from them."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Protocol

import docker.errors
from attrs import define, field
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from tests.hostile.outside import Outside
from tests.hostile.tricks.images import Image
from tests.lab import BASE_IMAGE, Engine

__all__ = ["Foreign", "foreign_containers", "made"]


class _Of(Protocol):
    """The play that they are for."""

    engine: Engine
    outside: dict[str, Outside]

    @property
    def project(self) -> str: ...


@define(eq=False)
class Foreign:
    """A container of the user's own.

    Attributes:
        gone: whether it no longer ran in the end.
    """

    id: str
    name: str
    image: str
    gone: bool = field(default=False, init=False)

    def look(self) -> None:
        """See whether it still runs."""
        with closing(connect()) as client:
            try:
                self.gone = not client.inspect_container(self.id)["State"]["Running"]
            except docker.errors.NotFound:
                self.gone = True


@contextmanager
def made(images: Mapping[str, Image], play: _Of) -> Iterator[None]:
    """Have these images on the engine, by their tag; they are removed in the end."""
    with ExitStack() as stack, closing(connect(play.engine.environment)) as client:
        for tag, image in images.items():
            _make(tag, image, play, client)
            stack.callback(client.remove_image, tag, force=True)
        yield


def _make(tag: str, image: Image, play: _Of, client: APIClient) -> None:
    words = {
        "project": play.project,
        "service": image.name,
        "out": str(play.outside[image.name].folder),
        "host": socket.gethostname(),
        "first": f"{image.name}-e1.1",
    }

    def filled(text: str) -> str:
        for name, value in words.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    labels = {name: filled(value) for name, value in image.labels.items()}
    container = client.create_container(BASE_IMAGE, ["true"], labels=labels)["Id"]
    try:
        client.commit(container, tag, changes=[filled(one) for one in image.changes])
    finally:
        client.remove_container(container, v=True)


@contextmanager
def foreign_containers(tags: Iterable[str], play: _Of) -> Iterator[list[Foreign]]:
    """Have a container of each image run that the user made by hand, with the play's project in its labels."""
    ours = {"com.docker.compose.project": play.project, "dockwarden.project": play.project}
    running: list[Foreign] = []
    with closing(connect(play.engine.environment)) as client:
        try:
            for tag in tags:
                made = client.create_container(
                    tag,
                    entrypoint=["sleep", "infinity"],
                    name=f"{tag}-foreign",
                    labels={**ours, "com.docker.compose.service": tag.rpartition(".")[2]},
                    host_config=client.create_host_config(init=True, network_mode="none"),
                    healthcheck={"test": ["NONE"]},
                )["Id"]
                running.append(Foreign(made, f"{tag}-foreign", tag))
                client.start(made)
            yield running
        finally:
            for one in running:
                with suppress(docker.errors.NotFound):
                    client.remove_container(one.id, force=True, v=True)
