"""Root file systems of other Debian releases, which the lab's newer engines run from."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

from .errors import LabFailed
from .layout import Layout
from .packages import SYSTEM_PATH, find_program

__all__ = ["provide_system"]

_PACKAGES = (
    *("docker.io", "docker-cli", "iptables", "nftables"),
    *("iproute2", "procps", "util-linux", "ca-certificates", "python3"),
)
_PODMAN = ("podman", "crun", "catatonit", "netavark", "aardvark-dns", "passt", "uidmap")
_INCLUDE = {"trixie": _PACKAGES, "sid": (*_PACKAGES, *_PODMAN)}
_OPTIONS = (
    "--variant=minbase",
    "--mode=root",
    # A mirror may be older than a rolling release lets it be.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    *(
        f"--dpkgopt=path-exclude=/usr/share/{what}/*"
        for what in ("doc", "man", "info", "locale", "lintian")
    ),
)


def provide_system(layout: Layout, say: Callable[[str], None]) -> None:
    """Make sure that the root file system of the engine's Debian release is there; it is made only once.

    Raises:
        LabFailed: It could not be made.
    """
    suite, root = layout.kind.suite, layout.system
    if suite is None or root is None or root.exists():
        return
    say(f"making a root file system of Debian {suite} (one to four minutes, once)")
    unfinished = root.with_name(f".{suite}-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    include = f"--include={','.join(_INCLUDE[suite])}"
    command = [find_program("mmdebstrap"), *_OPTIONS, include, suite, str(unfinished)]
    environment = os.environ | {"PATH": SYSTEM_PATH}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        last_lines = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise LabFailed(
            f"`{' '.join(command)}` failed; it needs to reach a Debian mirror:\n{last_lines}"
        )
    unfinished.replace(root)
