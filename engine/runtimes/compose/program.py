"""Real Compose on this machine: where its program is, which version it has, and what it makes of files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from engine.model.spec import Project
from engine.runtimes.docker.daemon.cli_config import cli_config, config_folder

__all__ = [
    "OLDEST",
    "Printed",
    "builds_with_buildkit",
    "compose_config",
    "compose_program",
    "is_supported",
    "project_words",
]

OLDEST: Final = (5, 3)
"""The oldest version whose ``config`` is held against our own reader in tests."""

_COMPOSE: Final = "docker-compose"
_BUILDX: Final = "docker-buildx"
_FALSE: Final = ("0", "f", "F", "FALSE", "false", "False")
_PLUGIN_FOLDERS: Final = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
_PATIENCE_S: Final = 60.0


@frozen
class Printed:
    """The result of ``docker compose config``.

    Attributes:
        version: of Compose.
        model: what was printed; None where the files were refused.
        said: what was said beside it.
    """

    version: str
    model: dict[str, Any] | None
    said: str


def compose_program() -> Path | None:
    """Compose's program: the plugin of the Docker CLI, else ``docker-compose`` on the PATH; None for none.

    What lies in Python's own environment is left alone: it is there for the tests of some project.
    """
    plugin = _plugin(_COMPOSE)
    if plugin is not None:
        return plugin
    own = Path(sys.prefix).resolve()
    searched = os.environ.get("PATH", os.defpath).split(os.pathsep)
    others = (folder for folder in searched if not Path(folder).resolve().is_relative_to(own))
    found = shutil.which(_COMPOSE, path=os.pathsep.join(others))
    return None if found is None else Path(found)


def builds_with_buildkit() -> bool:
    """Whether Compose builds images with BuildKit: the CLI's plugin buildx is there, and not turned off."""
    is_off = os.environ.get("DOCKER_BUILDKIT", "") in _FALSE
    return not is_off and _plugin(_BUILDX) is not None


def _plugin(name: str) -> Path | None:
    """A plugin of the Docker CLI."""
    extra = cli_config(os.environ).get("cliPluginsExtraDirs")
    folders = [
        config_folder(os.environ) / "cli-plugins",
        *(Path(str(folder)) for folder in (extra if isinstance(extra, list) else ())),
        *map(Path, _PLUGIN_FOLDERS),
    ]
    return next((each / name for each in folders if os.access(each / name, os.X_OK)), None)


def is_supported(version: str) -> bool:
    """Whether what this version prints has been held against what we read."""
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= OLDEST


def compose_config(
    program: Path,
    files: Sequence[Path],
    directory: Path,
    *,
    project_name: str | None = None,
    options: Sequence[str] = (),
) -> Printed:
    """Let Compose read files, and say its version beside that.

    Args:
        program: Compose's program.
        files: the compose files, in their order.
        directory: the folder that relative paths start from.
        project_name: None for the one that Compose derives.
        options: of ``config``.

    Raises:
        OSError: the program cannot be run.
        subprocess.TimeoutExpired: it does not answer.
    """
    project = _words(files, directory, project_name, ["*"])
    with _start(program, ["version", "--short"]) as asked:
        with _start(program, [*project, "config", "--format", "json", *options]) as reading:
            printed, said = reading.communicate(timeout=_PATIENCE_S)
        version, _ = asked.communicate(timeout=_PATIENCE_S)
    model = json.loads(printed) if reading.returncode == 0 else None
    return Printed(version.strip(), model, said)


def project_words(project: Project, *further: str, profiles: Sequence[str] = ("*",)) -> list[str]:
    """The words between Compose's program and its command that name a project.

    Args:
        project: the project.
        further: paths of compose files that are laid over the project's.
        profiles: those that are active; all by default.
    """
    files = [*project.files, *map(Path, further)]
    return _words(files, project.directory, project.name, profiles)


def _words(
    files: Sequence[Path], directory: Path, project_name: str | None, profiles: Sequence[str]
) -> list[str]:
    named = [word for file in files for word in ("--file", str(file))]
    name = [] if project_name is None else ["--project-name", project_name]
    active = [word for profile in profiles for word in ("--profile", profile)]
    return [*named, "--project-directory", str(directory), *name, *active]


def _start(program: Path, words: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(program), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
