"""The few calls of the Docker Engine API that the lab makes, over its Unix socket."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode

from .errors import LabFailed

__all__ = ["EngineApi"]

_PREDEFINED_NETWORKS = {"bridge", "host", "none"}


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, which the standard library has all the parts of."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class EngineApi:
    """A Docker engine at a Unix socket.

    Not the Docker SDK, because the lab is brought up before the project's environment exists.
    """

    def __init__(self, path: Path) -> None:
        """Remember where the engine listens; nothing is opened yet."""
        self._path = path

    def ping(self, timeout_s: float = 2.0) -> bool:
        """Whether an engine answers; one that does not answer in time does not."""
        try:
            with self._request("GET", "/_ping", timeout_s=timeout_s) as response:
                return response.status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def version(self) -> str:
        """The engine's version, such as `20.10.24`."""
        return str(self._json("GET", "/version")["Version"])

    def has_image(self, reference: str) -> bool:
        """Whether the engine has this image."""
        with self._request("GET", f"/images/{quote(reference, safe='')}/json") as response:
            return response.status == http.client.OK

    def import_image(self, tar: Path, reference: str, changes: list[str]) -> None:
        """Make an image of a root file system, as `docker import --change` does.

        Args:
            tar: The root file system.
            reference: The image's name and tag.
            changes: Dockerfile instructions to apply to it.

        Raises:
            LabFailed: The engine would not take it.
        """
        repository, _, tag = reference.partition(":")
        fields = [("fromSrc", "-"), ("repo", repository), ("tag", tag)]
        query = urlencode(fields + [("changes", change) for change in changes])
        with (
            tar.open("rb") as body,
            self._request(
                "POST", f"/images/create?{query}", body=body, timeout_s=300.0
            ) as response,
        ):
            answer = response.read().decode(errors="replace")
        # A failure after the first byte comes as a line of progress, under status 200.
        if response.status != http.client.OK or '"error"' in answer:
            raise LabFailed(f"The engine would not import {tar} as {reference}: {answer.strip()}")

    def remove_everything(self) -> list[str]:
        """Remove all containers, then all networks and volumes: in a private engine all are ours.

        Returns:
            One line for each that would not go.
        """
        refused: list[str] = []
        for container in self._json("GET", "/containers/json?all=1"):
            refused += self._delete(f"/containers/{container['Id']}?force=1&v=1")
        for network in self._json("GET", "/networks"):
            if network["Name"] not in _PREDEFINED_NETWORKS:
                refused += self._delete(f"/networks/{network['Id']}")
        for volume in self._json("GET", "/volumes")["Volumes"] or []:
            refused += self._delete(f"/volumes/{quote(volume['Name'], safe='')}?force=1")
        return refused

    def _delete(self, path: str) -> list[str]:
        """Delete one thing; no error when it is gone already."""
        try:
            with self._request("DELETE", path, timeout_s=60.0) as response:
                if response.status in {http.client.NO_CONTENT, http.client.NOT_FOUND}:
                    return []
                return [f"{path}: {response.read().decode(errors='replace').strip()}"]
        except OSError as error:
            return [f"{path}: {error}"]

    def _json(self, method: str, path: str) -> Any:
        with self._request(method, path) as response:
            text = response.read().decode()
            if response.status != http.client.OK:
                raise LabFailed(f"{method} {path} at {self._path} gave {response.status}: {text}")
            return json.loads(text)

    @contextlib.contextmanager
    def _request(
        self,
        method: str,
        path: str,
        *,
        body: IO[bytes] | None = None,
        timeout_s: float = 30.0,
    ) -> Iterator[http.client.HTTPResponse]:
        connection = _UnixConnection(self._path, timeout_s)
        try:
            connection.request(method, path, body=body)
            yield connection.getresponse()
        finally:
            connection.close()
