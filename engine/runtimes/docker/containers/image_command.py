"""What an image has its containers run."""

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
    config = client.inspect_image(image)["Config"] or {}
    return ImageCommand(tuple(config.get("Entrypoint") or ()), tuple(config.get("Cmd") or ()))
