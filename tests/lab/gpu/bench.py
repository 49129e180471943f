"""Benches: the GPUs that containers of the lab see, and what is wrong with them.

A container has a separate bench, by its id, unless its environment names one. A named bench can be set
up before the container starts, is the same for a container that is recreated, and can be shared.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.layout import Layout, current_layout

__all__ = ["BENCH_VARIABLE", "HOLD", "Bench", "Gpu", "Gpus", "bench", "set_gpus"]

BENCH_VARIABLE = "DOCKWARDEN_LAB_GPUS"
"""Names a container's bench."""

HOLD = """
import ctypes, signal, sys
assert ctypes.CDLL("libnvidia-ml.so.1").labHold(sys.argv[1].encode(), int(sys.argv[2])) == 0
print("held", flush=True)
signal.pause()
"""
"""Holds memory of a GPU until it is ended: `python3 -c HOLD UUID MIB`; prints a line once it does."""

_NUMBERS = (
    *("total_mib", "used_mib", "ecc", "remap_pending", "remap_failed"),
    *("temperature", "utilization", "error", "open_error"),
)


@dataclass(frozen=True)
class Gpu:
    """One GPU of a bench, or a MIG slice of one. A value of -1 is one that it does not offer.

    Attributes:
        uuid: Its UUID.
        used_mib: Memory in use beyond what processes hold.
        ecc: Uncorrectable memory errors.
        error: NVML's code for every question about it; 0 to answer.
        open_error: NVML's code for the attempt to open it; 0 to let it be opened.
        processes: Pid and MiB of processes elsewhere that compute on it.
        slices: What it is cut into.
    """

    uuid: str
    name: str = "NVIDIA Lab 40GB"
    total_mib: int = 40960
    used_mib: int = 600
    ecc: int = 0
    remap_pending: int = 0
    remap_failed: int = 0
    temperature: int = 34
    utilization: int = 0
    error: int = 0
    open_error: int = 0
    processes: tuple[tuple[int, int], ...] = ()
    slices: tuple[Gpu, ...] = ()

    def lines(self, kind: str = "gpu") -> list[str]:
        """This GPU as the stand-in library reads it."""
        lines = [f"{kind} {self.uuid}", f"name {self.name}"]
        lines += [f"{key} {getattr(self, key)}" for key in _NUMBERS]
        lines += [f"process {pid} {mib}" for pid, mib in self.processes]
        return lines + [line for part in self.slices for line in part.lines("slice")]


def _two() -> tuple[Gpu, ...]:
    return (
        Gpu("GPU-aaaaaaaa-0000-0000-0000-000000000000"),
        Gpu("GPU-bbbbbbbb-1111-1111-1111-111111111111"),
    )


@dataclass(frozen=True)
class Gpus:
    """All that a bench shows at a time.

    Attributes:
        gpus: The GPUs.
        driver: The driver's version.
        init: NVML's code for the attempt to begin: 9 not loaded, 18 mismatch, 999 unknown.
        hang: Whether that attempt never comes back.
        library: Whether the next start of the container puts the library in.
        hook_error: Why the next start of the container fails.
    """

    gpus: tuple[Gpu, ...] = field(default_factory=_two)
    driver: str = "550.54.15"
    init: int = 0
    hang: bool = False
    library: bool = True
    hook_error: str = ""

    def text(self) -> str:
        """This as the stand-in library and the hook read it."""
        lines = [f"driver {self.driver}", f"init {self.init}", f"hang {int(self.hang)}"]
        lines.append(f"library {int(self.library)}")
        lines += [f"hook_error {self.hook_error}"] if self.hook_error else []
        return "\n".join(lines + [line for gpu in self.gpus for line in gpu.lines()]) + "\n"


@dataclass(frozen=True)
class Bench:
    """The GPUs that a container, or several, see.

    Attributes:
        folder: What the containers have mounted.
    """

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a container must have in its environment to see this bench."""
        return {BENCH_VARIABLE: self.folder.name}

    def show(self, gpus: Gpus, *, then: Sequence[Gpus] = ()) -> None:
        """Change what is seen from now on, in running containers too.

        Args:
            gpus: What to show.
            then: What to show from each further start of a container on, one after the other: a fault
                that a restart cures is followed by what is seen without it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("next-*"):
            old.unlink()
        for number, later in zip(itertools.count(1), then, strict=False):
            _write(self.folder / f"next-{number:03}", later.text())
        _write(self.folder / "state", gpus.text())


def bench(name: str | None = None, layout: Layout | None = None) -> Bench:
    """A bench by its name, or a new one; a container's own has its full id for a name."""
    return Bench((layout or current_layout()).gpu_benches / (name or uuid.uuid4().hex))


def set_gpus(container_id: str, gpus: Sequence[Gpu]) -> None:
    """Change the GPUs that a container without a named bench sees."""
    bench(container_id).show(Gpus(tuple(gpus)))


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: a container may be reading it."""
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    unfinished.write_text(text)
    unfinished.replace(path)
