"""A backend that really leaks device memory: found unhealthy, restarted, and ready again.

The backend's own main process takes the memory, so that nothing but a restart frees it. Runs on the
process runtime, on a machine with a GPU; see :mod:`tests.gpu_check`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import BackendPolicy, ContainerManager, RestartPolicy, Transition
from engine.health import HealthPolicy
from engine.policy import GpuPolicy, ServerMemory

__all__ = ["CUDA_HOLDER", "LEAK_MIB", "check_leak"]

LEAK_MIB = 4096

CUDA_HOLDER = f"""
import ctypes, signal
cuda = ctypes.CDLL("libcuda.so.1")
context, memory = ctypes.c_void_p(), ctypes.c_uint64()
def must(code):
    assert code == 0, f"CUDA error {{code}}"
must(cuda.cuInit(0))
must(cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0))
must(cuda.cuCtxSetCurrent(context))
must(cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t({LEAK_MIB} << 20)))
print("held", flush=True)
signal.pause()
"""
"""Takes device memory and holds it until it is ended; prints a line once it does."""

_MAIN = """
import os, subprocess, sys, time
while not os.path.exists("leak"):
    time.sleep(0.05)
os.remove("leak")
holder = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.PIPE)
assert holder.stdout.readline() == b"held\\n"
open("leaked", "w").close()
holder.wait()
"""
"""The backend's main process: begins to leak once a file tells it to."""

_EXPERIMENT = """
import os, time
open("leak", "w").close()
deadline = time.monotonic() + 60
while not os.path.exists("leaked"):
    assert time.monotonic() < deadline, "the backend did not begin to leak"
    time.sleep(0.05)
"""


def check_leak(holder: list[str], say: Callable[[str], None]) -> list[str]:
    """Let a backend leak, and observe what happens to it.

    Args:
        holder: a Python program that takes memory, and its arguments.
        say: called with what happens.

    Returns:
        what is not as it should be; empty when all is well.
    """
    taken: list[Transition] = []

    def on_transition(step: Transition) -> None:
        taken.append(step)
        say(f"  {step.source} -> {step.target} ({step.event}: {step.reason})")

    # By default a server may take what memory it likes; this one is to hold no more than when it was ready.
    gpu = GpuPolicy(failing_after=2, server_memory=ServerMemory.BASELINE)
    policy = BackendPolicy(
        restart=RestartPolicy(backoff_s=0.1),
        health=HealthPolicy(gpu=gpu, look_at_gpus=True, again_s=0.2),
    )
    with tempfile.TemporaryDirectory() as folder:
        service: dict[str, Any] = {"image": "none", "command": ["python3", "-c", _MAIN, *holder]}
        compose = Path(folder) / "docker-compose.yml"
        compose.write_text(
            json.dumps({"name": "leak", "services": {"leaky": service}}).replace("$", "$$")
        )
        with ContainerManager(
            compose, runtime="process", policies={"leaky": policy}, on_transition=on_transition
        ) as manager:
            manager.start_services(["leaky"])
            before = manager.execute("leaky", ["true"])
            leaking = manager.execute("leaky", ["python3", "-c", _EXPERIMENT])
            after = manager.execute("leaky", ["true"])
    path = [f"{step.source} {step.event} {step.target}" for step in taken]
    wanted = [
        "ready fault unhealthy",
        "unhealthy recover restarting",
        "restarting proved_ready ready",
    ]
    wrong = [f"no {step}" for step in wanted if step not in path]
    if not leaking.succeeded:
        wrong.append(f"the leaking experiment failed: {leaking.stderr}")
    if (before.generation, after.generation) != (1, 2):
        wrong.append(f"the generations are {before.generation} and {after.generation}, not 1 and 2")
    return wrong
