"""The test GPU hook: with it the engine accepts `--gpus` on a machine that has none.

dockerd decides whether it can reserve NVIDIA GPUs by looking for `nvidia-container-runtime-hook`
on its own PATH when it starts, and runs that program before each container that asks for one. What
is installed here can therefore be replaced while the engine runs.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabFailed
from tests.lab.layout import Layout
from tests.lab.packages import find_program

from .bench import Gpus

__all__ = ["GpuHookCall", "gpu_hook_calls", "install_gpu_hook", "install_gpus"]

_DEBIANS_PYTHON = Path("/usr/bin/python3")
_NAME = "nvidia-container-runtime-hook"
_HERE = Path(__file__).parent
_STRICT = ["-O1", "-std=gnu11", "-Wall", "-Wextra", "-Werror"]


@dataclass(frozen=True)
class GpuHookCall:
    """One container that was given GPUs.

    Attributes:
        container: Its full id.
        bundle: The folder of its OCI configuration.
        visible_devices: What it asked for: `all`, indices, UUIDs, or a count made into indices.
    """

    container: str
    bundle: str
    visible_devices: str


def install_gpu_hook(layout: Layout) -> None:
    """Put the hook where dockerd will find it."""
    # The interpreter behind any virtual environment, which may be gone when the hook is called;
    # isolated, so that nothing of the caller's environment reaches it.
    interpreter = Path(sys.executable).resolve() if layout.system is None else _DEBIANS_PYTHON
    text = f"#!{interpreter} -IS\n{(_HERE / 'hook.py').read_text()}"
    _replace(layout.bin_dir / _NAME, text.encode(), mode=0o755)


def install_gpus(layout: Layout) -> None:
    """Build what the hook puts into containers: the NVML library, nvidia-smi and a bench's start.

    Raises:
        LabFailed: gcc did not build them.
    """
    parts = layout.gpu_parts
    parts.mkdir(parents=True, exist_ok=True)
    _replace(parts / "state", Gpus().text().encode())
    _replace(parts / "architecture", _gcc("-print-multiarch").encode())
    library, program = parts / "libnvidia-ml.so.1", parts / "nvidia-smi"
    newest = max(source.stat().st_mtime for source in _HERE.glob("*.[ch]"))
    if program.exists() and program.stat().st_mtime > newest:
        return
    soname = f"-Wl,-soname,{library.name}"
    _build(library, ["-shared", "-fPIC", soname, str(_HERE / "nvml.c")])
    _build(program, [str(_HERE / "nvidia_smi.c"), str(library)])


def gpu_hook_calls(layout: Layout) -> list[GpuHookCall]:
    """Every call of the hook so far, in order."""
    if not layout.gpu_hook_log.exists():
        return []
    lines = layout.gpu_hook_log.read_text().splitlines()
    return [GpuHookCall(**json.loads(line)) for line in lines]


def _build(target: Path, arguments: list[str]) -> None:
    """Build beside the target and move into place: a container may have the old one mounted."""
    unfinished = target.with_name(f".{target.name}-{os.getpid()}")
    _gcc(*_STRICT, *arguments, "-o", str(unfinished))
    unfinished.replace(target)


def _gcc(*arguments: str) -> str:
    command = [find_program("gcc"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabFailed(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")
    return done.stdout


def _replace(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.chmod(mode)
    unfinished.replace(path)
