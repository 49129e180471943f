"""Containers, networks and volumes made by our own reading of the compose file, through the Docker SDK."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Final

import docker.errors
from attrs import field, frozen
from docker.api import APIClient

from engine.errors import LaunchFailed
from engine.model.spec import Mount, MountKind, ServiceSpec
from engine.runtimes.docker.containers import payload
from engine.runtimes.docker.containers.images import ensure_image, image_name, platform_of
from engine.runtimes.docker.containers.inject import archive
from engine.runtimes.docker.containers.naming import COMPOSE, container_of, referenced_services
from engine.runtimes.docker.containers.provenance import bound_to
from engine.runtimes.docker.containers.provisioner import ComposeTools, Making
from engine.runtimes.docker.containers.resources import ensure_network, ensure_volume
from engine.runtimes.docker.containers.stop import stop_container
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls, said
from engine.runtimes.docker.ownership.adoption import spec_label

__all__ = ["SdkMaker"]

_LOG: Final = logging.getLogger(__name__)


@frozen
class SdkMaker:
    """See :class:`engine.runtimes.docker.containers.provisioner.Maker`."""

    making: Making
    calls: Calls
    compose: ComposeTools | None = None
    _hashes: dict[str, str] = field(factory=dict, init=False)

    name: ClassVar[str] = "docker"

    async def prepare(self, specs: Sequence[ServiceSpec]) -> None:
        """Find, build or pull images; make networks and volumes."""
        project = self.making.project
        await asyncio.gather(self._hash(specs), *(self._ensure_image(spec) for spec in specs))
        networks = dict.fromkeys(joined.network for spec in specs for joined in spec.networks)
        volumes = dict.fromkeys(
            mount.source
            for spec in specs
            for mount in spec.mounts
            if mount.kind is MountKind.VOLUME and mount.source is not None
        )
        try:
            for key in networks:
                network = partial(ensure_network, project, key, self.making.labels)
                await self.calls(network, repeatable=True)
            for key in volumes:
                await self.calls(partial(ensure_volume, project, key), repeatable=True)
        except ENGINE_ERRORS as error:
            reason = f"its networks and volumes could not be made: {said(error)}"
            raise LaunchFailed(specs[0].name, reason, curable=False) from error

    async def _hash(self, specs: Sequence[ServiceSpec]) -> None:
        """Have Compose hash the services now, before the user goes on editing the files."""
        names = [spec.name for spec in specs if not referenced_services(spec)]
        new = [name for name in names if name not in self._hashes]
        if self.compose is not None and new:
            hashes = partial(_config_hashes, self.compose, new, {})
            self._hashes.update(await self.calls(lambda _client: hashes(), settle=False))

    async def _ensure_image(self, spec: ServiceSpec) -> None:
        project = self.making.project
        build = None
        if self.compose is not None and self.compose.builds:
            build = partial(self.compose.build, spec.name, self.calls.on_cut)
        await self.calls(lambda client: ensure_image(client, project, spec, build), settle=False)

    async def launch(self, spec: ServiceSpec, output: Mount) -> str:
        """Create a container, join its networks and start it."""
        return await self.calls(partial(self._launch, spec, output))

    def _launch(self, spec: ServiceSpec, output: Mount, client: APIClient) -> str:
        project = self.making.project
        name = payload.container_name(project, spec)
        config = payload.container_payload(
            project,
            spec,
            image=image_name(project, spec),
            keep_alive=self.making.main_of(spec.name).keep_alive,
            labels={
                **self._compose_labels(spec, client),
                **self.making.labels,
                **bound_to(name),
                **spec_label(self.making, spec, output, client),
            },
            extra_mounts=[output],
        )
        # As in Compose, the caller's platform is that of pulled and built images, and of built containers.
        platform = spec.platform if spec.build is None else platform_of(project, spec)
        created = client.create_container_from_config(config, name=name, platform=platform)
        container_id: str = created["Id"]
        try:
            for network, endpoint in payload.further_networks(project, spec):
                client.connect_container_to_network(container_id, network, **endpoint)
            if spec.files:
                client.put_archive(container_id, "/", archive(spec.files))
            client.start(container_id)
        except BaseException:
            # Nothing of a failed launch may stay; what cannot be removed now is found by its labels.
            with contextlib.suppress(*ENGINE_ERRORS):
                client.remove_container(container_id, v=True, force=True)
            raise
        return container_id

    def _compose_labels(self, spec: ServiceSpec, client: APIClient) -> dict[str, str]:
        """Return the labels by which Compose takes the container for its own and for up to date."""
        if self.compose is None:
            return {}
        project = self.making.project
        found = {f"{COMPOSE}image": client.inspect_image(image_name(project, spec))["Id"]}
        if self.making.changes.of(spec.name) is not None:
            return (
                found  # Compose's digest would be that of the file, and this is another container
            )
        references = referenced_services(spec)
        if references:
            containers = {
                name: client.inspect_container(container_of(project, name))["Id"]
                for name in references
            }
            hashes = _config_hashes(self.compose, [spec.name], containers)
        else:
            hashes = self._hashes
        if spec.name in hashes:
            found[f"{COMPOSE}config-hash"] = hashes[spec.name]
        return found

    async def start(self, spec: ServiceSpec, container_id: str) -> None:
        """Start a container that has ended."""
        await self.calls(lambda client: client.start(container_id))

    async def stop(self, spec: ServiceSpec, container_id: str, grace_s: float) -> None:
        """End a container's processes."""
        await self.calls(lambda client: stop_container(client, container_id, grace_s))


def _config_hashes(
    compose: ComposeTools, services: Sequence[str], containers: Mapping[str, str]
) -> dict[str, str]:
    """Compose's digests; none where it gives none, and then only its ``up`` has more to do."""
    try:
        return compose.config_hashes(services, containers)
    except docker.errors.DockerException as error:
        _LOG.info(
            "Compose gives no config hash for %s, so 'docker compose up' would recreate its container: %s",
            ", ".join(services),
            said(error),
        )
        return {}
