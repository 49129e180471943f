"""Taking over the container that a dead controller left: which one, and what still runs in it."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import docker.errors
from attrs import evolve
from docker.api import APIClient

from engine.model.main_command import MainCommand
from engine.model.spec import Mount, ServiceSpec
from engine.ownership import leases
from engine.ownership.owner import LABEL, Owner
from engine.runtimes.by_hand import UP
from engine.runtimes.docker.containers.images import image_name
from engine.runtimes.docker.containers.naming import PROJECT, container_name
from engine.runtimes.docker.containers.payload import container_payload, further_networks
from engine.runtimes.docker.containers.provenance import Provenance
from engine.runtimes.docker.containers.provisioner import INSIDE, Making
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, said
from engine.runtimes.in_container import RUN

__all__ = ["commands", "exec_of", "find", "forgotten", "spec_label"]

_LOG: Final = logging.getLogger(__name__)

_MADE_BY_HAND: Final = "dockwarden up made it, and a campaign makes its own"
_SPEC: Final = f"{LABEL}spec"
_OURS: Final = re.compile(rf" dockwarden ({re.escape(INSIDE)}/\S+)")
"""How the shell around a command looks in a list of processes: it ends with its folder and the command."""


def spec_label(
    making: Making,
    spec: ServiceSpec,
    output: Mount,
    client: APIClient,
    main: MainCommand | None = None,
) -> dict[str, str]:
    """The label that tells whether a container is what would be made now: a digest of what makes it.

    In it is all that our own maker would ask the engine for, the image by its id, and not whose it is,
    nor which Compose is installed.
    Without the image there is no label, and such a container is never taken over.

    Args:
        main: what it runs as its main process; None for what is decided.
    """
    main = main or making.main_of(spec.name)
    try:
        image = client.inspect_image(image_name(making.project, spec))["Id"]
    except docker.errors.NotFound:
        return {}
    made_of = [
        container_payload(
            evolve(making.project, compose=None),
            spec,
            image=image,
            keep_alive=main.keep_alive,
            labels={},
            extra_mounts=[output],
        ),
        list(further_networks(making.project, spec)),
        spec.platform,
        _identity(output),
    ]
    text = json.dumps(made_of, sort_keys=True, default=str)
    return {_SPEC: hashlib.sha256(text.encode()).hexdigest()}


def _identity(output: Mount) -> int | None:
    """Identify the folder that a container mounts: another one may have taken its name since."""
    return Path(output.source).stat().st_ino if output.source else None


def find(
    making: Making,
    owner: Owner,
    spec: ServiceSpec,
    output: Mount,
    client: APIClient,
    *,
    inside: str | None,
    provenance: Provenance,
) -> dict[str, Any] | None:
    """Take over a service's container; what inspection shows of it, or None where there is none to take.

    Args:
        owner: who takes it over.
        output: the mount that it would be made with.
        inside: the folder of dockwarden's one command that may run in it.
        provenance: tells whether a dockwarden made it.
    """
    try:
        found: dict[str, Any] = client.inspect_container(container_name(making.project, spec))
    except docker.errors.NotFound:
        return None
    labels: Mapping[str, str] = found["Config"]["Labels"] or {}
    if labels.get(PROJECT) != making.project.name or Owner.from_labels(labels) == owner:
        return None
    if provenance.foreign(found, client) or not leases.may_take(owner, labels):
        return None
    wanted = {
        label: main
        for main in making.main_alternatives(spec)
        for label in spec_label(making, spec, output, client, main).values()
    }
    unfit = _MADE_BY_HAND if UP in labels and UP not in making.labels else ""
    unfit = unfit or _unfit(found, labels, wanted, inside, client)
    if not unfit and not leases.take(owner, labels):
        unfit = "it could not be claimed"
    if unfit:
        _LOG.warning("%s: its container is not taken over: %s", spec.name, unfit)
        return None
    making.settle_main(spec, wanted[labels[_SPEC]])
    return found


def _unfit(
    found: Mapping[str, Any],
    labels: Mapping[str, str],
    wanted: Collection[str],
    inside: str | None,
    client: APIClient,
) -> str:
    """Why a container is not to be taken over; empty if it is."""
    state = found["State"]
    if not state["Running"] or state["Paused"] or state["Restarting"]:
        return f"it is {state['Status']}"
    if labels.get(_SPEC) not in wanted:
        return "it was made from another specification"
    try:
        strangers = {*_execs(found, client), *forgotten(found["Id"], client)} - {inside}
    except ENGINE_ERRORS as error:
        return f"what runs in it cannot be seen: {said(error)}"
    return f"{', '.join(sorted(strangers))} runs in it" if strangers else ""


def exec_of(container_id: str, inside: str, client: APIClient) -> str | None:
    """The exec by which a command runs, known by its folder; None where the engine knows of none."""
    return _execs(client.inspect_container(container_id), client).get(inside)


def commands(container_id: str, client: APIClient) -> set[str]:
    """The folders of the commands of controllers that the engine runs in a container by an exec."""
    return {*_execs(client.inspect_container(container_id), client)}


def forgotten(container_id: str, client: APIClient) -> set[str]:
    """The folders of the commands that run in a container, as its list of processes shows them.

    The engine forgets its execs when it restarts; what it had started by them may run on.
    """
    listed = client.top(container_id)
    rows = (" ".join(" ".join(row).split()) for row in listed["Processes"] or ())
    return {match.group(1) for row in rows if (match := _OURS.search(row))}


def _execs(found: Mapping[str, Any], client: APIClient) -> dict[str, str]:
    """Return dockwarden's commands that run in a container: the exec of each, by its folder."""
    execs: dict[str, str] = {}
    for exec_id in found["ExecIDs"] or ():
        try:
            told = client.exec_inspect(exec_id)
        except docker.errors.NotFound:
            continue
        words = told["ProcessConfig"]["arguments"]
        if told["Running"] and words[:2] == ["-c", RUN]:
            execs[words[3]] = exec_id
    return execs
