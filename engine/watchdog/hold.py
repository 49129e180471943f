"""The controller's side: starting the companion, and saying goodbye to it."""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Self

from attrs import define, field

from engine.errors import InputError, SetupError
from engine.ownership.owner import Owner
from engine.runtimes.base import Outlasting, Runtime
from engine.runtimes.registry import AUTO, provider
from engine.watchdog.process import GOODBYE, READY

__all__ = ["Leash", "watchdog"]

_LOG: Final = logging.getLogger(__name__)

_READY_WITHIN_S: Final = 30.0
_GONE_WITHIN_S: Final = 10.0
_LONGEST_REASON: Final = 2000
_PACKAGES: Final = str(Path(__file__).parents[2])
"""The folder that our packages are imported from, installed or not."""


@define(eq=False)
class Leash:
    """A companion that is watching. Use it as a context manager, or call :meth:`release`.

    Release it once everything is down. A controller that ends without that has died, as far as the
    companion can tell.
    """

    _companion: subprocess.Popen[bytes]
    _pipe: int
    _holder: int = field(factory=os.getpid, init=False)
    _released: bool = field(default=False, init=False)

    @classmethod
    def hold(
        cls,
        owner: Owner,
        runtime: str,
        *,
        log: Path | None = None,
        engine: Mapping[str, str] | None = None,
    ) -> Self:
        """Start a companion, and return once it watches. Blocks for as long as Python takes to start.

        Args:
            owner: whose containers and processes go; this process.
            runtime: the name of the runtime that they run on: docker, compose or process.
            log: where the companion writes what it does, if it has to do anything; None for nowhere.
            engine: variables that lead to the engine; None where the environment's own do.

        Raises:
            InputError: it could not clean up after a runtime of that name.
            SetupError: it cannot be started.
        """
        if runtime == AUTO or not provider(runtime).cleans_up:
            raise InputError(
                f"the watchdog cannot clean up after the runtime {runtime!r}, whose provider has no"
                " remove_owned. Do without it (hold=None), and remove what is left yourself"
            )
        # A descriptor and no file object: the end of the pipe says that this process is gone, so nothing but
        # its end, or the goodbye, may close it. The garbage collector closes files.
        watched, pipe = os.pipe()
        # -P: what lies in the working directory must not stand in for a module.
        told = [runtime, json.dumps(owner.labels()), str(log.absolute()) if log else ""]
        try:
            companion = subprocess.Popen(
                [sys.executable, "-P", "-m", "engine.watchdog", *told],
                stdin=watched,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
                env=_environment(engine or {}),
            )
        except OSError as error:
            os.close(pipe)
            raise _unstartable(f"{sys.executable or 'no interpreter'}: {error}") from error
        finally:
            os.close(watched)
        reason = _refusal(companion)
        if reason is not None:
            os.close(pipe)
            companion.kill()
            companion.wait()
            raise _unstartable(reason)
        return cls(companion, pipe)

    @property
    def pid(self) -> int:
        """The companion's process id."""
        return self._companion.pid

    def release(self) -> None:
        """Say goodbye, and see the companion end; harmless when repeated, and in a forked child."""
        if self._released or os.getpid() != self._holder:
            return
        self._released = True
        try:
            os.write(self._pipe, GOODBYE)
        except OSError:
            _LOG.warning("the watchdog was gone: another process ended its process %d", self.pid)
        os.close(self._pipe)
        try:
            self._companion.wait(_GONE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._companion.kill()
            self._companion.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def watchdog(runtime: Runtime, *, log: Path | None = None) -> Callable[[], Leash] | None:
    """Return a controller's default leash: a companion that cleans up after this runtime.

    Args:
        log: see :meth:`Leash.hold`.

    Returns:
        what starts it; None where the runtime leaves nothing behind that it could remove.
    """
    if not isinstance(runtime, Outlasting):
        return None
    left = runtime.cleanup
    return partial(Leash.hold, left.owner, left.runtime, log=log, engine=left.engine)


def _refusal(companion: subprocess.Popen[bytes]) -> str | None:
    """Wait until the companion watches; why it does not, if it does not."""
    assert companion.stdout is not None
    with companion.stdout as said:
        heard = select.poll()  # which takes descriptors of any number
        heard.register(said, select.POLLIN)
        if not heard.poll(_READY_WITHIN_S * 1000):
            return f"it did not answer within {_READY_WITHIN_S:g} s"
        first = said.read(1)
        if first == READY:
            return None
        words = (first + said.read(_LONGEST_REASON)).decode(errors="replace")
        return words.strip() or "it ended at once"


def _environment(engine: Mapping[str, str]) -> Mapping[str, str]:
    """Ours, in which the companion finds our packages, and the engine that we use."""
    paths = [_PACKAGES, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, **engine, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _unstartable(reason: str) -> SetupError:
    return SetupError(
        f"the process that cleans up after a crash cannot be started: {reason};"
        " fix that, or do without it (on_controller_exit: keep)"
    )
