"""The provenance of results: the machine, the engine, the software and the files of each session.

``provenance.json`` in a run's folder is a list with an entry for each session; ``session`` of a record is its
index.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from engine.model.main_command import Decision, MainCommand
from engine.spool import read_below
from engine.util.clock import utc_now
from engine.util.redaction import Secrets
from engine.util.regular_file import open_plain

__all__ = ["PROVENANCE", "begin_session", "decisions", "provenance", "sessions", "tell_main"]

PROVENANCE: Final = "provenance.json"
_MAINS: Final = "main"

_CPUS: Final = Path("/proc/cpuinfo")
_MOST_BYTES: Final = 2**24
_CHUNK_BYTES: Final = 2**20
_GIT_S: Final = 10.0


def provenance(
    runtime: str,
    description: str,
    folder: Path,
    files: Iterable[Path],
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Collect the provenance of this session. Call it on a thread: it asks git and the driver.

    Args:
        runtime: the runtime's name.
        description: what it says of its engine.
        folder: of the campaign.
        files: what the campaign is made of.
        facts: what the runtime tells of its ``engine`` and ``images``; see
            :class:`engine.runtimes.base.Describing`.
    """
    return {
        "started_at": utc_now().isoformat(),
        "machine": _machine(),
        "engine": {"runtime": runtime, "description": description, **facts.get("engine", {})},
        "images": facts.get("images", {}),
        **_gpus(),
        "dockwarden": version("dockwarden"),
        "python": platform.python_version(),
        "git": _git(folder),
        "files": {str(file): _digest(file) for file in dict.fromkeys(files)},
    }


def begin_session(folder: Path, entry: Mapping[str, Any], secrets: Secrets) -> int:
    """Add an entry to the file in a run's folder, and return its index.

    Raises:
        OSError: it cannot be written.
    """
    entries = [*sessions(folder), secrets.hide_within(entry)]
    _write(folder, entries)
    return len(entries) - 1


def _write(folder: Path, entries: list[dict[str, Any]]) -> None:
    part = folder / f".{PROVENANCE}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(part, flags, 0o600), "w", encoding="utf-8") as file:
        json.dump(entries, file, indent=2)
        file.write("\n")
    part.replace(folder / PROVENANCE)


def tell_main(
    folder: Path, session: int, backend: str, decision: Decision, secrets: Secrets
) -> None:
    """Add to the entry of a session what runs as the main process of a backend.

    Raises:
        OSError: it cannot be written.
    """
    entries = sessions(folder)
    if session < len(entries):
        mains = entries[session].get(_MAINS)
        known = mains if isinstance(mains, dict) else {}
        told = {**decision.main.to_dict(), "image": decision.image}
        entries[session][_MAINS] = {**known, backend: secrets.hide_within(told)}
        _write(folder, entries)


def decisions(folder: Path) -> dict[str, Decision]:
    """Return the last decisions about the main process of each backend, from the sessions of a run."""
    found: dict[str, Decision] = {}
    for entry in sessions(folder):
        mains = entry.get(_MAINS)
        for backend, told in mains.items() if isinstance(mains, dict) else ():
            main = MainCommand.from_dict(told) if isinstance(told, dict) else None
            if main is not None:
                image = told.get("image")
                found[backend] = Decision(main, image if isinstance(image, str) else None)
    return found


def sessions(folder: Path) -> list[dict[str, Any]]:
    """The entries of a run's folder; none where there is no such file, or it cannot be read."""
    try:
        found = json.loads(read_below(folder, Path(PROVENANCE), _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _machine() -> dict[str, Any]:
    return {
        "host": platform.node(),
        "os": _os(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": _memory_bytes(),
    }


def _os() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _cpu() -> str:
    with suppress(OSError), _CPUS.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def _gpus() -> dict[str, Any]:
    """The GPUs of this machine and their driver; none where there is no driver."""
    import pynvml  # type: ignore[import-untyped]

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return {"gpus": [], "driver": None}
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        gpus = [
            {
                "name": _text(pynvml.nvmlDeviceGetName(one)),
                "uuid": _text(pynvml.nvmlDeviceGetUUID(one)),
                "memory_bytes": _memory_of(pynvml, one),
            }
            for one in handles
        ]
        return {"gpus": gpus, "driver": _text(pynvml.nvmlSystemGetDriverVersion())}
    except pynvml.NVMLError as error:
        return {"gpus": [], "driver": None, "gpus_unreadable": str(error)}
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _memory_of(pynvml: Any, handle: Any) -> int | None:
    """In bytes; None for a device that shares the machine's own memory and so has none to tell."""
    with suppress(pynvml.NVMLError_NotSupported):
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    return None


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _git(folder: Path) -> dict[str, Any] | None:
    """The commit of the folder, and whether tracked files differ from it; None where git does not say."""
    commit = _asked(folder, "rev-parse", "HEAD")
    changed = _asked(folder, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changed is None:
        return None
    return {"commit": commit.strip(), "dirty": bool(changed.strip())}


def _asked(folder: Path, *command: str) -> str | None:
    """Return the output of git, run without locks or helper programs of the repository."""
    argv = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *command]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=_GIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _digest(file: Path) -> str | None:
    """The SHA-256 of a file; None where it cannot be read."""
    try:
        with open_plain(file) as opened:
            found = hashlib.sha256()
            while chunk := opened.read(_CHUNK_BYTES):
                found.update(chunk)
            return found.hexdigest()
    except OSError:
        return None
