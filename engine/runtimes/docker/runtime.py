"""The Docker runtime: the Docker SDK for Python as the engine's hands."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

import docker.errors
from attrs import evolve
from docker.api import APIClient

from engine.errors import (
    ContainerLost,
    ExecFailed,
    LaunchFailed,
    NotReady,
    OwnedElsewhere,
    RemovalFailed,
    RuntimeFault,
    RuntimeUnavailable,
    StartAgain,
)
from engine.model.main_command import Decision, MainCommand
from engine.model.results import LeftProcess
from engine.model.service_change import ServiceChange
from engine.model.spec import HealthCheck, Project, ServiceSpec
from engine.ownership import leases
from engine.ownership.owner import Owner
from engine.policy.keep_alive import ImageCommand, entrypoint_of
from engine.runtimes.base import (
    Checked,
    Cleanup,
    Container,
    ContainerProcesses,
    ExecRequest,
    ExecResult,
    Happening,
    Notice,
    Observation,
)
from engine.runtimes.docker.commands.execs import Execs
from engine.runtimes.docker.commands.fetching import fetch
from engine.runtimes.docker.commands.output import CarriedOutput, Output, SharedOutput
from engine.runtimes.docker.commands.probes import Probes, image_check
from engine.runtimes.docker.commands.shared_filesystem import sees
from engine.runtimes.docker.compose_adoption import Guests, ended_reason, is_guest
from engine.runtimes.docker.containers.conditions import check_conditions
from engine.runtimes.docker.containers.dropped import check_granted
from engine.runtimes.docker.containers.image_command import image_command
from engine.runtimes.docker.containers.images import image_name
from engine.runtimes.docker.containers.naming import (
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    PROJECT,
    container_name,
)
from engine.runtimes.docker.containers.origin import engine_details, image_digests
from engine.runtimes.docker.containers.provenance import PROBE, Provenance, probe_labels
from engine.runtimes.docker.containers.provisioner import EndedAtOnce, Maker, Making
from engine.runtimes.docker.containers.resources import (
    remove_networks,
    remove_probes,
    take_over_networks,
)
from engine.runtimes.docker.containers.start_errors import early_end, explain, last_lines, quoted
from engine.runtimes.docker.containers.stop import remove_container
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls, connect, engine_facts, said
from engine.runtimes.docker.daemon.engine_probes import EngineProbes
from engine.runtimes.docker.daemon.event_labels import EventLabels
from engine.runtimes.docker.daemon.events import EventStream
from engine.runtimes.docker.daemon.moments import moment_ns
from engine.runtimes.docker.daemon.proxies import proxies, with_proxies
from engine.runtimes.docker.daemon.reported_deaths import Deaths
from engine.runtimes.docker.logs.keeper import LogKeeper
from engine.runtimes.docker.logs.rest import fetch_rest
from engine.runtimes.docker.ownership import adoption
from engine.runtimes.docker.sdk_provisioner import SdkMaker
from engine.runtimes.health_gate import merged, probe_command
from engine.runtimes.main_commands import MainCommands
from engine.spool.main_log import MainLog
from engine.util.clock import now_s

__all__ = ["DockerRuntime"]

_LOG: Final = logging.getLogger(__name__)

_RENAME: Final = "give this project another name (the top-level name: of the compose file)"

_USE_IT: Final = "; or have it used as it is (adopt: compose)"
_BEING_REMOVED: Final = (404, 409)
"""The engine's answers about a container that has been removed, or is being removed."""

_REMOVALS: Final = 3
"""How often a removal is tried while the engine gives no answer."""

_AGAIN_S: Final = 1.0
"""The pause between two tries."""

_STEADY_S: Final = 0.2
"""A container without a health check is ready once it has lived so long: what cannot run ends sooner."""

_FIRST_LOOK_S: Final = 1.0
"""Likewise the first time that the command of its image runs: an entrypoint may prepare much before it ends."""

_AT_ONCE_S: Final = 10.0
"""A container that ends by itself within this time, with exit code 0, does not stay up by its own command."""

_HAPPENINGS: Final = {
    "die": Happening.DIED,
    "destroy": Happening.DIED,
    "oom": Happening.OOM,
    "pause": Happening.PAUSED,
    "health_status": Happening.HEALTH,
}
"""The engine's words for what a notice is about."""


_IN_USE: Final[WeakValueDictionary[tuple[Owner, str], DockerRuntime]] = WeakValueDictionary()
"""The runtime of this process that has reserved a container's name."""


class DockerRuntime:
    """Runs a project's services on the Docker engine that the environment names.

    Args:
        project: what the compose file says.
        keep_alive: the command that keeps a container up, by service, for those that have none.
        undecided: the services whose image and first start decide whether their own command runs.
        decided: what an earlier controller decided for these.
        owner: who the containers belong to.
        unchecked: the services whose health check is left to the caller; the engine checks the others.
        labels: further labels for everything that is created.
        maker: what creates, starts and stops the containers; given what to make, and the way to the
            engine. Everything else is the same for all of them.
        engine: the variables that lead to the engine, see :func:`connect`; None for those of the
            environment.
        adopt_compose: whether containers that the user's own Compose made are taken over.
    """

    def __init__(
        self,
        project: Project,
        *,
        keep_alive: Mapping[str, tuple[str, ...]] | None = None,
        undecided: Collection[str] = (),
        decided: Mapping[str, Decision] | None = None,
        unchecked: Collection[str] = (),
        owner: Owner | None = None,
        labels: Mapping[str, str] | None = None,
        maker: Callable[[Making, Calls], Maker] = SdkMaker,
        engine: Mapping[str, str] | None = None,
        adopt_compose: bool = False,
    ) -> None:
        project = with_proxies(project, proxies(engine))
        self._project = project
        self._owner = owner or Owner.current()
        self._engine = engine
        self._connect = partial(connect, engine)
        self._calls = Calls(self._connect)
        ours = {PROJECT: project.name, **self._owner.labels(), **leases.new()}
        main = MainCommands(keep_alive or {}, undecided, decided or {})
        self._making = Making(project, main, {**(labels or {}), **ours}, unchecked)
        self._images: dict[str, ImageCommand] = {}
        self._maker = maker(self._making, self._calls)
        self.name = self._maker.name
        self._execs = Execs(self._calls)
        self._logs = LogKeeper(self._connect, self._calls.patience)
        self._spools: dict[str, Path] = {}
        self._followed: set[str] = set()
        self._probes = Probes(self._calls)
        self._deaths = Deaths()
        self._event_labels = EventLabels()
        self._engine_probes = EngineProbes()
        self._provenance = Provenance()
        self._guests = Guests(self._calls, project.name, self._owner)
        self._adopts_compose = adopt_compose
        self._outputs: dict[str, Output] = {}
        self._reserved: set[str] = set()
        self._engine_id = ""
        self._sees_us: bool | None = None
        self._looking = asyncio.Lock()
        self._adopted: list[Mapping[str, str]] = []
        self._woken: dict[str, asyncio.Event] = {}
        self._events: EventStream | None = None
        self._on_notice: Callable[[Notice], None] = lambda _notice: None
        self.description = self.name

    @property
    def cleanup(self) -> Cleanup:
        """How its containers are removed when this process dies."""
        return Cleanup(self.name, self._owner, self._engine)

    # Opening and closing

    async def open(self, on_notice: Callable[[Notice], None]) -> None:
        """Connect, and begin to read the engine's events. See :meth:`Runtime.open`."""
        if self._events is not None:
            return
        try:
            facts = await self._calls(engine_facts)
        except ENGINE_ERRORS as error:
            raise RuntimeUnavailable(f"the Docker engine does not answer: {said(error)}") from error
        by = "" if self.name == "docker" else f"{self.name} on "
        self.description = f"{by}docker engine {facts.version} at {facts.url}"
        self._engine_id = facts.id
        self._on_notice = on_notice
        filters = {"label": f"{COMPOSE_PROJECT}={self._project.name}"}
        self._events = EventStream(
            filters, self._on_event, self._on_blind, self._calls.patience, self._connect
        )
        self._events.start(since=facts.time)

    async def facts(self, services: Sequence[str]) -> Mapping[str, Any]:
        """The engine and the images of these services. See :class:`~engine.runtimes.base.Describing`."""
        names = {name: image_name(self._project, self._project.services[name]) for name in services}

        def ask(client: APIClient) -> dict[str, Any]:
            details = engine_details(client)
            images = {one: image_digests(client, name, details) for one, name in names.items()}
            return {"engine": details, "images": images}

        try:
            return await self._calls(ask)
        except ENGINE_ERRORS as error:
            raise RuntimeFault("", f"the engine does not say what it is: {said(error)}") from error

    async def close(self) -> None:
        """Let go of the engine. See :meth:`Runtime.close`."""
        if self._events is not None:
            self._events.close()
            self._events = None
        self._logs.close()
        while self._reserved:
            what = self._reserved.pop()
            leases.give_back(self._owner, what)
            del _IN_USE[self._owner, what]
        self._calls.close()

    def _on_event(self, told: dict[str, Any]) -> None:
        event = self._event_labels.believable(told)
        self._execs.on_event(event)
        self._engine_probes.on_event(event)
        actor = event["Actor"]
        seen = self._deaths.seen(event)
        happening = _HAPPENINGS.get(event["Action"].partition(":")[0])
        if happening is None:
            return
        self._wake(actor["ID"])
        service = actor["Attributes"].get(COMPOSE_SERVICE)
        if seen is not None:
            seen = evolve(seen, engine_restarted=self._calls.patience.away_since(event["timeNano"]))
        self._on_notice(Notice(happening, service, actor["ID"], seen))

    def _on_blind(self) -> None:
        self._execs.on_blind()
        for container_id in self._woken:
            self._wake(container_id)
        self._on_notice(Notice(Happening.BLIND, None))

    def _wake(self, container_id: str) -> None:
        if container_id in self._woken:
            self._woken[container_id].set()

    # Before the start

    async def prepare(self, services: Sequence[str]) -> None:
        """Have images, networks and volumes ready. See :meth:`Runtime.prepare`."""
        specs = [self._project.services[name] for name in services]
        for spec in specs:
            reason = await self._anothers(spec)
            if reason:
                raise OwnedElsewhere(f"{spec.name}: {reason}")
        self._reserve(services)
        keys = dict.fromkeys(joined.network for spec in specs for joined in spec.networks)
        try:
            if keys:
                self._adopted += await self._calls(
                    partial(take_over_networks, self._project, keys, self._owner)
                )
        except ENGINE_ERRORS as error:
            reason = f"the networks of its project could not be listed: {said(error)}"
            raise LaunchFailed(specs[0].name, reason) from error
        await self._maker.prepare(specs)
        await self._calls(lambda client: check_conditions(client, self._project, specs))

    def _reserve(self, services: Sequence[str]) -> None:
        """Reserve the names of services before anything is made: of several controllers at once, one gets them.

        All go through them in the same order, so the one that has the last name has all of them.

        Raises:
            OwnedElsewhere: another controller has one.
        """
        for service in sorted(services):
            spec = self._project.services[service]
            name, what = container_name(self._project, spec), self._place_of(spec)
            if _IN_USE.setdefault((self._owner, what), self) is not self:
                raise OwnedElsewhere(
                    f"{service}: another ContainerManager or Controller in this process has its"
                    f" container {name}; use that one, tear it down first, or {_RENAME}"
                )
            self._reserved.add(what)
            holder = leases.reserve(self._owner, what)
            if holder is not None:
                raise OwnedElsewhere(
                    f"{service}: {holder} is just starting its container {name}; wait for it,"
                    f" or {_RENAME}"
                )

    async def _anothers(self, spec: ServiceSpec) -> str:
        """Name the owner of the service's name, and what to do; empty if it is free, or may be taken over.

        Raises:
            LaunchFailed: the engine does not say.
        """
        name = container_name(self._project, spec)
        try:
            found = await self._calls(lambda client: client.inspect_container(name))
        except docker.errors.NotFound:
            return ""
        except ENGINE_ERRORS as error:
            raise LaunchFailed(spec.name, said(error)) from error
        labels: Mapping[str, str] = found["Config"]["Labels"] or {}
        owner = leases.owner_of(labels)
        guest = is_guest(dict(labels), self._project.name, spec.name)
        foreign = await self._calls(partial(self._provenance.foreign, found))
        if guest and self._adopts_compose:
            await self._guests.refuse_anothers(spec.name, found["Id"], self._place_of(spec))
            return ""
        if owner is None or foreign or labels.get(PROJECT) != self._project.name:
            return (
                f"a container named {name} is there already and was not made by dockwarden; remove it"
                f" (docker compose -p {self._project.name} down), or {_RENAME}"
                f"{_USE_IT if guest else ''}"
            )
        if not leases.may_take(self._owner, labels):
            return (
                f"its container {name} belongs to {owner}, which still runs; wait for it,"
                f" or {_RENAME}"
            )
        return ""

    # One container

    def change(self, service: str, change: ServiceChange | None) -> None:
        """Make the service's next container with a change. See :class:`Changeable`."""
        self._making.changes.set(service, change)

    async def adopt(
        self, service: str, folder: Path, request: ExecRequest | None = None
    ) -> Container | None:
        """Take over what a dead controller left, or the user's own Compose. See :meth:`Runtime.adopt`.

        The latter only where that is asked for.
        """
        self._spools[service] = folder
        guest = await self._guests.take(service, folder) if self._adopts_compose else None
        if guest is not None:
            self._outputs[service] = guest
            taken = await self._inspect(self._guests.taken[service])
            check_granted(self._project.services[service], taken)
            return self._known(taken)
        spec = self._making.spec(service)
        try:
            output = self._outputs[service] = await self._output(spec, folder)
            if not isinstance(output, SharedOutput):  # whose folder it wrote to is not to be seen
                return None
            inside = None if request is None else output.inside(request)
            mount = output.mount
            await self._decide(service)
            found = await self._calls(
                lambda client: adoption.find(
                    *(self._making, self._owner, spec, mount, client),
                    inside=inside,
                    provenance=self._provenance,
                )
            )
        except ENGINE_ERRORS as error:
            raise LaunchFailed(service, said(error)) from error
        if found is None:
            return None
        self._adopted.append(found["Config"]["Labels"])
        container = self._known(found)
        if request is not None:  # here, since it may be killed before it is attached to
            await self._execs.take_over(container, request, output)
        return container

    async def attach(self, container: Container, request: ExecRequest) -> ExecResult:
        """Wait for what an earlier controller began. See :meth:`Runtime.attach`."""
        return await self._execs.attach(container, request, self._outputs[container.service])

    async def launch(self, service: str, folder: Path) -> Container:
        """Create and start a container. See :meth:`Runtime.launch`."""
        self._spools[service] = folder
        spec = self._making.spec(service)
        try:
            await self.remove(service, grace_s=0)
        except RemovalFailed as failed:
            raise LaunchFailed(service, failed.reason, curable=False) from failed
        try:
            output = self._outputs[service] = await self._output(spec, folder)
            await self._decide(service)
            found = await self._inspect(await self._maker.launch(spec, output.mount))
            try:
                check_granted(spec, found)
            except LaunchFailed:
                await self.remove(service, grace_s=0)
                raise
            return self._known(found)
        except EndedAtOnce as ended:
            if self._making.main_of(service).on_trial and self._making.main.ended(
                self._project.services[service], ended.exit_code
            ):
                return await self.launch(service, folder)
            reason, curable = self._early_end(service, ended.exit_code)
            raise LaunchFailed(
                service, f"{reason}{quoted(ended.lines)}", curable=curable
            ) from ended
        except ENGINE_ERRORS as error:
            # Who came first, unseen: another user, another host.
            anothers = await self._anothers(spec)
            if anothers:
                raise LaunchFailed(service, anothers, curable=False) from error
            reason, curable = explain(said(error))
            raise LaunchFailed(service, reason, curable=curable) from error

    async def _output(self, spec: ServiceSpec, folder: Path) -> Output:
        """Choose how the output of a service gets into our folder."""
        async with self._looking:  # once for all: it is about the engine
            if self._sees_us is None:
                image = image_name(self._project, spec)
                labels = {**self._making.labels, **probe_labels()}
                self._sees_us = await self._calls(lambda c: sees(c, folder, image, labels))
                if not self._sees_us:
                    _LOG.info(
                        "the engine does not see our files: output is brought from containers"
                    )
        return SharedOutput(folder) if self._sees_us else CarriedOutput(self._calls, folder)

    async def _image(self, spec: ServiceSpec) -> ImageCommand:
        """Return the command of a service's image."""
        if spec.name not in self._images:
            name = image_name(self._project, spec)
            self._images[spec.name] = await self._calls(lambda c: image_command(c, name))
        return self._images[spec.name]

    async def _decide(self, service: str) -> None:
        """Decide what a service's containers run, unless that was done."""
        spec = self._project.services[service]
        self._making.main.decide(spec, await self._image(spec))

    async def _identify(self, container_id: str) -> Container:
        return self._known(await self._inspect(container_id))

    async def _inspect(self, container_id: str) -> dict[str, Any]:
        return await self._calls(lambda client: client.inspect_container(container_id))

    def _known(self, found: Mapping[str, Any]) -> Container:
        service = found["Config"]["Labels"][COMPOSE_SERVICE]
        guest = found["Id"] in self._guests.taken.values()
        main = MainCommand(reason="as Compose made it") if guest else self._making.main_of(service)
        container = evolve(_container(found), main=main)
        self._deaths.began(container)
        self._event_labels.note(found)
        self._engine_probes.note(found)
        return container

    async def relaunch(self, container: Container, *, recreate: bool, folder: Path) -> Container:
        """Start a container again. See :meth:`Runtime.relaunch`."""
        spec = self._project.services[container.service]
        try:
            await self._calls.knock()
            if container.id not in self._guests.taken.values():
                recreate = await self._tried(spec, container) or recreate
        except ENGINE_ERRORS as error:
            raise LaunchFailed(container.service, said(error)) from error
        if not recreate or container.id in self._guests.taken.values():
            try:
                await self._maker.stop(spec, container.id, spec.stop_grace_period_s)
                await self._logs.finish(container.id, ended=True)
                await self._maker.start(spec, container.id)
                return await self._identify(container.id)
            except ENGINE_ERRORS as error:
                if getattr(error, "status_code", None) not in _BEING_REMOVED:
                    reason, curable = explain(said(error))
                    raise LaunchFailed(container.service, reason, curable=curable) from error
        try:
            await self.remove(container.service, grace_s=spec.stop_grace_period_s)
        except RemovalFailed as failed:
            raise LaunchFailed(container.service, failed.reason, curable=False) from failed
        return await self.launch(container.service, folder)

    async def gate(self, container: Container) -> None:
        """Wait for readiness. See :meth:`Runtime.gate`."""
        steady_s = now_s() + await self._steady_s(container)
        async for found in self._watch(container, again_s=_STEADY_S):
            state = found["State"]
            health = state.get("Health") or {}
            if not state["Running"]:
                raise self._ended_early(container, state)
            if health.get("Status") == "unhealthy":
                said_last = (health.get("Log") or [{}])[-1].get("Output", "").strip()
                reason = f"its health check fails: {said_last or 'it says nothing'}"
                raise NotReady(container.service, reason)
            healthy = health.get("Status") or "none"  # Podman 4 says nothing of one without a check
            if healthy == "healthy" or (healthy == "none" and now_s() >= steady_s):
                return

    async def _steady_s(self, container: Container) -> float:
        """How long a container without a health check of the engine's has to live until it is ready, in seconds."""
        service = container.service
        if await self.health_check(container) is not None:  # which says more than a time does
            return 0.0
        of_image = self._project.services[service].command is None
        return _FIRST_LOOK_S if of_image and self._making.main_of(service).on_trial else _STEADY_S

    async def health_check(self, container: Container) -> HealthCheck | None:
        """The health check that is left to the caller. See :class:`Checkable`."""
        service = container.service
        if service not in self._making.unchecked or container.id in self._guests.taken.values():
            return None
        try:
            image = await self._calls(lambda client: client.inspect_image(container.image))
        except ENGINE_ERRORS as error:
            raise RuntimeFault(service, f"its image is not known: {said(error)}") from error
        config = image["Config"] or {}
        check = merged(self._making.health_check(service), image_check(config))
        match check.test if check is not None else None, config.get("Shell"):
            case ("CMD-SHELL", line), list(shell) if check is not None:
                return evolve(check, test=("CMD", *shell, line))
        return check if probe_command(check) else None

    async def check(self, container: Container, check: HealthCheck) -> Checked:
        """Run a health check once. See :class:`Checkable`."""
        return await self._probes.run(container, probe_command(check) or (), check)

    def probes(self, container: Container) -> int | None:
        """How many health checks the engine has begun. See :class:`Probing`."""
        return self._engine_probes.begun(container.id)

    async def complete(self, container: Container) -> int:
        """Wait for the end of a one-shot service. See :meth:`Runtime.complete`."""
        async for found in self._watch(container):
            if not found["State"]["Running"]:
                return int(found["State"]["ExitCode"])
        raise AssertionError("a watch only ends by its reader's leaving")

    async def _watch(
        self, container: Container, *, again_s: float | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Inspect a container now and after each event about it.

        Args:
            again_s: how long, in seconds, nothing may happen before it is inspected again.
        """
        woken = self._woken[container.id] = asyncio.Event()
        try:
            while True:
                woken.clear()
                try:
                    yield await self._calls(lambda client: client.inspect_container(container.id))
                except docker.errors.NotFound as error:
                    raise ContainerLost(container.service, "its container is gone") from error
                except ENGINE_ERRORS as error:
                    _LOG.warning("%s: no answer to inspect: %s", container.service, said(error))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), again_s)
        finally:
            self._woken.pop(container.id, None)

    def _ended_early(self, container: Container, state: Mapping[str, Any]) -> NotReady:
        service, exit_code = container.service, int(state["ExitCode"])
        killed = self._deaths.signalled(container.id)
        main = self._making.main_of(service)
        spec = self._project.services[service]
        guest = container.id in self._guests.taken.values()
        if main.on_trial and not killed and not guest and self._making.main.ended(spec, exit_code):
            return StartAgain(service, str(self._making.main_of(service)))
        out_of_memory = bool(state.get("OOMKilled"))
        if guest and not (killed or out_of_memory):
            return NotReady(service, ended_reason(service, exit_code), curable=False)
        reason, curable = self._early_end(
            service, exit_code, out_of_memory=out_of_memory, killed=killed
        )
        return NotReady(service, reason, curable=curable)

    def _early_end(
        self,
        service: str,
        exit_code: int,
        *,
        out_of_memory: bool = False,
        killed: bool = False,
    ) -> tuple[str, bool]:
        """See :func:`early_end`."""
        kept_alive = self._making.main_of(service).keep_alive is not None
        return early_end(
            exit_code,
            out_of_memory=out_of_memory,
            killed=killed,
            kept_alive=kept_alive,
        )

    async def _tried(self, spec: ServiceSpec, container: Container) -> bool:
        """End the trial of a service's own command before its container is started again.

        Returns:
            whether a keep-alive takes the command's place, so that the container has to be made again.
        """
        main = self._making.main_of(spec.name)
        if not main.on_trial:
            return False
        found = await self._calls(partial(_inspect, container.id))
        state: Mapping[str, Any] = {"Running": True} if found is None else found["State"]
        if not state["Running"] and not self._deaths.signalled(container.id):
            lived_ns = moment_ns(state["FinishedAt"]) - moment_ns(state["StartedAt"])
            if lived_ns < _AT_ONCE_S * 10**9 and self._making.main.ended(
                spec, int(state["ExitCode"])
            ):
                return True
        self._making.main.settle(spec.name, main)
        return False

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        """Run a command. See :meth:`Runtime.execute`."""
        if request.through_entrypoint:
            try:
                image = await self._image(self._project.services[container.service])
            except ENGINE_ERRORS as error:
                raise ExecFailed(
                    container.service, f"its image's entrypoint is not known: {said(error)}"
                ) from error
            entrypoint = entrypoint_of(self._project.services[container.service], image)
            request = evolve(request, command=(*entrypoint, *request.command))
        return await self._execs.execute(container, request, self._outputs[container.service])

    async def fetch(
        self, container: Container, request: ExecRequest, into: Path
    ) -> tuple[str, ...]:
        """Copy files out of a container, by the engine's archive calls. See :meth:`Fetching.fetch`."""
        try:
            return await fetch(self._calls, container, request, into)
        except ENGINE_ERRORS as error:
            raise RuntimeFault(container.service, said(error)) from error

    async def kill(self, container: Container, request: ExecRequest, *, grace_s: float) -> bool:
        """End a command's process tree. See :meth:`Runtime.kill`."""
        self._outputs[container.service].hurry(request)
        return await self._execs.end(container, request, grace_s=grace_s)

    async def leftovers(
        self, container: Container, request: ExecRequest
    ) -> tuple[LeftProcess, ...]:
        """Return what a command left running. See :meth:`Runtime.leftovers`."""
        return await self._execs.leftovers(container, request)

    async def inspect(self, service: str) -> Observation | None:
        """Inspect a service's container. See :meth:`Runtime.inspect`."""
        try:
            for listed in await self._calls(partial(self._ours, service)):
                found = await self._calls(partial(_inspect, listed["Id"]))
                if found is not None and not found["State"]["Running"]:
                    await self._calls.knock()
                    died_ns = moment_ns(found["State"]["FinishedAt"])
                    restarted = self._calls.patience.away_since(died_ns)
                    of_memory = self._deaths.of_memory(
                        found["Id"], died_ns, flag=found["State"]["OOMKilled"]
                    )
                    return evolve(
                        _observation(found), engine_restarted=restarted, oom_killed=of_memory
                    )
                if found is not None:
                    return _observation(found)
        except ENGINE_ERRORS as error:
            raise RuntimeFault(service, f"it could not be inspected: {said(error)}") from error
        return None

    async def pids(self, container: Container) -> frozenset[int] | None:
        """The container's processes. See :meth:`Runtime.pids`."""
        try:
            listed = await self._calls(lambda client: client.top(container.id))
        except ENGINE_ERRORS as error:
            _LOG.debug("%s: no list of processes: %s", container.service, said(error))
            return None
        column = listed["Titles"].index("PID")
        return frozenset(int(row[column]) for row in listed["Processes"])

    async def processes(self, container: Container) -> ContainerProcesses | None:
        """The container's processes, and the service's own. See :meth:`Attributing.processes`."""
        try:
            return await self._execs.processes(container)
        except ENGINE_ERRORS as error:
            _LOG.debug("%s: no list of processes: %s", container.service, said(error))
            return None

    async def logs(self, service: str, lines: int) -> list[str]:
        """The last lines of the main process. See :meth:`Runtime.logs`."""
        try:
            for listed in await self._calls(partial(self._ours, service)):
                return await self._calls(partial(last_lines, listed["Id"], most=lines))
        except ENGINE_ERRORS as error:
            _LOG.debug("%s: no logs: %s", service, said(error))
        return []

    async def keep_log(self, container: Container, log: MainLog) -> None:
        """Follow a container's output. See :meth:`Logging.keep_log`."""
        guest = container.id in self._guests.taken.values()
        self._followed.add(container.id)
        self._logs.follow(container, log, from_its_start=guest)

    async def caught_up(self, container: Container) -> None:
        """See the output of a container that has ended into its log. See :meth:`Logging.caught_up`."""
        with contextlib.suppress(*ENGINE_ERRORS):
            found = await self._calls(partial(_inspect, container.id))
            if found is None or not found["State"]["Running"]:
                await self._logs.caught_up(container.id)

    # Removal

    async def remove(self, service: str, *, grace_s: float) -> None:
        """Remove every container that dockwarden made for a service. See :meth:`Runtime.remove`.

        What was taken over from the user's own Compose is let go of instead.
        """
        if service in self._guests.taken:
            await self._logs.finish(self._guests.taken[service], ended=False)
            await self._guests.leave(service)
        left = await self._left(service, grace_s)
        if left:
            names = ", ".join(listed["Names"][0].lstrip("/") for listed in left)
            raise RemovalFailed(
                service,
                f"its container {names} is still there after removal: a process in it may be stuck in the"
                f" kernel; try docker rm -f {names}, else restart the engine",
            )

    async def _left(self, service: str, grace_s: float) -> list[dict[str, Any]]:
        """Remove the service's containers, and list those that are left; no answer is no refusal."""
        for tries_left in reversed(range(_REMOVALS)):
            try:
                for listed in await self._calls(partial(self._ours, service)):
                    if grace_s > 0:
                        await self._end(service, listed["Id"], grace_s)
                    await self._logs.finish(listed["Id"], ended=grace_s > 0)
                    await self._calls(partial(self._remove, listed))
                return await self._calls(partial(self._ours, service))
            except ENGINE_ERRORS as error:
                reason = f"its container could not be removed: {said(error)}"
                if not tries_left or isinstance(error, docker.errors.APIError):
                    raise RemovalFailed(service, reason) from error
                _LOG.warning("%s: %s; looking again", service, reason)
            await asyncio.sleep(_AGAIN_S)
        raise AssertionError("the last try returns or raises")

    def _remove(self, listed: Mapping[str, Any], client: APIClient) -> None:
        """Remove a container, unless another controller has taken it over meanwhile."""
        with leases.held(listed["Labels"]):
            if self._may_take(listed["Labels"]):
                if listed["Id"] not in self._followed:
                    service = listed["Labels"][COMPOSE_SERVICE]
                    fetch_rest(client, listed["Id"], service, self._spools.get(service))
                remove_container(listed["Id"], 0, client)

    async def _end(self, service: str, container_id: str, grace_s: float) -> None:
        try:
            await self._maker.stop(self._project.services[service], container_id, grace_s)
        except docker.errors.APIError as error:
            if error.status_code not in _BEING_REMOVED:
                raise

    async def sweep(self) -> Mapping[str, str]:
        """Remove the project's networks. See :meth:`Runtime.sweep`."""
        try:
            whose = self._project.name, self._may_take, self._made_here
            await self._calls(partial(remove_probes, *whose))
            left = await self._calls(partial(remove_networks, *whose))
        except ENGINE_ERRORS as error:
            return {"networks": said(error)}
        while self._adopted and not left:
            leases.drop(self._adopted.pop())
        await asyncio.to_thread(leases.tidy)
        return left

    def _ours(self, service: str, client: APIClient) -> list[dict[str, Any]]:
        """The service's containers that we made, or a controller before us that has died since."""
        labels = [f"{PROJECT}={self._project.name}", f"{COMPOSE_SERVICE}={service}"]
        found = client.containers(all=True, filters={"label": labels})
        guest = self._guests.taken.get(service)
        return [
            one
            for one in found
            if one["Id"] == guest
            or (
                not one["Labels"].get(PROBE)
                and self._made_here(one, client)
                and self._may_take(one["Labels"])
            )
        ]

    def _made_here(self, container: Mapping[str, Any], client: APIClient) -> bool:
        """Whether a container was made by a dockwarden, and did not get its labels from its image."""
        return not self._provenance.foreign(container, client)

    def _may_take(self, labels: Mapping[str, str]) -> bool:
        """Whether the object with these labels is ours or a dead controller's, and no other runtime of this process has it."""
        spec = self._project.services.get(labels.get(COMPOSE_SERVICE, ""))
        user = None if spec is None else _IN_USE.get((self._owner, self._place_of(spec)))
        return user in (None, self) and leases.may_take(self._owner, labels)

    def _place_of(self, spec: ServiceSpec) -> str:
        """Return the name of a service's container among those of all engines."""
        return f"{self._engine_id}/{container_name(self._project, spec)}"


def _inspect(container_id: str, client: APIClient) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.inspect_container(container_id)
    except docker.errors.NotFound:
        return None
    return found


def _container(found: Mapping[str, Any]) -> Container:
    return Container(
        service=found["Config"]["Labels"][COMPOSE_SERVICE],
        id=found["Id"],
        started_at=found["State"]["StartedAt"],
        image=found["Image"],
    )


def _observation(found: Mapping[str, Any]) -> Observation:
    state = found["State"]
    return Observation(
        container=_container(found),
        running=state["Running"],
        paused=state["Paused"],
        health=(state.get("Health") or {}).get("Status") or None,
        exit_code=None if state["Running"] else state["ExitCode"],
    )
