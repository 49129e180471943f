"""Containers, networks and volumes made by real Compose."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from attrs import evolve, field, frozen
from docker.api import APIClient

from engine.compose.order import profiles_of
from engine.errors import LaunchFailed
from engine.model.spec import Mount, ServiceSpec
from engine.ownership import leases
from engine.ownership.owner import LABEL
from engine.runtimes.compose.client import for_files, refused
from engine.runtimes.compose.handles import lifeline, unlinked
from engine.runtimes.compose.override import override
from engine.runtimes.docker.containers.images import image_name
from engine.runtimes.docker.containers.naming import (
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    PROJECT,
    container_name,
)
from engine.runtimes.docker.containers.provenance import Provenance, bound_to
from engine.runtimes.docker.containers.provisioner import EndedAtOnce, Making
from engine.runtimes.docker.containers.start_errors import last_lines
from engine.runtimes.docker.containers.stop import stop_container
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls, said
from engine.runtimes.docker.ownership.adoption import spec_label

if TYPE_CHECKING:
    from python_on_whales import DockerClient

__all__ = ["ComposeProvisioner"]

_LOG: Final = logging.getLogger(__name__)

_UNSEEN: Final = (
    "Compose made no container and seemed to succeed. A program that ignores SIGCHLD, or waits for all of its"
    " children, hides the exit codes of commands: leave SIGCHLD alone, or use the docker runtime"
)

_ADDED: Final = "compose.dockwarden.json"


@frozen
class ComposeProvisioner:
    """See :class:`engine.runtimes.docker.containers.provisioner.Maker`.

    Attributes:
        given: a client of python-on-whales, that knows which engine to use.
    """

    given: DockerClient
    making: Making
    calls: Calls
    provenance: Provenance = field(factory=Provenance)

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
        for spec in specs:
            self._refuse_impostors(spec, client)
        with self._compose(client, names, None, None) as whales:
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
        self._refuse_impostors(spec, client)
        try:
            self._up(spec, output, client)
            made = self._made(spec, client)
        except BaseException as error:
            # Nothing of a failed launch may stay; what cannot be removed now is found by its labels.
            ended = None
            with suppress(*ENGINE_ERRORS):
                for container_id in self._made(spec, client):
                    ended = _ended(container_id, client)
                    client.remove_container(container_id, v=True, force=True)
            if ended is not None and isinstance(error, ENGINE_ERRORS):
                raise ended from error  # before its post_start hooks had run
            raise
        if not made:
            raise LaunchFailed(spec.name, _UNSEEN, curable=False)
        return made[0]

    def _refuse_impostors(self, spec: ServiceSpec, client: APIClient) -> None:
        """See that Compose takes no other container for the service's.

        Raises:
            LaunchFailed: it would.
        """
        names = ", ".join(self._impostors(spec, client))
        if names:
            reason = (
                f"Compose would take the container {names} for it: that one's labels came with an image"
                " (docker commit). Remove it, or use the docker runtime (--runtime docker)"
            )
            raise LaunchFailed(spec.name, reason, curable=False)

    def _impostors(self, spec: ServiceSpec, client: APIClient) -> list[str]:
        """The names of containers that carry the service's labels and were not made for it."""
        labels = [PROJECT, f"{COMPOSE_PROJECT}={self.making.project.name}"]
        labels.append(f"{COMPOSE_SERVICE}={spec.name}")
        found = client.containers(all=True, filters={"label": labels})
        return [
            one["Names"][0].lstrip("/") for one in found if self.provenance.foreign(one, client)
        ]

    def _up(self, spec: ServiceSpec, output: Mount | None, client: APIClient) -> None:
        with self._compose(client, [spec.name], spec, output) as whales:
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
        found = client.containers(all=True, filters={"label": labels})
        return [one["Id"] for one in found if not self.provenance.foreign(one, client)]

    async def start(self, spec: ServiceSpec, container_id: str) -> None:
        """Let Compose start a container, and run what is to be run after its start."""
        await self.calls(partial(self._start, spec, container_id))

    def _start(self, spec: ServiceSpec, container_id: str, client: APIClient) -> None:
        impostors = ", ".join(self._impostors(spec, client))
        if impostors:  # Compose would take both for the service's, and stop one
            _LOG.warning(
                "%s: started without Compose, and without its hooks, since %s has its labels",
                *(spec.name, impostors),
            )
            client.start(container_id)
        else:
            self._up(spec, None, client)

    async def stop(self, spec: ServiceSpec, container_id: str, grace_s: float) -> None:
        """Let Compose end a container, and run what is to be run before; if it cannot, end it anyway."""
        await self.calls(partial(self._stop, spec, container_id, grace_s))

    def _stop(
        self, spec: ServiceSpec, container_id: str, grace_s: float, client: APIClient
    ) -> None:
        if client.inspect_container(container_id)["State"]["Paused"]:
            client.unpause(container_id)  # a frozen process cannot act on a signal
        try:
            if not self._impostors(spec, client):  # Compose would stop them as well
                with self._compose(client, [spec.name], None, None) as whales:
                    whales.compose.stop([spec.name], timeout=math.ceil(grace_s))
        except ENGINE_ERRORS as error:
            _LOG.warning("%s: Compose could not stop it: %s", spec.name, said(error))
        stop_container(client, container_id, grace_s)

    @contextmanager
    def _compose(
        self,
        client: APIClient,
        names: Sequence[str],
        spec: ServiceSpec | None,
        output: Mount | None,
    ) -> Iterator[DockerClient]:
        """Compose on the user's files and on what dockwarden adds, which is kept out of their folders.

        Args:
            client: of the engine.
            names: the services that Compose is asked about.
            spec: the one that is to be made; None for none.
            output: its further mount; None for none.
        """
        project = self.making.project
        making = self.making
        if spec is not None and output is not None:
            name = container_name(project, spec)
            digest = spec_label(making, spec, output, client)
            labels = {**making.labels, **bound_to(name), **digest}
            making = evolve(making, labels=labels)
        file = override(making, spec, output, self._network_labels(client))
        # Its YAML takes no characters beyond the basic plane by two escapes, as JSON has them.
        text = json.dumps(file, ensure_ascii=False)
        with unlinked(text, _ADDED) as added, lifeline() as (line, cut):
            self.calls.on_cut(cut)
            with refused():
                yield for_files(
                    self.given,
                    [*project.files, added],
                    lifeline=line,
                    directory=project.directory,
                    project=project.name,
                    profiles=profiles_of(project, names),
                )

    def _services_there(self, client: APIClient) -> set[str]:
        label = f"{COMPOSE_PROJECT}={self.making.project.name}"
        found = client.containers(all=True, filters={"label": label})
        return {one["Labels"].get(COMPOSE_SERVICE, "") for one in found}

    def _network_labels(self, client: APIClient) -> dict[str, dict[str, str]]:
        """Return the labels for each network of the project; an existing network keeps its own."""
        project, new = self.making.project, self.making.labels
        there: dict[str, Mapping[str, str]] = {
            found["Name"]: found["Labels"] or {}
            for found in client.networks(filters={"label": f"{COMPOSE_PROJECT}={project.name}"})
        }
        return {
            key: {
                label: value
                for label, value in there.get(network.name, {**new, **leases.new()}).items()
                if label.startswith(LABEL) or label in new
            }
            for key, network in project.networks.items()
            if not network.external
        }


def _ended(container_id: str, client: APIClient) -> EndedAtOnce | None:
    """How a container has ended that was being started; None where it runs, or never did."""
    state = client.inspect_container(container_id)["State"]
    if state["Status"] != "exited":
        return None
    return EndedAtOnce(state["ExitCode"], last_lines(container_id, client))
