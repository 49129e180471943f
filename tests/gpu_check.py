"""Tries the GPU probe, and the recovery from a real leak, on this machine: ``python3 -m tests.gpu_check``.

Exit code 0: the GPUs are fit and a leaking backend was restarted, or there is no GPU, which is said plainly;
1: something is wrong; 3: there is none, and ``--require-gpu`` was given.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from engine.health.gpu import GpuDevice, GpuPolicy, GpuReading, Health, judge_gpu, parse
from engine.runtimes.in_container import GPU_PROBE_PY
from tests.gpu_leak import CUDA_HOLDER, LEAK_MIB, check_leak

EXIT_FAILING = 1
EXIT_NO_GPU = 3

_MIB = 1024 * 1024
_DRIVER_NOT_LOADED = 9


def main(arguments: Sequence[str] | None = None) -> int:
    """Look once, say what is there, and let a backend leak.

    Returns:
        0 when all is well or there is no GPU, 1 when it is not, 3 when there has to be one.
    """
    parser = argparse.ArgumentParser(prog="python3 -m tests.gpu_check", description=__doc__)
    parser.add_argument("--require-gpu", action="store_true", help="no GPU is a failure")
    asked = parser.parse_args(arguments)
    reading = look()
    none = why_none(reading)
    if none is not None:
        print(f"There is no GPU to check on this machine, so nothing was checked: {none}.")
        return EXIT_NO_GPU if asked.require_gpu else 0
    print(f"driver {reading.driver}, asked through {reading.source}")
    for device in reading.devices:
        print(describe(device))
    verdict = judge_gpu(reading, None, GpuPolicy())
    print(f"verdict: {verdict.health.value}; {verdict.reason}; to do: {verdict.action.value}")
    if verdict.health is Health.FAILING:
        return EXIT_FAILING
    print(f"a backend leaks {LEAK_MIB} MiB of device memory:")
    wrong = check_leak([CUDA_HOLDER], print)
    print(
        "\n".join(f"WRONG: {what}" for what in wrong) or "it was found, restarted, and ready again"
    )
    return EXIT_FAILING if wrong else 0


def look() -> GpuReading:
    """What the probe sees with this interpreter."""
    command = [sys.executable, "-c", GPU_PROBE_PY]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    return parse(done.stdout)


def why_none(reading: GpuReading) -> str | None:
    """Why there is no GPU; None if there is one."""
    if reading.unreadable is not None:
        return reading.unreadable
    if reading.error is not None and reading.error.code == _DRIVER_NOT_LOADED:
        return str(reading.error)
    if reading.error is None and not reading.devices:
        return "the driver shows no device"
    return None


def describe(device: GpuDevice) -> str:
    """One device on one line."""
    used, total = device.memory_used_bytes, device.memory_total_bytes
    memory = (
        "memory not reported"
        if used is None or total is None
        else f"{used // _MIB}/{total // _MIB} MiB"
    )
    values = {
        "temperature C": device.temperature_c,
        "uncorrectable errors": device.ecc_uncorrected,
        "remapped rows": device.remapped_rows and device.remapped_rows.uncorrectable,
        "processes": None if device.processes is None else len(device.processes),
        "error": device.error,
    }
    told = [f"{name} {value}" for name, value in values.items() if value is not None]
    return f"  {device.index}: {device.name} {device.label}: {', '.join([memory, *told])}"


if __name__ == "__main__":
    sys.exit(main())
