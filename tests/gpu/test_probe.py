"""The probe in this machine's Python: it always prints one reading and exits with 0."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.health.gpu import parse
from engine.runtimes.in_container import GPU_PROBE, GPU_PROBE_PY

WORKING = """
class Memory:
    total, free, used = 1000, 400, 600

def nvmlInit(): pass
def nvmlSystemGetDriverVersion(): return b"390.1"
def nvmlDeviceGetCount(): return 1
def nvmlDeviceGetHandleByIndex(index): return index
def nvmlDeviceGetUUID(handle): return b"GPU-old"
def nvmlDeviceGetName(handle): return b"Tesla K80"
def nvmlDeviceGetMemoryInfo(handle): return Memory
"""


def probe(tmp_path: Path, *, limit_s: float = 10, **modules: str) -> dict[str, Any]:
    """What it prints where these modules can be imported."""
    for name, source in modules.items():
        (tmp_path / f"{name}.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-c", GPU_PROBE_PY, str(limit_s)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    reading: dict[str, Any] = json.loads(line)
    return reading


def test_an_old_pynvml_that_knows_little_and_speaks_in_bytes(tmp_path: Path) -> None:
    reading = probe(tmp_path, pynvml=WORKING)
    (device,) = reading["devices"]
    assert (reading["source"], reading["driver"]) == ("pynvml", "390.1")
    assert (device["uuid"], device["name"]) == ("GPU-old", "Tesla K80")
    assert (device["memory_used_bytes"], device["processes"], device["error"]) == (600, None, None)


@pytest.mark.parametrize(
    "source",
    [
        "raise SystemExit(3)",
        "raise RuntimeError()",
        "syntax error",
        "def nvmlInit(): raise TypeError('a stranger of the same name')",
        "class Wrong(Exception): value = 13\ndef nvmlInit(): raise Wrong('no function')",
    ],
)
def test_a_pynvml_that_does_not_work_is_passed_over(tmp_path: Path, source: str) -> None:
    reading = probe(tmp_path, pynvml=source)
    assert "pynvml" in reading["tried"]
    assert reading["source"] != "pynvml"


def test_nvmls_own_errors_come_with_their_code(tmp_path: Path) -> None:
    failing = "class Lost(Exception): value = 999\ndef nvmlInit(): raise Lost('Unknown Error')"
    reading = probe(tmp_path, pynvml=failing)
    assert reading["source"] == "pynvml"
    assert reading["error"] == {"code": 999, "message": "Unknown Error"}


def test_an_nvml_that_hangs_is_left_behind(tmp_path: Path) -> None:
    hanging = "import threading\ndef nvmlInit(): threading.Event().wait()"
    reading = probe(tmp_path, limit_s=0.2, pynvml=hanging)
    assert reading["error"] == {"code": None, "message": "NVML did not answer within 0.2 s"}
    assert parse(json.dumps(reading)).error is not None


def test_what_lies_in_the_working_directory_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('not ours')")
    command = [sys.executable, "-c", GPU_PROBE_PY]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "tried" in json.loads(done.stdout)


def test_the_shell_finds_a_python_for_it(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    environment = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = [*GPU_PROBE, "5"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "tried" in json.loads(done.stdout)


def test_the_shell_says_so_when_its_python_dies(tmp_path: Path) -> None:
    killed = 'case "$2" in *version_info*) exit 0 ;; esac; kill -SEGV $$'
    (tmp_path / "python3").write_text(f"#!/bin/sh\n{killed}\n")
    (tmp_path / "python3").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(GPU_PROBE, env=environment, capture_output=True, text=True, check=True)
    assert "python exit 139" in str(parse(done.stdout).unreadable)


def test_the_shell_says_so_when_there_is_nothing_to_ask_with(tmp_path: Path) -> None:
    shell = ["/bin/sh", *GPU_PROBE[1:]]
    done = subprocess.run(
        shell, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "none usable\n"
