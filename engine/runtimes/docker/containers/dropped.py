"""Find what an engine leaves out of a container without an error, although the service asks for it.

Podman's Docker-compatible API accepts requests for GPUs and for a runtime, and starts the container
without them. Experiments would then run on the CPU and complete. So a container is inspected before
anything runs in it: Docker shows each request that it honours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.errors import LaunchFailed
from engine.model.spec import ServiceSpec

__all__ = ["check_granted"]

_CDI: Final = "cdi"
"""The driver whose devices are not among an inspection's requests; an engine that lacks one refuses to start."""


def check_granted(spec: ServiceSpec, found: Mapping[str, Any]) -> None:
    """Check that a container has the GPUs and the runtime that its service asks for.

    Args:
        spec: the service.
        found: what inspection says of the container.

    Raises:
        LaunchFailed: the engine has left one of them out. No restart cures that.
    """
    host = found["HostConfig"]
    wanted = [request for request in spec.gpus if request.driver != _CDI]
    if wanted and not host.get("DeviceRequests"):
        raise LaunchFailed(
            spec.name,
            "it asks for GPUs, and this engine made its container without them and without an error, as"
            " Podman does: ask for them through the Container Device Interface (under devices:"
            " driver: cdi, device_ids: [nvidia.com/gpu=all], after nvidia-ctk cdi generate), or use Docker",
            curable=False,
        )
    if spec.runtime is not None and host.get("Runtime") != spec.runtime:
        raise LaunchFailed(
            spec.name,
            f"it asks for the runtime {spec.runtime}, and this engine made its container with"
            f" {host.get('Runtime')} and without an error: take runtime out of the compose file, or use"
            " Docker; GPUs can be had through the Container Device Interface (driver: cdi)",
            curable=False,
        )
