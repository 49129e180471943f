"""What the tests use of a machine besides Python; ``python3 -m tests.machine`` provides it before they run.

As root on Debian it is installed. Elsewhere the tests that use it are skipped, and this says how to get it.
Only the standard library is used, because this runs before the project's environment exists.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.packages import SYSTEM_PATH, Need, install

__all__ = ["main"]

# Debian's Python comes without it.
_FOR_VENV = (Need(f"{sysconfig.get_path('stdlib')}/ensurepip", "python3-venv"),)
_FOR_TESTS = {
    "diagrams as pictures": (Need("dot", "graphviz"),),
    "pages in a browser": (
        Need("chromium", "chromium"),
        Need("chromedriver", "chromium-driver"),
        Need("npm", "npm"),
        Need("/usr/share/fonts/truetype/dejavu", "fonts-dejavu-core"),
    ),
    "questions to servers": (Need("curl", "curl"), Need("wget", "wget")),
    "engines by SSH": (Need("sshd", "openssh-server"), Need("ssh-keygen", "openssh-client")),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Provide what ``venv`` or ``tests`` need, as the command line asks.

    Returns:
        0 when it is there, or can be done without; 1 when it is needed and cannot be had.
    """
    (asked,) = sys.argv[1:] if arguments is None else arguments
    if asked == "venv":
        return 0 if _provide(_FOR_VENV, "a virtual environment", needed=True) else 1
    for what, needs in _FOR_TESTS.items():
        _provide(needs, what, needed=False)
    return 0


def _provide(needs: Sequence[Need], what: str, *, needed: bool) -> bool:
    """Install what is lacking where that can be done, and say so where it cannot."""
    lacking = [need for need in needs if not need.met()]
    if not lacking:
        return True
    packages = " ".join(need.package for need in lacking)
    if os.geteuid() == 0 and Path("/etc/debian_version").exists():
        try:
            install(lacking, _say)
        except LabError as error:
            _say(str(error))
        else:
            return True
    elif shutil.which("apt-get", path=SYSTEM_PATH):
        _say(
            f"{what}: {'needs' if needed else 'not tested without'} `apt-get install {packages}`, as root"
        )
    else:
        _say(f"{what}: {'needs' if needed else 'not tested without'} what Debian has as {packages}")
    return False


def _say(line: str) -> None:
    print(f"machine: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
