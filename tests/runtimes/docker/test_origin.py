"""What results record of the engine and of images."""

from __future__ import annotations

from typing import Any, cast

import docker.errors
import pytest
from docker.api import APIClient

from engine.runtimes.docker.containers.origin import engine_details, image_digests
from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE

CONFIG, MANIFEST = "sha256:c0", "sha256:3a"


class Client:
    """Answers as an engine does."""

    def __init__(self, info: dict[str, Any], components: tuple[str, ...] = ("Engine",)) -> None:
        self._info, self._components = info, components

    def info(self) -> dict[str, Any]:
        return self._info

    def version(self) -> dict[str, Any]:
        components = [{"Name": name} for name in self._components]
        return {"Version": "28.5.2", "ApiVersion": "1.51", "Components": components}

    def inspect_image(self, name: str) -> dict[str, Any]:
        if name == "absent":
            raise docker.errors.ImageNotFound(name)
        return {"Id": CONFIG, "RepoDigests": [f"registry.example/{name}@{MANIFEST}"]}


def client(*components: str, **info: Any) -> APIClient:
    return cast("APIClient", Client(info, components or ("Engine",)))


def test_a_store_is_told_by_what_it_is_and_not_by_its_driver() -> None:
    graph = client(Driver="overlayfs", DriverStatus=[["Backing Filesystem", "extfs"]])
    store = client(
        Driver="overlayfs", DriverStatus=[["driver-type", "io.containerd.snapshotter.v1"]]
    )
    assert engine_details(graph)["image_store"] == "graph driver"
    assert engine_details(store)["image_store"] == "containerd"


def test_podman_is_named() -> None:
    assert engine_details(client("Podman Engine", "Conmon"))["name"] == "Podman"
    assert engine_details(client("Engine", "containerd"))["name"] == "Docker"


def test_an_id_is_the_digest_of_what_the_store_names_images_by() -> None:
    of_graph = image_digests(client(), "model", {"image_store": "graph driver"})
    assert (of_graph["config_digest"], of_graph["manifest_digests"]) == (CONFIG, [MANIFEST])
    of_store = image_digests(client(), "model", {"image_store": "containerd"})
    assert (of_store["config_digest"], of_store["manifest_digests"]) == (None, [MANIFEST, CONFIG])


def test_an_image_that_is_not_there_has_its_name_alone() -> None:
    assert image_digests(client(), "absent", {}) == {"name": "absent"}


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_a_real_engine_says_all_of_it() -> None:
    real = connect()
    try:
        details = engine_details(real)
        image = image_digests(real, BASE_IMAGE, details)
    finally:
        real.close()
    assert {"name", "version", "api", "image_store", "storage_driver", "cgroup_version"} <= set(
        details
    )
    assert image["id"] in {image["config_digest"], *image["manifest_digests"]}
