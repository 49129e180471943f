"""Controllers in separate processes, to be killed, and what is left of them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from engine.ownership.owner import Owner

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
"""For so long something may take that must happen. Not an expectation: machines are shared."""


@frozen
class Controller:
    """A process that holds a leash, and waits for its input to end.

    Attributes:
        owner: it, as its labels say.
        companion: the process id of its leash.
    """

    process: subprocess.Popen[str]
    owner: Owner
    companion: int

    def kill(self) -> None:
        """Kill it, and see that its leash has done what it has to do."""
        with ended(self.companion) as wait:
            self.process.kill()
            self.process.wait()  # no zombie: a zombie still counts as alive
            wait()

    def end(self) -> None:
        """Let it come to its end, and see its leash end."""
        with ended(self.companion) as wait:
            self.process.communicate()
            wait()


class ended:  # noqa: N801 - used as a word
    """Within this block, a process may be waited for that is not our child."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> Callable[[], None]:
        def wait() -> None:
            ready, _, _ = select.select([self._descriptor], [], [], PATIENCE_S)
            assert ready, "the leash did not come to an end"

        return wait

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


BODY = """
import json, os, sys
from pathlib import Path
from engine.watchdog import Leash
from engine.ownership.owner import Owner

owner = Owner.current()
leash = Leash.hold(owner, {runtime!r}, log=Path({log!r}))
{work}
print(json.dumps({{**owner.labels(), "companion": str(leash.pid)}}), flush=True)
sys.stdin.read()
{end}
"""

Start = Callable[..., Controller]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "leash.log"


@pytest.fixture
def controller(log: Path) -> Iterator[Start]:
    """Starts a controller that does some work and then waits."""
    processes: list[subprocess.Popen[str]] = []

    def start(runtime: str, work: str = "", end: str = "") -> Controller:
        body = BODY.format(runtime=runtime, log=str(log), work=work, end=end)
        process = subprocess.Popen(
            [sys.executable, "-c", body],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        owner = Owner.from_labels(told)
        assert owner is not None
        return Controller(process, owner, int(told["companion"]))

    yield start
    for process in processes:
        process.kill()
        process.communicate()
