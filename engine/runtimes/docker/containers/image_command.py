"""The command of an image's containers."""

from __future__ import annotations

from docker.api import APIClient

from engine.policy.keep_alive import ImageCommand

__all__ = ["image_command"]


def image_command(client: APIClient, image: str) -> ImageCommand:
    """The entrypoint and the command of an image.

    Args:
        image: its name or id.

    Raises:
        docker.errors.NotFound: it is not on the engine.
    """
    found = client.inspect_image(image)
    config = found["Config"] or {}
    entrypoint, command = config.get("Entrypoint") or (), config.get("Cmd") or ()
    return ImageCommand(tuple(entrypoint), tuple(command), found["Id"])
