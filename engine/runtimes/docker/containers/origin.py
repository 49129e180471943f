"""The origin of containers: the engine and the images, as far as results depend on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import docker.errors
from docker.api import APIClient

__all__ = ["engine_details", "image_digests"]

_CONTAINERD: Final = "containerd"
_GRAPH_DRIVER: Final = "graph driver"


def engine_details(client: APIClient) -> dict[str, str]:
    """Fields that distinguish engines of one version, by name; missing ones are left out."""
    info, said = client.info(), client.version()
    names = [one.get("Name", "") for one in said.get("Components") or ()]
    found = {
        "name": "Podman" if any("Podman" in name for name in names) else "Docker",
        "version": said.get("Version"),
        "api": said.get("ApiVersion"),
        "image_store": _image_store(info),
        "storage_driver": info.get("Driver"),
        "cgroup_version": info.get("CgroupVersion"),
        "cgroup_driver": info.get("CgroupDriver"),
        "operating_system": info.get("OperatingSystem"),
        "kernel": info.get("KernelVersion"),
        "security": ", ".join(info.get("SecurityOptions") or ()),
    }
    return {name: str(value) for name, value in found.items() if value}


def image_digests(client: APIClient, name: str, details: Mapping[str, str]) -> dict[str, Any]:
    """An image by all digests that the engine knows.

    The id of one image differs between image stores: a graph driver takes the digest of its configuration,
    containerd that of its manifest. Two machines have the same image if any of these digests is the same.

    Args:
        name: of the image.
        details: of the engine.

    Returns:
        ``name``, ``id``, ``config_digest`` and ``manifest_digests`` (by registry, for an image that was
        pulled or pushed); the first is alone where the engine has no such image.
    """
    try:
        found = client.inspect_image(name)
    except docker.errors.ImageNotFound:
        return {"name": name}
    contained = details.get("image_store") == _CONTAINERD
    manifests = [one.rpartition("@")[2] for one in found.get("RepoDigests") or ()]
    return {
        "name": name,
        "id": found["Id"],
        # Through this API an engine with containerd's store does not tell it.
        "config_digest": None if contained else found["Id"],
        "manifest_digests": sorted({*manifests, *([found["Id"]] if contained else [])}),
    }


def _image_store(info: Mapping[str, Any]) -> str:
    # The driver's name does not tell them apart: both have an "overlayfs".
    status = info.get("DriverStatus") or ()
    contained = any("io.containerd" in str(value) for pair in status for value in pair)
    return _CONTAINERD if contained else _GRAPH_DRIVER
