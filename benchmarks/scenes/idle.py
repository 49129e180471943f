"""The cost of a controller while an experiment runs: processor time and wake-ups, over a minute."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from benchmarks.measure import Turn
from benchmarks.stage import Stage, stage
from engine.runtimes.docker.daemon.client import connect

__all__ = ["BLOCKED", "CPU", "EXECS", "OURS", "POLLING", "WAKE_UPS", "idle"]

CPU: Final = "processor time, in % of a core"
WAKE_UPS: Final = "wake-ups"
EXECS: Final = "execs into the container"
OURS: Final = "dockwarden run"
BLOCKED: Final = "a process blocked in one read"
POLLING: Final = "python-on-whales looking every second"

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SETTLE_S: Final = 5.0
_WATCH_S: Final = 60.0

_READ: Final = "import sys; print('up', flush=True); sys.stdin.read()"
_POLL: Final = """
import sys, time
from python_on_whales import DockerClient
client = DockerClient(compose_files=[sys.argv[1]], compose_project_name=sys.argv[2])
print('up', flush=True)
while True:
    client.compose.ps()
    time.sleep(1)
"""


@frozen
class _Cost:
    """The resources that a process and its children have used so far."""

    cpu_s: float
    wake_ups: int


@contextmanager
def idle() -> Iterator[Sequence[Turn]]:
    """The sides are watched in the same minute, so that nothing hits one of them alone."""
    with ExitStack() as stack:
        here = stack.enter_context(stage("idle"))
        peer = stack.enter_context(here.up("bench-idle-peer"))
        client = stack.enter_context(connect())

        def minute() -> dict[str, float]:
            with ExitStack() as processes:
                sides = {
                    OURS: processes.enter_context(_ours(here)),
                    BLOCKED: processes.enter_context(_python(_READ)),
                    POLLING: processes.enter_context(_python(_POLL, str(here.compose_file), peer)),
                }
                time.sleep(_SETTLE_S)
                began = int(time.time())
                before = {name: _cost(pid) for name, pid in sides.items()}
                time.sleep(_WATCH_S)
                after = {name: _cost(pid) for name, pid in sides.items()}
                for name, pid in sides.items():
                    assert Path(f"/proc/{pid}/stat").exists(), f"{name} has ended"
                execs = _execs(client, here.project, began, int(time.time()))
            measured: dict[str, float] = {f"{EXECS}: {OURS}": execs}
            for name in sides:
                cpu_s = after[name].cpu_s - before[name].cpu_s
                measured[f"{CPU}: {name}"] = 100 * cpu_s / _WATCH_S
                measured[f"{WAKE_UPS}: {name}"] = after[name].wake_ups - before[name].wake_ups
            return measured

        yield (minute,)


@contextmanager
def _ours(here: Stage) -> Iterator[int]:
    """A campaign in the middle of its only experiment."""
    experiment = {"name": "long", "backend": here.services[0], "command": ["sleep", "600"]}
    file = here.campaign([experiment], grace="0s")
    command = [str(Path(sys.executable).with_name("dockwarden")), "run", "--fresh", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if b"long started" in line:
                break
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _python(program: str, *arguments: str) -> Iterator[int]:
    argv = [sys.executable, "-c", program, *arguments]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def _cost(pid: int) -> _Cost:
    """Of a process, all its threads, its children that live and those that it has waited for."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu_s = sum(int(stat[field]) for field in (11, 12, 13, 14)) / _TICKS
    wake_ups = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                wake_ups += int(line.split()[1])
        for child in (task / "children").read_text().split():
            cost = _cost(int(child))
            cpu_s, wake_ups = cpu_s + cost.cpu_s, wake_ups + cost.wake_ups
    return _Cost(cpu_s, wake_ups)


def _execs(client: Any, project: str, since: int, until: int) -> int:
    filters = {"event": "exec_create", "label": f"com.docker.compose.project={project}"}
    events = client.events(since=since, until=until, filters=filters, decode=True)
    return sum(1 for _ in events)
