"""Containers that the user's own ``docker compose up`` made, taken over when that is asked for.

They are guests: used, restarted in place, never removed. They share no folder with us, so output is brought
from them (:class:`engine.runtimes.docker.commands.output.CarriedOutput`). Labels cannot be added to them,
so a file within a container names its user.
"""

from __future__ import annotations

import contextlib
import json
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import docker.errors
from attrs import define, field
from docker.api import APIClient

from engine.errors import LaunchFailed, OwnedElsewhere
from engine.ownership import leases
from engine.ownership.owner import LABEL, Owner
from engine.runtimes.docker.commands.output import CarriedOutput
from engine.runtimes.docker.containers.naming import COMPOSE, COMPOSE_PROJECT, COMPOSE_SERVICE
from engine.runtimes.docker.containers.start_errors import last_lines, quoted
from engine.runtimes.docker.daemon import archive
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, Calls, said
from engine.runtimes.docker.ownership.adoption import commands

__all__ = ["Guests", "ended_reason", "is_guest"]

_PLACES: Final = ("/run/dockwarden", "/var/tmp/dockwarden", "/tmp/dockwarden")  # noqa: S108 - in a container
"""Places for output; a place under a tmpfs cannot be read from outside."""

_OWNER: Final = "owner"
"""The file that says who uses the container."""

_MOST_BYTES: Final = 2**14
"""So much of it is read; ours takes a few hundred bytes."""


def is_guest(labels: dict[str, str], project: str, service: str) -> bool:
    """Whether labels are those of a container that Compose, and not dockwarden, made for a service."""
    ours = any(label.startswith(LABEL) for label in labels)
    wanted = {
        COMPOSE_PROJECT: project,
        COMPOSE_SERVICE: service,
        f"{COMPOSE}oneoff": "False",
    }
    return not ours and all(labels.get(label) == value for label, value in wanted.items())


def ended_reason(service: str, exit_code: int) -> str:
    """Why a container of Compose's cannot be used that ends as soon as it is started."""
    return (
        f"the container that Compose made has ended with exit code {exit_code}, also when it was started again:"
        f" its own command does not stay. Give {service} a command that does (command: sleep infinity) and have"
        " Compose make it again (docker compose up --detach), or leave out adopt: compose, so that dockwarden"
        " makes the container and keeps it up"
    )


def _ended(service: str, container_id: str, client: APIClient) -> LaunchFailed | None:
    """The error that says how a container ended which was just started; None while it runs."""
    state = client.inspect_container(container_id)["State"]
    if state["Running"]:
        return None
    lines = quoted(last_lines(container_id, client))
    reason = f"{ended_reason(service, state['ExitCode'])}{lines}"
    return LaunchFailed(service, reason, curable=False)


@define
class Guests:
    """The containers of a project that were taken over.

    Attributes:
        taken: their ids, by service.
    """

    _calls: Calls
    _project: str
    _owner: Owner
    taken: dict[str, str] = field(factory=dict)
    _places: dict[str, str] = field(factory=dict, init=False)

    async def refuse_anothers(self, service: str, container_id: str, what: str) -> None:
        """See that no other controller uses a container of Compose's.

        A controller of this user on this machine has claimed the container. The note in the container proves
        nothing, since the container may have written it. So for other users and other machines the engine
        itself has to show that a command of a controller runs; the note then tells whose it is.

        Args:
            what: what the container is called among those of all engines.

        Raises:
            OwnedElsewhere: another controller uses it.
        """
        holder = leases.reserved_by(what)
        if holder is not None and holder != self._owner:
            raise OwnedElsewhere(
                f"{service}: its container is used by {holder}, which still runs; wait for it"
            )
        user = await self._calls(partial(self._user, container_id))
        if user is None or user == self._owner or not user.alive:
            return
        if await self._calls(partial(commands, container_id)):
            raise OwnedElsewhere(
                f"{service}: {user} runs an experiment in its container; wait for it, or restart the"
                f" container if that is not so (docker restart {container_id[:12]})"
            )

    async def take(self, service: str, folder: Path) -> CarriedOutput | None:
        """Take over the service's container; None if Compose has made none.

        One that has ended is started. One whose user died is restarted, since what ran in it may run on.

        Args:
            folder: where the output of what runs in it goes, on this machine.

        Raises:
            LaunchFailed: there is one, and it cannot be used; says why.
        """
        try:
            return await self._calls(partial(self._take, service, folder))
        except ENGINE_ERRORS as error:
            reason = f"the container that Compose made cannot be taken over: {said(error)}"
            raise LaunchFailed(service, reason, curable=False) from error

    def _take(self, service: str, folder: Path, client: APIClient) -> CarriedOutput | None:
        labels = [f"{COMPOSE_PROJECT}={self._project}", f"{COMPOSE_SERVICE}={service}"]
        listed = client.containers(all=True, filters={"label": labels})
        found = [one for one in listed if is_guest(one["Labels"], self._project, service)]
        if not found:
            return None
        if len(found) > 1:
            reason = (
                f"Compose made {len(found)} containers of it, and a backend is one: scale it down"
                f" (docker compose up --detach --scale {service}=1)"
            )
            raise LaunchFailed(service, reason, curable=False)
        container_id: str = found[0]["Id"]
        if self._user(container_id, client) not in (None, self._owner):
            client.restart(container_id)
        client.start(container_id)  # harmless when it runs
        try:
            place = self._place(service, container_id, client)
        except (LaunchFailed, *ENGINE_ERRORS) as error:
            ended = _ended(service, container_id, client)
            if ended is None:
                raise
            raise ended from error
        self.taken[service], self._places[service] = container_id, place
        return CarriedOutput(self._calls, folder, place)

    def _user(self, container_id: str, client: APIClient) -> Owner | None:
        """Read the note of a container's user.

        The container may have put anything in the note's place. A note that cannot be read names no owner.
        """
        for place in _PLACES:
            with contextlib.suppress(docker.errors.APIError, archive.NoFile):
                written = archive.beginning(client, container_id, f"{place}/{_OWNER}", _MOST_BYTES)
                user = Owner.from_json(written)
                if user is not None:
                    return user
        return None

    def _place(self, service: str, container_id: str, client: APIClient) -> str:
        """A folder of the container in which what it runs may write, and from which we can read."""
        note = json.dumps(self._owner.labels()).encode()
        for place in map(PurePosixPath, _PLACES):
            within = place.name
            with contextlib.suppress(docker.errors.APIError):  # it is read-only, for one
                archive.put(
                    client,
                    container_id,
                    str(place.parent),
                    {f"{within}/": 0o777},
                    {f"{within}/{_OWNER}": note},
                )
                if self._is_seen(container_id, f"{place}/{_OWNER}", client):
                    return str(place)
                # It lies under a tmpfs, where no process of the container can remove it.
                nobody = {f"{within}/{_OWNER}": b"{}"}
                archive.put(client, container_id, str(place.parent), {}, nobody)
        reason = (
            "nothing can be written in the container that Compose made: give it a writable /run, /var/tmp"
            " or /tmp that is no tmpfs, or let dockwarden make the container"
        )
        raise LaunchFailed(service, reason, curable=False)

    def _is_seen(self, container_id: str, path: str, client: APIClient) -> bool:
        """Whether what runs in the container finds a file: a tmpfs would lie over it."""
        asked = client.exec_create(container_id, ["/bin/sh", "-c", 'test -f "$1"', "sh", path])[
            "Id"
        ]
        client.exec_start(asked)  # its output, of which there is none, ends with it
        told: dict[str, Any] = client.exec_inspect(asked)
        return bool(told["ExitCode"] == 0)

    async def leave(self, service: str) -> None:
        """Let go of a container that was taken: it runs on, as it was found."""
        container_id, place = self.taken.pop(service), self._places.pop(service)
        remove = ["/bin/sh", "-c", 'rm -rf -- "$1"', "sh", place]

        def clear(client: APIClient) -> None:
            asked = client.exec_create(container_id, remove, user="0")["Id"]
            client.exec_start(asked)

        with contextlib.suppress(*ENGINE_ERRORS):  # it is gone, or does not run: nothing to clear
            await self._calls(clear)
