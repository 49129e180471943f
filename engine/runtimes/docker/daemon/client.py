"""Calls to the Docker engine, from an event loop.

The SDK blocks and its client is not thread-safe: calls run on a pool of threads, each call with a separate
client, which the next call takes over. A cancelled call is waited for before the cancellation goes
on, so that nothing is created after the cleanup.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, TypeVar

import docker.errors
import requests
from attrs import frozen
from docker.api import APIClient
from docker.utils import kwargs_from_env

from engine.errors import MissingExtra, RuntimeUnavailable
from engine.runtimes.docker.daemon.cli_config import forget_missing_helpers
from engine.runtimes.docker.daemon.endpoint import leading_to
from engine.runtimes.docker.daemon.moments import moment_ns
from engine.runtimes.docker.daemon.retrying import GivenUp, Patience, be_patient
from engine.util.futures import forget

__all__ = ["ENGINE_ERRORS", "Calls", "EngineFacts", "address", "connect", "engine_facts", "said"]


def _ssh_error() -> type[Exception]:
    """The exception of an engine that is reached by SSH; without the packages for SSH it is never raised."""
    try:
        error: type[Exception] = import_module(
            "paramiko"
        ).SSHException  # which the SDK has imported
    except ImportError:
        return OSError
    return error


ENGINE_ERRORS: Final = (
    docker.errors.DockerException,
    requests.exceptions.RequestException,
    OSError,
    EOFError,  # the end of an SSH connection
    _ssh_error(),
)
"""Exceptions of the SDK when the engine refuses, or does not answer."""

_THREADS: Final = 32
_SETTLE_S: Final = 90.0
"""Longer than the SDK's read timeout, so that a call under way has ended by then."""

T = TypeVar("T")


class _Client(APIClient):
    """The SDK's client, which trusts the engine's own certificate authority."""

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Merge the settings of the environment as requests does, without certificates of the web.

        ``REQUESTS_CA_BUNDLE`` would win over the authority that ``DOCKER_CERT_PATH`` names.
        """
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if verify is None and self.verify is not True:
            settings["verify"] = self.verify
        return settings


def connect(engine: Mapping[str, str] | None = None) -> APIClient:
    """A client for an engine.

    Args:
        engine: the variables that lead to it (``DOCKER_HOST`` and the like); None for the engine that
            the environment or the CLI's context names.

    Raises:
        MissingExtra: it is reached by SSH, and the packages for that are not installed.
        RuntimeUnavailable: it cannot be reached; the message says why and what to do.
    """
    variables = leading_to(os.environ if engine is None else engine)
    # An empty mapping would be taken for none.
    variables.setdefault("DOCKER_HOST", "")
    if variables["DOCKER_HOST"].startswith("ssh://") and find_spec("paramiko") is None:
        raise MissingExtra(f"the engine at {variables['DOCKER_HOST']}", "ssh")
    try:
        client = _Client(version="auto", **kwargs_from_env(environment=variables))
    except ENGINE_ERRORS as error:
        raise RuntimeUnavailable(_unreachable(error)) from error
    if client.base_url.startswith("http+docker:"):
        # A socket has no proxies and no passwords in a file; to find none takes a third of each request.
        client.trust_env = False
    # The SDK has no public way to its credentials.
    forget_missing_helpers(vars(client)["_auth_configs"])
    return client


@frozen
class EngineFacts:
    """The engine that answers.

    Attributes:
        id: its own name for itself; its address, where it has none.
        time: its clock, in whole seconds since the epoch, as its event stream wants it.
    """

    version: str
    url: str
    time: int
    id: str


def address(client: APIClient) -> str:
    """Return the engine's address; the SDK hides a socket's path behind a made-up host."""
    socket = getattr(client.get_adapter(client.base_url), "socket_path", None)
    return client.base_url if socket is None else f"unix://{socket}"


def engine_facts(client: APIClient) -> EngineFacts:
    """Ask the engine who it is."""
    info = client.info()
    now_s = moment_ns(info["SystemTime"]) // 1_000_000_000
    url = address(client)
    return EngineFacts(info["ServerVersion"], url, now_s, info.get("ID") or url)


def said(error: BaseException) -> str:
    """Return the engine's error text on one line, without the SDK's wrapping."""
    explanation = getattr(error, "explanation", None) or str(error)
    if isinstance(explanation, bytes):
        explanation = explanation.decode(errors="replace")
    return " ".join(explanation.split())


class Calls:
    """Runs calls on separate threads; use as ``await calls(lambda client: client.info())``.

    An engine that has answered once and is away is waited for; see :mod:`.patience`.

    Args:
        connect: makes a client.

    Attributes:
        patience: what it is waited for with.
    """

    def __init__(self, connect: Callable[[], APIClient] = connect) -> None:
        self.patience = Patience()
        self._connect = connect
        self._pool: ThreadPoolExecutor | None = None
        self._idle: list[APIClient] = []
        self._lock = threading.Lock()
        self._local = threading.local()
        self._answered = False

    async def __call__(
        self, call: Callable[[APIClient], T], *, settle: bool = True, repeatable: bool = False
    ) -> T:
        """Do one call, or several that belong together, on one thread.

        Args:
            settle: whether a cancelled call is waited for; not for what may take minutes and creates
                nothing that has to be cleaned up. Such a call is cut off.
            repeatable: whether it is done again from its beginning where the engine goes away under it:
                for what looks whether there is anything to do.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")
        given_up = GivenUp()
        task = partial(self._with_client, call, given_up, repeatable=repeatable)
        future = asyncio.wrap_future(self._pool.submit(task))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            given_up.set()
            if settle:
                await asyncio.wait({future}, timeout=_SETTLE_S)
            else:
                given_up.cut()
            future.add_done_callback(forget)
            raise

    def on_cut(self, cut: Callable[[], None]) -> None:
        """Have something called when the call that runs on this thread is cut off.

        Args:
            cut: ends what the call waits for; quick, and from another thread.
        """
        self._local.given_up.on_cut(cut)

    async def knock(self) -> None:
        """Wait until the engine accepts new connections.

        One that is being stopped does not, from the first: those who are in see its containers end, and
        could even start them again, before it ends itself.
        """

        def come_and_go(_client: APIClient) -> None:
            self._new_client(self._local.given_up).close()

        await self(come_and_go, settle=False)

    def close(self) -> None:
        """End threads and connections once they are idle; does not wait for that. A later call makes others."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._pool, idle, self._idle = None, self._idle, []
        for client in idle:
            client.close()

    def _with_client(
        self, call: Callable[[APIClient], T], given_up: GivenUp, *, repeatable: bool
    ) -> T:
        self._local.given_up = given_up
        with self._lock:
            client = self._idle.pop() if self._idle else None
        if client is None:
            client = self._patient_client(given_up)
        try:
            if repeatable:
                return self.patience.wait_out(partial(call, client), given_up)
            return call(client)
        finally:
            with self._lock:
                kept = self._pool is not None
                if kept:
                    self._idle.append(client)
            if not kept:
                client.close()

    def _patient_client(self, given_up: GivenUp) -> APIClient:
        """One more client; where none has been made yet, the engine must be there now."""
        if self._answered:
            client = self._new_client(given_up)
        else:
            client = self._connect()
            self._answered = True
        return be_patient(client, self.patience, lambda: self._local.given_up)

    def _new_client(self, given_up: GivenUp) -> APIClient:
        try:
            return self.patience.wait_out(self._connect, given_up)
        except RuntimeUnavailable as error:  # for the caller it is like any other call's failure
            raise docker.errors.DockerException(str(error)) from error


def _unreachable(error: BaseException) -> str:
    reason = said(error)
    if "PermissionError" in reason or "Permission denied" in reason:
        mend = (
            "you may not use its socket: add yourself to the group 'docker' and log in again, run a"
            " rootless engine, or point DOCKER_HOST at an engine that you may use"
        )
    elif "FileNotFoundError" in reason or "No such file" in reason:
        mend = (
            "its socket is not there: start the engine (systemctl start docker), point DOCKER_HOST at"
            " one, or use the process runtime (--runtime process)"
        )
    elif "known_hosts" in reason:
        mend = "connect to it once by ssh, compare its key, and accept it"
    else:
        mend = "check DOCKER_HOST and 'docker info', or use the process runtime (--runtime process)"
    return f"no Docker engine answers ({reason}); {mend}"
