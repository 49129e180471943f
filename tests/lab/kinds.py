"""The engines that the lab can bring up, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import LabFailed

__all__ = ["DEFAULT_ENGINE", "KINDS", "Kind", "find_kind"]


@dataclass(frozen=True)
class Kind:
    """An engine, and where its programs are from.

    Attributes:
        name: What a user calls it.
        version: What its version begins with.
        suite: The Debian release whose packages it runs from, in a separate root file system; None for
            the engine that is installed on this machine.
        podman: Whether it is Podman's service instead of dockerd.
        options: What daemon.json has besides.
        environment: What the daemon has in its environment besides.
    """

    name: str
    version: str
    suite: str | None = None
    podman: bool = False
    options: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def check(self, version: str) -> None:
        """Make sure that an engine is what its name says.

        Raises:
            LabFailed: Debian has another version by now, or another engine is installed.
        """
        if not f"{version}.".startswith(f"{self.version}."):
            source = f"Debian {self.suite}" if self.suite else "this machine"
            raise LabFailed(
                f"{self.name}: {source} has version {version} now, not {self.version}; "
                "change the kinds in tests/lab/kinds.py, or choose another engine."
            )


_STORE = {"features": {"containerd-snapshotter": True}}

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("docker-20", "20.10"),
        Kind("docker-26", "26.1", "trixie"),
        Kind("docker-28", "28", "sid"),
        # As Docker 29 is by default: images in containerd, and no API older than 1.44.
        Kind(
            "docker-28-containerd",
            "28",
            "sid",
            options=_STORE,
            environment={"DOCKER_MIN_API_VERSION": "1.44"},
        ),
        Kind("podman-5", "5", "sid", podman=True),
    )
}
DEFAULT_ENGINE = "docker-20"


def find_kind(name: str) -> Kind:
    """The engine of this name.

    Raises:
        LabFailed: There is none; the text names those that there are.
    """
    kind = KINDS.get(name)
    if kind is None:
        raise LabFailed(f"The lab has no engine {name}; choose one of {', '.join(KINDS)}.")
    return kind
