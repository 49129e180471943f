"""Fetch the output that a dead controller has not read of its containers, before they are removed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from docker.api import APIClient

from engine.runtimes.docker.containers.provisioner import INSIDE
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, said
from engine.runtimes.docker.logs.follower import read_rest
from engine.runtimes.docker.logs.notes import forget, noted
from engine.runtimes.docker.logs.writing import LogWriter, place_in
from engine.spool import output_of
from engine.spool.main_log import logs_of, short

__all__ = ["fetch_rest"]

_LOG: Final = logging.getLogger(__name__)


def fetch_rest(client: APIClient, container_id: str, service: str, spool: Path | None) -> None:
    """Add to the log of a container's last start what is not there yet. Never raises.

    Only a log that is there already is added to: what mounts of a container say makes no files.

    Args:
        spool: the container's spool on this machine; None to take what the container mounts. Where neither leads to a
            log, a note of its controller does.
    """
    try:
        found = client.inspect_container(container_id)
        mounted = [
            Path(mount["Source"])
            for mount in found["Mounts"]
            if mount["Destination"] == INSIDE and mount["Type"] == "bind"
        ]
        logs = [
            one
            for folder in ([spool] if spool is not None else mounted)
            if (output := output_of(folder)) is not None
            for one in logs_of(output, service)
            if one.container == short(found["Id"])
        ] or [one for one in [noted(found["Id"])] if one is not None and one.kept]
        for log in logs[-1:]:
            with log.opened() as file:
                read_rest(client, container_id, LogWriter(file, place_in(file)))
        forget(found["Id"])
    except (*ENGINE_ERRORS, ValueError) as error:  # what has to go goes without its last lines
        _LOG.debug("%s: the rest of its log is not fetched: %s", service, said(error))
