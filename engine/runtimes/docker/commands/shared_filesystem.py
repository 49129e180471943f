"""Whether an engine sees this machine's files: asked of the engine itself, not guessed from its address.

An engine behind a TCP address may run right here, and one behind a Unix socket may not: the socket may be
forwarded, or handed into the container in which we run.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import docker.errors
from docker.api import APIClient

from engine.runtimes.docker.containers.provisioner import INSIDE
from engine.runtimes.docker.daemon import archive
from engine.runtimes.docker.daemon.client import ENGINE_ERRORS, said

__all__ = ["sees"]

_NO_SUCH_SOURCE: Final = "bind source path does not exist"


def sees(client: APIClient, folder: Path, image: str, labels: Mapping[str, str]) -> bool:
    """Whether a container that mounts a folder of this machine finds in it what is there.

    A container is created for it, never started, and removed.

    Args:
        image: any that is on the engine.
        labels: of that container, should we die meanwhile.

    Raises:
        docker.errors.APIError: the engine refuses to make it, for another reason.
    """
    nonce = folder / f".seen-{secrets.token_hex(8)}"
    os.close(os.open(nonce, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    made: str | None = None
    try:
        made = client.create_container_from_config(_body(folder, image, labels))["Id"]
        return archive.look(client, made, f"{INSIDE}/{nonce.name}") is not None
    except docker.errors.APIError as error:
        if _NO_SUCH_SOURCE not in said(error):
            raise
        return False
    finally:
        nonce.unlink(missing_ok=True)
        if made is not None:
            with suppress(*ENGINE_ERRORS):
                client.remove_container(made, v=True, force=True)


def _body(folder: Path, image: str, labels: Mapping[str, str]) -> dict[str, object]:
    # As an entry of Mounts: unlike a line of Binds, it makes no folder where there is none.
    mount = {"Type": "bind", "Source": str(folder), "Target": INSIDE, "ReadOnly": True}
    return {
        "Image": image,
        "Cmd": ["true"],
        "Labels": dict(labels),
        "HostConfig": {"Mounts": [mount], "NetworkMode": "none"},
    }
