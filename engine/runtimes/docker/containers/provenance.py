"""Whether a container that carries dockwarden's labels was made by dockwarden.

Labels travel: an image that is made from a container (``docker commit``) has them, and so has every
container that is made from that image. So a container is dockwarden's only if its labels are bound to
it, by its name and by a nonce of its creation, and if they differ from those of its image.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import docker.errors
from attrs import define, field
from docker.api import APIClient

from engine.ownership.leases import CLAIM
from engine.ownership.owner import LABEL, Owner

__all__ = ["PROBE", "Provenance", "bound_to", "probe_labels"]

_NAME: Final = f"{LABEL}container"
"""The label that holds the name of the container that was made with it."""
_MADE: Final = f"{LABEL}made"
"""The label that holds a nonce: no image had it before this container was made."""
PROBE: Final = f"{LABEL}probe"
"""The label of a container that is made to try something, and is no service's; empty on all others."""


def bound_to(name: str) -> dict[str, str]:
    """The labels that bind all others to one container, which is about to be made under this name."""
    # Its image may say that it is a probe.
    return {_NAME: name, _MADE: uuid.uuid4().hex, PROBE: ""}


def probe_labels() -> dict[str, str]:
    """Likewise, for a container that is made to try something; the engine names it."""
    return {PROBE: "true", _MADE: uuid.uuid4().hex}


@define
class Provenance:
    """Tells the containers that dockwarden made from those that only carry its labels.

    It keeps the labels of the images that it has inspected: an image never changes under its id.
    """

    _of_images: dict[str, Mapping[str, str]] = field(factory=dict, init=False)

    def foreign(self, container: Mapping[str, Any], client: APIClient) -> str:
        """Say why a container is not dockwarden's, although it may carry its labels.

        Args:
            container: what inspection or a listing says of it.

        Returns:
            the reason, in words; empty for a container that dockwarden made.
        """
        labels, names, image = _identity(container)
        name = labels.get(_NAME)
        if name is not None and name not in names:
            return f"its labels are those of the container {name}"
        telling = [one for one in (_MADE, CLAIM) if one in labels][:1]
        telling = telling or [label for label in labels if label.startswith(LABEL)]
        if not telling:
            return "it carries no label of dockwarden's"
        if Owner.from_labels(labels) is None:
            return "its labels name no owner"
        of_image = self._labels_of(image, client)
        if of_image is None:
            return "" if name is not None else "its image is gone, which may have had its labels"
        if all(of_image.get(label) == labels[label] for label in telling):
            return "its labels came with its image (docker commit)"
        return ""

    def _labels_of(self, image: str, client: APIClient) -> Mapping[str, str] | None:
        """The labels of an image; None where it is gone."""
        if image not in self._of_images:
            try:
                found = client.inspect_image(image)
            except docker.errors.NotFound:
                return None
            self._of_images[image] = (found.get("Config") or {}).get("Labels") or {}
        return self._of_images[image]


def _identity(container: Mapping[str, Any]) -> tuple[Mapping[str, str], set[str], str]:
    """The labels, names and image id of a container, from its inspection or from a listing."""
    if container.get("Config"):  # Podman lists it too, empty
        config = container["Config"]
        return config["Labels"] or {}, _plain([container["Name"]]), container["Image"]
    return container["Labels"] or {}, _plain(container["Names"] or ()), container["ImageID"]


def _plain(names: Iterable[str]) -> set[str]:
    """Names without their slash, and without the aliases by which other containers link to it."""
    return {name.lstrip("/") for name in names if "/" not in name.lstrip("/")}
