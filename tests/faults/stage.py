"""A real backend on the lab's engine, on which one fault after the other is tried."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field
from docker.api import APIClient

from engine import ContainerManager
from engine.backend import Backend
from engine.model.results import Ended, Transition
from engine.policy import BackendPolicy
from engine.spool import SPOOL
from tests.lab import BASE_IMAGE
from tests.lab.gpu import HOLD, Bench, Gpu

__all__ = ["GPU_A", "GPU_B", "PROJECT", "Stage"]

PROJECT: Final = f"dockwarden-faults-{os.getpid()}"
PATIENCE_S: Final = 90.0
"""For so long something may take that must happen. Not an expectation: machines are shared."""

INSIDE: Final = "/run/dockwarden"
GPU_A: Final = Gpu("GPU-aaaaaaaa-0000-0000-0000-000000000000")
GPU_B: Final = Gpu("GPU-bbbbbbbb-1111-1111-1111-111111111111")


@define(eq=False)
class Stage:
    """The backend ``alpha`` of a project, the faults that hit it, and its observed states.

    Args:
        client: the engine's client, for what happens behind our back.
        bench: the GPUs that it sees, where it reserves some.
    """

    folder: Path
    client: APIClient
    bench: Bench
    service: Mapping[str, Any]
    policy: BackendPolicy
    taken: list[Transition] = field(factory=list, init=False)
    said: list[str] = field(factory=list, init=False)
    _changed: threading.Condition = field(factory=threading.Condition, init=False)
    _manager: ContainerManager = field(init=False)

    def __attrs_post_init__(self) -> None:
        file = self.folder / "docker-compose.yml"
        file.write_text(json.dumps({"name": PROJECT, "services": {"alpha": self._service()}}))
        self._manager = ContainerManager(
            file,
            runtime="docker",
            policies={"alpha": self.policy},
            output_dir=self.folder / "output",
            on_transition=self._take,
        )

    def _service(self) -> dict[str, Any]:
        environment = {**self.service.get("environment", {}), **self.bench.environment}
        default = {"image": BASE_IMAGE, "stop_grace_period": "0s"}
        return {**default, **self.service, "environment": environment}

    def _take(self, transition: Transition) -> None:
        with self._changed:
            self.taken.append(transition)
            self._changed.notify_all()

    # What users do

    def start(self) -> None:
        self._manager.start_services(["alpha"])

    def tear_down(self) -> None:
        self._manager.__exit__(None, None, None)

    def run(self, script: str, *arguments: str, **limits: float) -> Ended:
        """Run an experiment to its end."""
        ended = self._manager.execute("alpha", ["sh", "-c", script, "sh", *arguments], **limits)  # type: ignore[arg-type]
        self.said.append(ended.reason)
        return ended

    def look(self) -> None:
        """Check the GPUs, and note what is found."""
        self.said.append(self._manager._wait("look", self.backend.look()).reason)

    @contextmanager
    def running(self, script: str = "exec sleep 600", **limits: float) -> Iterator[list[Ended]]:
        """Have an experiment run meanwhile; afterwards it has ended, and so is in the list."""
        ended: list[Ended] = []
        # It tells that it runs by a pipe in the folder that it shares with us.
        pipe = self.folder / "output" / SPOOL / "alpha" / "pipe"
        os.mkfifo(pipe)
        script = f"echo up >{INSIDE}/pipe; {script}"
        with self.meanwhile(lambda: ended.append(self.run(script, **limits))):
            assert pipe.read_text() == "up\n"
            yield ended

    @contextmanager
    def meanwhile(self, act: Callable[[], object]) -> Iterator[None]:
        """Do something in a thread; it has ended afterwards."""
        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        yield
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "it does not come to an end"

    # What is seen

    @property
    def backend(self) -> Backend:
        return self._manager._controller.backend("alpha")

    @property
    def id(self) -> str:
        """The container's id."""
        container = self.backend.container
        assert container is not None
        return container.id

    @property
    def path(self) -> tuple[str, ...]:
        """The transitions so far."""
        return tuple(f"{step.source} {step.event} {step.target}" for step in self.taken)

    def until(self, path: Sequence[str]) -> None:
        """Wait until so many transitions have been taken; which ones, is for the test to compare."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.taken) >= len(path), PATIENCE_S)

    def processes(self) -> str:
        """The command lines of all that runs in the container."""
        return "\n".join(row[-1] for row in self.client.top(self.id, "-eo pid,args")["Processes"])

    # Faults that hit it

    def docker(self, *arguments: str) -> str:
        """What the Docker CLI prints."""
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    def inside(self, script: str) -> None:
        """Run something in the container behind our back."""
        self.docker("exec", self.id, "sh", "-c", script)

    def hold(self, mib: int) -> None:
        """Leave a foreign process in the container that holds memory of a GPU."""
        script = f"setsid python3 -c '{HOLD}' {GPU_A.uuid} {mib} >/tmp/held 2>&1 & {AWAIT_HELD}"
        self.inside(script)

    @contextmanager
    def events(self, **filters: str) -> Iterator[Callable[[], None]]:
        """Listen to the engine; the function that is given waits for the next such event."""
        label = f"com.docker.compose.project={PROJECT}"
        stream = self.client.events(filters={**filters, "label": label}, decode=True)
        try:
            yield lambda: logging.getLogger(__name__).debug("%s", next(iter(stream)))
        finally:
            stream.close()


AWAIT_HELD: Final = "until grep -q held /tmp/held; do sleep 0.05; done"
"""Waits, in the container, until a process holds its memory."""

LEAVE_BEHIND: Final = f'(setsid python3 -c "$1" {GPU_A.uuid} "$2" >/tmp/held 2>&1 &); {AWAIT_HELD}'
"""An experiment that ends and leaves a process behind, by a double fork and in a separate session,
which holds memory of a GPU: give it ``HOLD`` and the MiB."""
