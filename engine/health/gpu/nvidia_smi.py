"""Translate the output of nvidia-smi into that of the probe: the fallback for images without Python.

It reports less: no MIG slices, no remapped rows, and of an error only its exit code and its words.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["BEGIN", "rewrite"]

BEGIN: Final = "nvidia-smi gpus"
_PROCESSES: Final = "nvidia-smi processes"
_CONTAINER: Final = "nvidia-smi container"
_EXIT: Final = "nvidia-smi exit "
_TIMED_OUT: Final = 124

_GPU_COLUMNS: Final = (
    "index",
    "uuid",
    "name",
    "driver",
    "memory_used",
    "memory_total",
    "memory_free",
    "temperature_c",
    "utilization_pct",
    "ecc_uncorrected",
    "ecc_uncorrected_lifetime",
)
_PROCESS_COLUMNS: Final = ("uuid", "pid", "memory_used")
_WORDS: Final = {
    "gpu is lost": 15,
    "requires reset": 16,
    "reset required": 16,
    "version mismatch": 18,
    "couldn't communicate with the nvidia driver": 9,
    "driver not loaded": 9,
    "unknown error": 999,
}
"""NVML's codes by what nvidia-smi says: some of its exit codes are 255 for several errors."""

_NO_DEVICES: Final = "no devices were found"
_CODES: Final = {4, 9, 10, 11, 12, 13, 14, 15}
"""The exit codes that are NVML's own, by nvidia-smi's manual."""

_INFOROM: Final = 14
"""The exit code by which it warns of a corrupted infoROM; what it says of the GPUs is right."""

_MIB: Final = 1024 * 1024


def rewrite(lines: Sequence[str]) -> dict[str, Any]:
    """The same reading as the probe would print it.

    Args:
        lines: of ``gpu_probe.sh``, stripped.

    Raises:
        ValueError: this is not what it prints.
    """
    try:
        return _rewrite(lines)
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _rewrite(lines: Sequence[str]) -> dict[str, Any]:
    gpus, ended = _section(lines, BEGIN)
    reading: dict[str, Any] = {"source": "nvidia-smi", "devices": []}
    rows, others = _rows(gpus, len(_GPU_COLUMNS))
    said = " ".join(others)
    if ended not in (0, _INFOROM) or (ended and not rows):
        if _NO_DEVICES not in said.lower():
            reading["error"] = {"code": _code(said, ended), "message": said or f"exit code {ended}"}
        return reading
    if not rows and others:
        raise ValueError("no GPU is described in it")
    processes = _processes(lines)
    for row in rows:
        cells = dict(zip(_GPU_COLUMNS, row, strict=True))
        reading["driver"] = cells["driver"]
        reading["devices"].append(_device(cells, processes))
    reading["warnings"] = others
    return reading


def _rows(lines: Sequence[str], columns: int) -> tuple[list[list[str]], list[str]]:
    """The rows of a table, and the lines among them that are none: warnings."""
    rows: list[list[str]] = []
    others: list[str] = []
    for line in lines:
        cells = next(csv.reader([line], skipinitialspace=True), [])
        if len(cells) == columns:
            rows.append(cells)
        else:
            others.append(line)
    return rows, others


def _section(lines: Sequence[str], title: str) -> tuple[list[str], int]:
    begin = lines.index(title) + 1
    for end in range(begin, len(lines)):
        if lines[end].startswith(_EXIT):
            return list(lines[begin:end]), int(lines[end].removeprefix(_EXIT))
    return list(lines[begin:]), _TIMED_OUT


def _device(cells: dict[str, str], processes: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    memory = {name: _number(cells[name]) for name in ("memory_used", "memory_total", "memory_free")}
    code = _code(cells["memory_used"], None)
    return {
        "index": int(cells["index"]),
        "uuid": cells["uuid"],
        "name": cells["name"],
        **{f"{name}_bytes": mib and mib * _MIB for name, mib in memory.items()},
        **{name: _number(cells[name]) for name in _GPU_COLUMNS[7:]},
        "processes": processes.get(cells["uuid"], []),
        "error": code and {"code": code, "message": cells["memory_used"].strip("[]")},
    }


def _processes(lines: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the processes that compute on each device; none where nvidia-smi does not report them."""
    found: dict[str, list[dict[str, Any]]] = {}
    written, ended = _section(lines, _PROCESSES) if _PROCESSES in lines else ([], 0)
    rows, _ = _rows(written if ended in (0, _INFOROM) else [], len(_PROCESS_COLUMNS))
    here = {*lines[lines.index(_CONTAINER) + 1].split()} if _CONTAINER in lines[:-1] else set()
    for uuid, pid, mib in rows:
        used_bytes = mib_bytes * _MIB if (mib_bytes := _number(mib)) is not None else None
        process = {"pid": int(pid), "memory_used_bytes": used_bytes, "here": pid in here}
        found.setdefault(uuid, []).append(process)
    return found


def _number(cell: str) -> int | None:
    """A cell's number; None for ``[N/A]``, ``[Not Supported]`` and the like."""
    return int(cell) if re.fullmatch(r"[0-9]{1,18}", cell) else None


def _code(said: str, ended: int | None) -> int | None:
    for words, code in _WORDS.items():
        if words in said.lower():
            return code
    return ended if ended in _CODES else None
