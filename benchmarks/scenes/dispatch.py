"""One no-op experiment, handed to a backend that is up already."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from python_on_whales import DockerClient

from benchmarks.measure import Turn
from benchmarks.stage import Stage, seconds, stage
from engine.campaign.events import AttemptStarted, Event, RunSettled
from engine.runtimes.docker.daemon.client import connect
from engine.runtimes.in_container import RUN

__all__ = ["BARE", "COMPOSE_EXEC", "COMPOSE_RUN", "OURS", "SAFE", "WHALES", "dispatch"]

OURS: Final = "one no-op experiment"
BARE: Final = "bare SDK exec"
SAFE: Final = "bare SDK exec, with a shell that notes its end, and notes of it on the disk"
WHALES: Final = "python-on-whales compose.execute"
COMPOSE_EXEC: Final = "docker compose exec"
COMPOSE_RUN: Final = "docker compose run --rm"

_BATCH: Final = 20
_FEW: Final = 4
_NO_OP: Final = ["true"]
_SHELL: Final = ("/bin/sh", "-c")
_INSIDE: Final = "/tmp"  # noqa: S108 - in the container


@contextmanager
def dispatch() -> Iterator[Sequence[Turn]]:
    """A no-op by our campaign, by the bare SDK, by python-on-whales and by Compose's commands."""
    with ExitStack() as stack:
        here = stack.enter_context(stage("dispatch"))
        peer = stack.enter_context(here.up("bench-dispatch-peer"))
        client = stack.enter_context(connect())
        (container,) = client.containers(filters={"label": f"com.docker.compose.project={peer}"})
        whales = DockerClient(compose_files=[here.compose_file], compose_project_name=peer)
        backend = here.services[0]
        note = stack.enter_context(_notes(here.folder))
        threads = stack.enter_context(ThreadPoolExecutor(1))
        noted = [*_SHELL, RUN, "dockwarden", _INSIDE, *_NO_OP]

        def safe() -> None:
            creating = threads.submit(client.exec_create, container["Id"], noted)
            note()
            client.exec_start(creating.result()["Id"])  # to its end, which the shell has noted

        def bare() -> None:
            exec_id = client.exec_create(container["Id"], _NO_OP)["Id"]
            client.exec_start(exec_id)
            assert client.exec_inspect(exec_id)["ExitCode"] == 0

        def whale() -> None:
            whales.compose.execute(backend, _NO_OP, tty=False)

        def compose_exec() -> None:
            here.compose("exec", "-T", backend, *_NO_OP, project=peer)

        def compose_run() -> None:
            here.compose("run", "--rm", "-T", backend, *_NO_OP, project=peer)

        yield (
            lambda: {OURS: _campaign(here)},
            lambda: {BARE: _each(bare)},
            lambda: {SAFE: _each(safe)},
            lambda: {WHALES: _each(whale, _FEW)},
            lambda: {COMPOSE_EXEC: _each(compose_exec, _FEW)},
            lambda: {COMPOSE_RUN: seconds(compose_run)},
        )


@contextmanager
def _notes(folder: Path) -> Iterator[Callable[[], None]]:
    """Yield a function that writes a line and a row, and syncs them."""
    with (
        closing(sqlite3.connect(folder / "notes.sqlite", isolation_level=None)) as rows,
        (folder / "notes.jsonl").open("w") as lines,
    ):
        rows.execute("PRAGMA journal_mode = WAL")
        rows.execute("PRAGMA synchronous = FULL")
        rows.execute("CREATE TABLE notes (note TEXT)")

        def note() -> None:
            lines.write("a line\n")
            lines.flush()
            os.fsync(lines.fileno())
            rows.execute("INSERT INTO notes VALUES ('a row')")

        yield note


def _each(work: Any, often: int = _BATCH) -> float:
    """How long one of a batch takes; the engine has moments in which one takes twice as long."""
    return statistics.median(seconds(work) for _ in range(often))


def _campaign(here: Stage) -> float:
    """How long one run of a campaign takes, from its begin to that of the next, or to the last one's outcome."""
    moments: list[tuple[Event, float]] = []

    def note(event: Event) -> None:
        if isinstance(event, AttemptStarted | RunSettled):
            moments.append((event, time.perf_counter()))

    experiment = {
        "name": "noop",
        "backend": here.services[0],
        "command": _NO_OP,
        "repeat": _BATCH,
    }
    file = here.campaign([experiment])
    summary = asyncio.run(here.carry_out(file, note))
    assert summary.all_completed, summary.to_text()
    begun = [moment for event, moment in moments if isinstance(event, AttemptStarted)]
    return statistics.median(b - a for a, b in pairwise([*begun, moments[-1][1]]))
