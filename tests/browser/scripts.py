"""Scripts from npm, in the versions of ``package.json``, installed once into an ignored folder."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path
from typing import Final

__all__ = ["ScriptsUnavailable", "npm_script"]

_HERE: Final = Path(__file__).parent
_FOLDER: Final = _HERE.parents[1] / ".browser"


class ScriptsUnavailable(Exception):
    """npm is not there, or cannot fetch what is wanted."""


def npm_script(path: str) -> Path:
    """A file out of the installed packages, such as ``axe-core/axe.min.js``.

    Raises:
        ScriptsUnavailable: it cannot be had.
    """
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        wanted = (_HERE / "package.json").read_bytes()
        ready = _FOLDER / "ready"
        if not ready.exists() or ready.read_bytes() != wanted:
            (_FOLDER / "package.json").write_bytes(wanted)
            _install()
            ready.write_bytes(wanted)
    return _FOLDER / "node_modules" / path


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ScriptsUnavailable("npm is not installed (on Debian: apt-get install npm)")
    options = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
    done = subprocess.run(
        [npm, "install", *options], cwd=_FOLDER, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ScriptsUnavailable(f"npm install failed: {done.stderr.strip()[-500:]}")
