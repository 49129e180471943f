"""Containers, networks and volumes made by our own reading of the compose file, through the Docker SDK."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from attrs import frozen
from docker.api import APIClient

from engine.errors import LaunchFailed
from engine.runtimes.docker import payload
from engine.runtimes.docker.adoption import spec_label
from engine.runtimes.docker.client import ENGINE_ERRORS, Calls, said
from engine.runtimes.docker.images import ensure_image, image_name
from engine.runtimes.docker.inject import archive
from engine.runtimes.docker.maker import Making
from engine.runtimes.docker.provenance import bound_to
from engine.runtimes.docker.resources import ensure_network, ensure_volume
from engine.runtimes.docker.stop import stop_container
from engine.spec import Mount, MountKind, ServiceSpec

__all__ = ["SdkMaker"]


@frozen
class SdkMaker:
    """See :class:`engine.runtimes.docker.maker.Maker`."""

    making: Making
    calls: Calls

    name: ClassVar[str] = "docker"

    async def prepare(self, specs: Sequence[ServiceSpec]) -> None:
        """Find, build or pull images; make networks and volumes."""
        project = self.making.project
        await asyncio.gather(*(self._ensure_image(spec) for spec in specs))
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

    async def _ensure_image(self, spec: ServiceSpec) -> None:
        project = self.making.project
        await self.calls(lambda client: ensure_image(client, project, spec), settle=False)

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
            keep_alive=self.making.keep_alive.get(spec.name),
            labels={
                **self.making.labels,
                **bound_to(name),
                **spec_label(self.making, spec, output, client),
            },
            extra_mounts=[output],
        )
        created = client.create_container_from_config(config, name=name, platform=spec.platform)
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

    async def start(self, spec: ServiceSpec, container_id: str) -> None:  # noqa: ARG002 - the protocol's
        """Start a container that has ended."""
        await self.calls(lambda client: client.start(container_id))

    async def stop(self, spec: ServiceSpec, container_id: str, grace_s: float) -> None:  # noqa: ARG002
        """End a container's processes."""
        await self.calls(lambda client: stop_container(client, container_id, grace_s))
