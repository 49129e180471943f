"""What the shell around a command notes of its end, where that and our signal come close together."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from engine.runtimes.exit_status import noted
from engine.runtimes.in_container import RUN, SIGNAL
from engine.runtimes.process.tree import Identity
from engine.util import procfs

TIDY = "trap 'exit 0' TERM; echo up >{up}; while :; do sleep 0.1; done"
WAITS = "echo up >{up}; read go <{go}; exit 3"


@frozen
class Wrapped:
    """A command in its shell."""

    shell: subprocess.Popen[bytes]
    command: Identity
    slot: Path
    go: Path

    def signal(self, name: str, before: str = "") -> None:
        """Signal all of it, as in a container."""
        arguments = [name, str(Identity.of(self.shell.pid)), str(self.command)]
        subprocess.run(["sh", "-c", before + SIGNAL, "dockwarden", *arguments], check=True)


@pytest.fixture
def wrapped(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Wrapped]:
    slot, up, go = tmp_path / "slot", tmp_path / "up", tmp_path / "go"
    slot.mkdir()
    for pipe in (up, go):
        os.mkfifo(pipe)
    line = request.param.format(up=up, go=go)
    with subprocess.Popen(
        ["sh", "-c", RUN, "dockwarden", str(slot), "1", "sh", "-c", line]
    ) as shell:
        up.read_text()
        (command,) = procfs.children(shell.pid)
        one = Wrapped(shell, Identity.of(command), slot, go)
        yield one
        one.signal("KILL")


@pytest.mark.parametrize("wrapped", [TIDY], indirect=True)
def test_the_shell_hears_of_a_signal_before_its_command_does(wrapped: Wrapped) -> None:
    sent = wrapped.slot / "sent"
    wrapped.signal("TERM", f'kill() {{ echo "$3" >>{sent}; command kill "$@"; }}\n')
    wrapped.shell.wait()
    assert sent.read_text().split() == [str(wrapped.shell.pid), str(wrapped.command.pid)]
    found = noted(wrapped.slot)
    assert found is not None
    assert (found.exit_code, found.signalled) == (0, True)


@pytest.mark.parametrize("name", ["TERM", "KILL"])
@pytest.mark.parametrize("wrapped", [WAITS], indirect=True)
def test_what_ended_before_the_signal_is_noted_as_such(wrapped: Wrapped, name: str) -> None:
    wrapped.shell.send_signal(signal.SIGSTOP)  # so it notes the end only after the signal
    while not Identity.of(wrapped.shell.pid).is_stopped():
        os.sched_yield()
    wrapped.go.write_text("\n")
    while wrapped.command.runs():
        os.sched_yield()
    wrapped.signal(name)
    wrapped.shell.send_signal(signal.SIGCONT)
    assert wrapped.shell.wait() == 3
    found = noted(wrapped.slot)
    assert found is not None
    assert (found.exit_code, found.signalled) == (3, False)
