"""GPUs for a machine that has none: a hook that accepts them, and an NVML library that shows them.

Everything from the engine's reservation to the real nvidia-ml-py is as it would be with a device; what the
library shows is a file that a test writes, and memory that processes hold.
"""

from .bench import BENCH_VARIABLE, HOLD, Bench, Gpu, Gpus, bench, set_gpus
from .install import GpuHookCall, gpu_hook_calls, install_gpu_hook, install_gpus

__all__ = [
    "BENCH_VARIABLE",
    "HOLD",
    "Bench",
    "Gpu",
    "GpuHookCall",
    "Gpus",
    "bench",
    "gpu_hook_calls",
    "install_gpu_hook",
    "install_gpus",
    "set_gpus",
]
