"""A project as real Compose reads it, for runtimes that make its containers themselves."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from engine.compose.dot_env import project_environment
from engine.compose.printed import printed_document
from engine.compose.project import Place, located, project_of
from engine.errors import ComposeError
from engine.model.spec import ComposeProgram, Project, unset
from engine.runtimes.compose.program import (
    OLDEST,
    Printed,
    builds_with_buildkit,
    compose_config,
    compose_program,
    is_supported,
)

__all__ = ["excuse", "project_from", "read_by_compose"]

_LOG: Final = logging.getLogger(__name__)
_UNSET: Final = re.compile(r'The \\?"(\w+)\\?" variable is not set')
# What Compose refuses a file for, and matters only to who needs a service; how it reads the file all the same.
_EXCUSED: Final = {
    "--no-env-resolution": re.compile(r"env file .* not found"),
    "--no-consistency": re.compile(r"container name .* is already in use by service"),
}
_LOGGED: Final = re.compile(r"^time=.*$", re.MULTILINE)


def read_by_compose(
    compose_file: str | Path | Sequence[str | Path],
    project_dir: str | Path | None = None,
    *,
    profiles: Iterable[str] = (),
    project_name: str | None = None,
) -> Project | None:
    """Read compose files by the Compose that is installed here; None where none is that can be relied on.

    Args: as for :func:`engine.compose.load_project`.

    Raises:
        ComposeError: Compose does not accept the files; with its words.
    """
    program = compose_program()
    if program is None:
        return None
    place = located(compose_file, project_dir)
    try:
        printed = _printed(program, place, project_name)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        _LOG.warning(
            "%s cannot be used, so the reader of dockwarden reads the compose file: %s",
            program,
            error,
        )
        return None
    if not is_supported(printed.version):
        _LOG.info(
            "%s is Compose %s, and only %d.%d and later is supported: the reader of dockwarden reads the compose file",
            program,
            printed.version or "of an unknown version",
            *OLDEST,
        )
        return None
    if printed.model is None:
        raise ComposeError(_refusal(printed), file=", ".join(place.named))
    project = project_from(
        printed.model, place, f"Docker Compose {printed.version}", printed.said, profiles
    )
    if builds_with_buildkit():  # then Compose builds, and knows every key of a build
        project = _without_refused_builds(project)
    return evolve(project, compose=ComposeProgram(program, printed.version))


def _printed(program: Path, place: Place, project_name: str | None) -> Printed:
    """Return Compose's output; on a failure, once more without a check of unrelated services."""
    options: tuple[str, ...] = ()
    while True:
        printed = compose_config(
            program, place.files, place.directory, project_name=project_name, options=options
        )
        if printed.model is not None or not (excused := excuse(printed.said, options)):
            return printed
        options = (*options, excused)


def excuse(said: str, options: Sequence[str] = ()) -> str | None:
    """The option of ``config`` with which Compose reads a file that it has refused; None for none.

    Args:
        said: why it was refused.
        options: those that were tried.
    """
    fitting = (option for option, reason in _EXCUSED.items() if reason.search(said))
    return next((option for option in fitting if option not in options), None)


def _without_refused_builds(project: Project) -> Project:
    services = {}
    for name, spec in project.services.items():
        build = f"services.{name}.build."
        kept = tuple(each for each in spec.refusals if not f"{each.key}.".startswith(build))
        services[name] = evolve(spec, refusals=kept)
    return evolve(project, services=services)


def project_from(
    model: dict[str, Any], place: Place, read_by: str, said: str = "", profiles: Iterable[str] = ()
) -> Project:
    """The project that a printed model comes to.

    Args:
        model: what ``docker compose config`` printed.
        place: where the files are.
        read_by: what printed it, for people.
        said: what it said beside that.
        profiles: the profiles to activate.
    """
    environment_file, environment, problem = _environment(place.directory)
    project = project_of(
        [printed_document(model, ", ".join(place.named))],
        place,
        str(model["name"]),
        environment,
        environment_file=environment_file,
        profiles=profiles,
        read_by=read_by,
    )
    return evolve(project, warnings=(*project.warnings, *problem, *_unset(said)))


def _environment(
    directory: Path,
) -> tuple[Path | None, Mapping[str, str], tuple[str, ...]]:
    """The project's variables, for profiles, secrets and what is to be kept out of sight."""
    try:
        return (*project_environment(directory, os.environ), ())
    except ComposeError as error:
        return None, dict(os.environ), (f"its profiles and secrets are not known: {error}",)


def _unset(said: str) -> Iterator[str]:
    for variable in dict.fromkeys(_UNSET.findall(said)):
        yield unset(variable)


def _refusal(printed: Printed) -> str:
    reason = " ".join(_LOGGED.sub("", printed.said).split()) or "nothing, but ended with an error"
    return f"Docker Compose {printed.version} says: {reason}; correct the file, or its variables"
