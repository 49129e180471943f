"""The programs that the lab needs, and getting those that a bare Debian lacks."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import LabFailed, LabUnavailable

__all__ = [
    "SYSTEM_PATH",
    "Need",
    "find_program",
    "install",
    "install_what_is_lacking",
    "require_root",
]

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
"""The folders of the system's own programs, regardless of the caller's PATH."""

_POLICY = Path("/usr/sbin/policy-rc.d")
_NO_SERVICE_STARTS = (
    "#!/bin/sh\n# dockwarden's lab: install packages without starting services.\nexit 101\n"
)


@dataclass(frozen=True)
class Need:
    """One thing that must be on the machine, and the Debian package that brings it."""

    what: str
    package: str

    def met(self) -> bool:
        """Whether it is there: a file when an absolute path, else a program of the system's."""
        if self.what.startswith("/"):
            return Path(self.what).exists()
        return shutil.which(self.what, path=SYSTEM_PATH) is not None


_NEEDS = (
    Need("dockerd", "docker.io"),
    Need("docker", "docker.io"),
    Need("iptables", "iptables"),
    Need("ip", "iproute2"),
    Need("ps", "procps"),  # the engine lists the processes of a container with it
    Need("unshare", "util-linux"),
    Need("mmdebstrap", "mmdebstrap"),
    Need("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    # What a test needs to build small C stand-ins for libraries that the machine does not have.
    Need("gcc", "gcc"),
    Need("/usr/include/stdio.h", "libc6-dev"),
)


def find_program(name: str) -> str:
    """The absolute path of a system program that the lab needs.

    Raises:
        LabFailed: It is not there, although installing it succeeded.
    """
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise LabFailed(f"The program {name} is not on {SYSTEM_PATH}: install it and try again.")
    return found


def require_root() -> None:
    """Make sure that this process may make namespaces and mounts.

    Raises:
        LabUnavailable: It may not, and who can.
    """
    if os.geteuid() != 0:
        raise LabUnavailable(
            "The lab's private Docker engine needs root: it makes namespaces, mounts and bridges. "
            "Bring it up once as root with `sudo python3 -m tests.lab up`, or run the tests "
            "without it: those marked `docker` are then skipped."
        )


def install_what_is_lacking(say: Callable[[str], None]) -> None:
    """Install the programs that are not there, and touch nothing when all of them are.

    Args:
        say: Called with what is about to be installed, because it takes a while.

    Raises:
        LabUnavailable: This is no Debian, so what is lacking must be installed by hand.
        LabFailed: apt-get failed, or what it installed did not bring what was lacking.
    """
    lacking = [need for need in _NEEDS if not need.met()]
    if not lacking:
        return
    names = ", ".join(need.what for need in lacking)
    if shutil.which("apt-get", path=SYSTEM_PATH) is None:
        raise LabUnavailable(
            f"The lab lacks {names}, and can install them only with apt-get, which is not here. "
            "Install Docker Engine, iptables, iproute2, procps, mmdebstrap with Debian's archive keyring, "
            "and a C compiler with your system's package manager, then try again."
        )
    install(lacking, say)


def install(lacking: Sequence[Need], say: Callable[[str], None]) -> None:
    """Install Debian packages for what is not there; none of their services is started.

    Raises:
        LabFailed: apt-get failed, or what it installed did not bring what was lacking.
    """
    names = ", ".join(need.what for need in lacking)
    packages = sorted({need.package for need in lacking})
    say(f"lacking: {names}; installing {' '.join(packages)}")
    with _no_service_starts():
        _apt_get("update", "--quiet")
        _apt_get("install", "--quiet", "--yes", "--no-install-recommends", *packages)
    still = [need.what for need in lacking if not need.met()]
    if still:
        raise LabFailed(
            f"apt-get installed {' '.join(packages)}, yet {', '.join(still)} cannot be found. "
            "Find out which package brings them on this release, install it, and try again."
        )


def _apt_get(*arguments: str) -> None:
    command = [find_program("apt-get"), *arguments]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "PATH": SYSTEM_PATH}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last_lines = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise LabFailed(f"`{' '.join(command)}` failed:\n{last_lines}")


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keep docker.io from starting the system's own dockerd, which is none of our business.

    `policy-rc.d` is Debian's way to say so; one that is already there has its owner's say.
    """
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text(_NO_SERVICE_STARTS)
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
