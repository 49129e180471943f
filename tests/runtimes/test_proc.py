"""What ``/proc`` tells of processes, some of which say very much."""

from __future__ import annotations

import subprocess

from engine.model.results import LeftProcess
from engine.util import procfs


def test_a_command_line_is_read_up_to_a_bound() -> None:
    arguments = ["first", *("x" * 100_000 for _ in range(10))]
    script = "echo; read line"
    command = ["sh", "-c", script, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # until then the kernel may still be laying out its arguments
        shown = procfs.command_line(process.pid)
        process.communicate(b"\n")
    assert shown[:4] == ("sh", "-c", script, "first")
    assert sum(map(len, shown)) <= 2**16


def test_of_a_process_that_was_left_the_beginning_is_kept() -> None:
    left = LeftProcess(7, "worker " + "x" * 2_000_000)
    assert left.command.startswith("worker x")
    assert len(left.command) == 1024
