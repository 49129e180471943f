"""Running a user's command by hand in a container that dockwarden, or the user's own Compose, has made."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from docker.api import APIClient

from engine.errors import ExecFailed
from engine.model.spec import Project
from engine.ownership import leases
from engine.ownership.owner import Owner
from engine.policy.keep_alive import entrypoint_of
from engine.runtimes.by_hand import UP, Entry, in_use, not_up
from engine.runtimes.docker.commands.attached import run_attached
from engine.runtimes.docker.compose_adoption import is_guest
from engine.runtimes.docker.containers.image_command import image_command
from engine.runtimes.docker.containers.images import image_name
from engine.runtimes.docker.containers.naming import COMPOSE_PROJECT, COMPOSE_SERVICE, PROJECT
from engine.runtimes.docker.containers.provenance import PROBE, Provenance
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, connect, said

__all__ = ["enter"]


def enter(project: Project, entry: Entry, *, adopts_compose: bool) -> int:
    """Run a command in a service's container, and return its exit code.

    While it runs, the container is this process's, unless another one that lives has it: nothing else removes it.

    Args:
        adopts_compose: whether a container counts that the user's own Compose made.

    Raises:
        DispatchError: no such container runs.
        OwnedElsewhere: a campaign uses it.
        ExecFailed: the engine does not run the command.
        RuntimeUnavailable: no engine answers.
    """
    with closing(connect()) as client:
        try:
            found = _container(project, entry.service, client, adopts_compose=adopts_compose)
            labels: Mapping[str, str] = found["Config"]["Labels"] or {}
            owner = leases.owner_of(labels)
            if owner is not None and owner.alive and UP not in labels and not entry.force:
                raise in_use(entry.service, owner)
            leases.take(Owner.current(), labels)
            return run_attached(
                client,
                found["Id"],
                _command(project, entry, client),
                environment=entry.environment,
                user=entry.user,
                working_dir=entry.working_dir,
                terminal=entry.tty,
            )
        except ENGINE_ERRORS as error:
            reason = f"the command could not be run: {said(error)}; correct it, or check the engine"
            raise ExecFailed(entry.service, reason) from error


def _container(
    project: Project, service: str, client: APIClient, *, adopts_compose: bool
) -> dict[str, Any]:
    """Inspect the service's running container.

    Raises:
        DispatchError: there is none.
    """
    label = [f"{COMPOSE_PROJECT}={project.name}", f"{COMPOSE_SERVICE}={service}"]
    provenance = Provenance()
    ended = ""
    for listed in client.containers(all=True, filters={"label": label}):
        labels: dict[str, str] = listed["Labels"]
        ours = (
            labels.get(PROJECT) and not labels.get(PROBE) and not provenance.foreign(listed, client)
        )
        if ours or (adopts_compose and is_guest(labels, project.name, service)):
            found: dict[str, Any] = client.inspect_container(listed["Id"])
            state = found["State"]
            if state["Running"]:
                return found
            ended = f"its container {found['Name'].lstrip('/')} has ended with exit code {state['ExitCode']}"
    raise not_up(service, ended or "it is not up")


def _command(project: Project, entry: Entry, client: APIClient) -> list[str]:
    if not entry.through_entrypoint:
        return [*entry.command]
    spec = project.services[entry.service]
    image = image_command(client, image_name(project, spec))
    return [*entrypoint_of(spec, image), *entry.command]
