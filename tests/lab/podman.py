"""Podman's service as the lab runs it: what it is configured with, and how it is called."""

from __future__ import annotations

from pathlib import Path

from .layout import Layout

__all__ = ["configure_podman", "podman_command", "podman_environment"]

_CONTAINERS = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
[containers]
default_ulimits = ["nofile=1024:4096"]
cgroup_parent = "/{name}"
"""
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{data_root}"
runroot = "{exec_root}"
"""


def configure_podman(layout: Layout) -> None:
    """Write the configuration that the service reads in place of the system's."""
    _containers(layout).write_text(_CONTAINERS.format(name=layout.name))
    storage = _STORAGE.format(data_root=layout.data_root, exec_root=layout.exec_root)
    _storage(layout).write_text(storage)


def podman_command(layout: Layout) -> list[str]:
    """The command line of the service, which runs until it is ended."""
    return ["/usr/bin/podman", "system", "service", "--time=0", layout.docker_host]


def podman_environment(layout: Layout) -> dict[str, str]:
    """What leads it to its configuration."""
    return {
        "CONTAINERS_CONF": str(_containers(layout)),
        "CONTAINERS_STORAGE_CONF": str(_storage(layout)),
    }


def _containers(layout: Layout) -> Path:
    return layout.lab_dir / "containers.conf"


def _storage(layout: Layout) -> Path:
    return layout.lab_dir / "storage.conf"
