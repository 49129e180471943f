"""Containers, networks and volumes made by real Compose."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from attrs import evolve, frozen
from docker.api import APIClient

from engine.errors import LaunchFailed
from engine.owner import LABEL
from engine.runtimes.compose.client import for_files, refused
from engine.runtimes.compose.override import override
from engine.runtimes.docker.adoption import spec_label
from engine.runtimes.docker.client import ENGINE_ERRORS, Calls, said
from engine.runtimes.docker.images import image_name
from engine.runtimes.docker.maker import Making
from engine.runtimes.docker.naming import COMPOSE_PROJECT, COMPOSE_SERVICE
from engine.runtimes.docker.stop import stop_container
from engine.spec import Mount, ServiceSpec

if TYPE_CHECKING:
    from python_on_whales import DockerClient

__all__ = ["ComposeMaker"]

_LOG: Final = logging.getLogger(__name__)


@frozen
class ComposeMaker:
    """See :class:`engine.runtimes.docker.maker.Maker`.

    Attributes:
        given: a client of python-on-whales, that knows which engine to use.
    """

    given: DockerClient
    making: Making
    calls: Calls

    name: ClassVar[str] = "compose"

    async def prepare(self, specs: Sequence[ServiceSpec]) -> None:
        """Let Compose find, build or pull images, and make networks and volumes."""
        if not specs:
            return
        try:
            await self.calls(partial(self._prepare, specs), settle=False)
        except ENGINE_ERRORS as error:
            reason = f"its image, networks or volumes could not be had: {said(error)}"
            raise LaunchFailed(self._whose(specs, reason), reason, curable=False) from error

    def _whose(self, specs: Sequence[ServiceSpec], reason: str) -> str:
        """The service that a reason is about, as far as it names one or its image."""
        project = self.making.project
        named = (s.name for s in specs if image_name(project, s) in reason or s.name in reason)
        return next(named, specs[0].name)

    def _prepare(self, specs: Sequence[ServiceSpec], client: APIClient) -> None:
        # What has a container already is left to its launch: it may be taken over, and none of each is
        # what is asked for here.
        there = self._services_there(client)
        names = [spec.name for spec in specs if spec.name not in there]
        with self._compose(client, None, None) as whales:
            # With no container of each: everything that comes before containers.
            whales.compose.up(
                names,
                start=False,
                dependencies=False,
                scales=dict.fromkeys(names, 0),
                quiet=True,
            )

    async def launch(self, spec: ServiceSpec, output: Mount) -> str:
        """Let Compose create and start a container, and run what is to be run after its start."""
        return await self.calls(partial(self._launch, spec, output))

    def _launch(self, spec: ServiceSpec, output: Mount, client: APIClient) -> str:
        try:
            self._up(spec, output, client)
            (made,) = self._made(spec, client)
        except BaseException:
            # Nothing of a failed launch may stay; what cannot be removed now is found by its labels.
            with suppress(*ENGINE_ERRORS):
                for container_id in self._made(spec, client):
                    client.remove_container(container_id, v=True, force=True)
            raise
        return made

    def _up(self, spec: ServiceSpec, output: Mount | None, client: APIClient) -> None:
        with self._compose(client, spec, output) as whales:
            whales.compose.up(
                [spec.name],
                detach=True,
                dependencies=False,
                recreate=False,
                scales={spec.name: 1},
                quiet=True,
            )

    def _made(self, spec: ServiceSpec, client: APIClient) -> list[str]:
        """The containers of a service that are this controller's own."""
        mine = {key: value for key, value in self.making.labels.items() if key.startswith(LABEL)}
        labels = [f"{key}={value}" for key, value in mine.items()]
        labels.append(f"{COMPOSE_SERVICE}={spec.name}")
        return [found["Id"] for found in client.containers(all=True, filters={"label": labels})]

    async def start(self, spec: ServiceSpec, container_id: str) -> None:  # noqa: ARG002 - the protocol's
        """Let Compose start a container, and run what is to be run after its start."""
        await self.calls(partial(self._up, spec, None))

    async def stop(self, spec: ServiceSpec, container_id: str, grace_s: float) -> None:
        """Let Compose end a container, and run what is to be run before; if it cannot, end it anyway."""
        await self.calls(partial(self._stop, spec, container_id, grace_s))

    def _stop(
        self, spec: ServiceSpec, container_id: str, grace_s: float, client: APIClient
    ) -> None:
        if client.inspect_container(container_id)["State"]["Paused"]:
            client.unpause(container_id)  # a frozen process cannot act on a signal
        try:
            with self._compose(client, None, None) as whales:
                whales.compose.stop([spec.name], timeout=math.ceil(grace_s))
        except ENGINE_ERRORS as error:
            _LOG.warning("%s: Compose could not stop it: %s", spec.name, said(error))
        stop_container(client, container_id, grace_s)

    @contextmanager
    def _compose(
        self, client: APIClient, spec: ServiceSpec | None, output: Mount | None
    ) -> Iterator[DockerClient]:
        """Compose on the user's files and what is ours, which lies outside of their folders meanwhile."""
        project = self.making.project
        making = self.making
        if spec is not None and output is not None:
            labels = {**making.labels, **spec_label(making, spec, output, client)}
            making = evolve(making, labels=labels)
        file = override(making, spec, output, self._network_labels(client))
        with tempfile.TemporaryDirectory(prefix="dockwarden-") as folder:
            ours = Path(folder) / "compose.dockwarden.json"
            ours.touch(mode=0o600)
            # Its YAML takes no characters beyond the basic plane by two escapes, as JSON has them.
            ours.write_text(json.dumps(file, ensure_ascii=False), encoding="utf-8")
            with refused():
                yield for_files(
                    self.given,
                    [*project.files, ours],
                    directory=project.directory,
                    project=project.name,
                )

    def _services_there(self, client: APIClient) -> set[str]:
        label = f"{COMPOSE_PROJECT}={self.making.project.name}"
        found = client.containers(all=True, filters={"label": label})
        return {one["Labels"].get(COMPOSE_SERVICE, "") for one in found}

    def _network_labels(self, client: APIClient) -> dict[str, dict[str, str]]:
        """What each network of the project is to be labelled with: as it is, where it is there already."""
        project = self.making.project
        there: dict[str, Mapping[str, str]] = {
            found["Name"]: found["Labels"] or {}
            for found in client.networks(filters={"label": f"{COMPOSE_PROJECT}={project.name}"})
        }
        return {
            key: {
                label: value
                for label, value in there.get(network.name, self.making.labels).items()
                if label.startswith(LABEL) or label in self.making.labels
            }
            for key, network in project.networks.items()
            if not network.external
        }
