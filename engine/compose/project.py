"""Compose files to a :class:`engine.model.spec.Project`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from attrs import evolve, frozen

from engine.compose import files, resources
from engine.compose.cli_variables import without_effect
from engine.compose.context import Context
from engine.compose.dot_env import project_environment
from engine.compose.interpolation import InterpolationError, substitute
from engine.compose.model import Model, merged
from engine.compose.node import Node, compose_error, dotted, refusal
from engine.compose.order import check_dependencies
from engine.compose.secrets_configs import check_sources
from engine.compose.services import service_spec
from engine.compose.unsupported import REMEDY
from engine.errors import ComposeError
from engine.model.spec import Project, Refusal, ServiceSpec, unset

__all__ = ["REFUSED_SECTIONS", "Place", "load_project", "located", "project_of"]

REFUSED_SECTIONS = {
    "include": "other files are not included here; name them all in a list",
    "jobs": "jobs are not run here",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


@frozen
class Place:
    """The place of a project.

    Attributes:
        named: its files as the user named them.
        files: likewise, absolute.
        directory: the absolute folder that relative paths start from.
        override: the override file that was found beside the only one named; the last of the files.
    """

    named: tuple[str, ...]
    files: tuple[Path, ...]
    directory: Path
    override: Path | None = None


def load_project(
    compose_file: str | Path | Sequence[str | Path] = files.DEFAULT_FILE,
    project_dir: str | Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    profiles: Iterable[str] = (),
    project_name: str | None = None,
) -> Project:
    """Read compose files as ``docker compose`` does.

    One file with a name that Compose looks for stands for its folder: an override file beside it
    (``docker-compose.override.yml``) is merged over it, and a warning says so. A list of files is read
    exactly as it is, as after ``docker compose -f``. ``.env`` is read from the project's folder, and
    the environment wins over it.

    Args:
        compose_file: the file, or several that are merged in order; relative to ``project_dir``, or to
            the working directory.
        project_dir: the folder that relative paths in the files start from; by default the first
            file's.
        environ: the environment; by default ``os.environ``.
        profiles: the profiles to activate, beside those in ``COMPOSE_PROFILES``.
        project_name: the project's name; by default ``COMPOSE_PROJECT_NAME``, then the files' ``name``,
            then the name of the folder.

    Raises:
        ComposeError: a file is missing or no compose file; says which file, service and key, and what
            to do.
    """
    place = located(compose_file, project_dir)
    environment_file, environment = project_environment(
        place.directory, os.environ if environ is None else environ
    )
    documents = [
        document
        for path, name in zip(place.files, place.named, strict=True)
        for document in files.read(path, name, may_be_empty=path != place.files[0])
    ]
    _refuse_sections(documents)
    name = project_name or _project_name(documents, place.directory, environment)
    _check_name(name, documents[0].file)
    return project_of(
        documents,
        place,
        name,
        environment,
        environment_file=environment_file,
        profiles=profiles,
    )


def located(
    compose_file: str | Path | Sequence[str | Path], project_dir: str | Path | None = None
) -> Place:
    """Find the files of a project, with the override file beside a single one.

    Args:
        compose_file: as for :func:`load_project`.
        project_dir: likewise.

    Raises:
        ComposeError: no file was named.
    """
    named = [compose_file] if isinstance(compose_file, str | Path) else list(compose_file)
    if not named:
        raise ComposeError("no compose file was named; name at least one", file="compose_file")
    folder = Path(os.path.abspath(project_dir or "."))  # noqa: PTH100 - resolve() follows links
    paths = [Path(os.path.normpath(folder / Path(name).expanduser())) for name in named]
    directory = folder if project_dir is not None else paths[0].parent
    override = files.override_of(paths[0]) if isinstance(compose_file, str | Path) else None
    if override is not None:
        paths.append(override)
        named.append(override)
    return Place(tuple(map(str, named)), tuple(paths), directory, override)


def project_of(
    documents: Sequence[files.Document],
    place: Place,
    name: str,
    environment: Mapping[str, str],
    *,
    environment_file: Path | None = None,
    profiles: Iterable[str] = (),
    read_by: str = "dockwarden",
) -> Project:
    """The project that documents come to.

    Args:
        documents: in their order.
        place: where their files are.
        name: the project's name.
        environment: the variables that the documents are filled in with.
        environment_file: where some of those were read from.
        profiles: those to activate, beside those in ``COMPOSE_PROFILES``.
        read_by: what made the documents of the files, for people.

    Raises:
        ComposeError: a document cannot be used.
    """
    environment = {**environment, "COMPOSE_PROJECT_NAME": name}
    directory = place.directory
    model = merged(documents, directory, environment)
    check_sources(model.root)
    context = Context(directory, environment.get, model.missing, model.root)
    networks = resources.networks(model.root.get("networks"), name)
    volumes = resources.volumes(model.root.get("volumes"), name, context)
    read = partial(service_spec, context=context, networks=networks, volumes=volumes)
    project = Project(
        name=name,
        directory=directory,
        files=place.files,
        services={
            key: _refusing(_service(node, read, documents[0]), model, node.file)
            for key, node in model.root.get("services").items()
        },
        networks=networks,
        volumes=volumes,
        environment_file=environment_file,
        variables=environment,
        profiles=tuple(dict.fromkeys((*profiles, *_listed_profiles(environment)))),
        warnings=(
            *_missing_at_the_top(model.missing),
            *_merged_over(place),
            *without_effect(environment, place.files),
        ),
        refusals=(*_refused_sections(model.root), *_unexpected(model, None, documents[0].file)),
        read_by=read_by,
    )
    check_dependencies(project, documents[0].file)
    return project


def _project_name(
    documents: list[files.Document], directory: Path, environment: Mapping[str, str]
) -> str:
    if environment.get("COMPOSE_PROJECT_NAME"):
        return environment["COMPOSE_PROJECT_NAME"]
    for document in reversed(documents):
        written = document.data.get("name")
        if isinstance(written, str) and written:
            try:
                return _normal(substitute(written, environment.get))
            except InterpolationError as error:
                raise compose_error(document.file, ("name",), str(error)) from error
    return _normal(directory.name)


def _normal(name: str) -> str:
    """The project's name that Compose makes of one in a file, or of a folder's."""
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def _check_name(name: str, file: str) -> None:
    if not name:
        raise ComposeError(
            "neither the file nor its folder gives a project name; write a top-level name, or set COMPOSE_PROJECT_NAME",
            file=file,
        )
    if not _NAME.fullmatch(name):
        raise ComposeError(
            f"{name!r} is no project name; use small letters, digits, - and _, a letter or digit first,"
            " at most 80 characters",
            file=file,
            key="name",
        )


def _listed_profiles(environment: Mapping[str, str]) -> Iterator[str]:
    listed = environment.get("COMPOSE_PROFILES", "").split(",")
    return (profile.strip() for profile in listed if profile.strip())


def _missing_at_the_top(missing: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for variable in dict.fromkeys(missing.get("", ())):
        yield unset(variable)


def _merged_over(place: Place) -> Iterator[str]:
    if place.override is not None:
        yield (
            f"{place.override.name} lies beside {place.files[0].name} and is merged over it, as Compose does;"
            " to leave it out, name the files in a list"
        )


def _refused_sections(root: Node) -> Iterator[Refusal]:
    """Yield what is refused of a model by real Compose, which contains the included files already."""
    for section, reason in REFUSED_SECTIONS.items():
        node = root.get(section)
        if node.value:
            yield Refusal(file=node.file, key=section, reason=f"{reason}; {REMEDY}")


def _service(
    node: Node, read: Callable[[Node], ServiceSpec], document: files.Document
) -> ServiceSpec:
    """The service. A value that real Compose has taken, and no container can have, stops only what needs it."""
    try:
        return read(node)
    except ComposeError as error:
        if not document.is_printed:
            raise
        return ServiceSpec(str(node.path[-1]), refusals=(refusal(error),))


def _refusing(spec: ServiceSpec, model: Model, file: str) -> ServiceSpec:
    """The service, refused where real Compose says of it what is not known to us."""
    return evolve(spec, refusals=(*spec.refusals, *_unexpected(model, spec.name, file)))


def _unexpected(model: Model, service: str | None, file: str) -> Iterator[Refusal]:
    """Yield what is unexpected in a service, or elsewhere (None)."""
    for path in dict.fromkeys(model.unexpected):
        if (path[1] if path[:1] == ("services",) and path[1:] else None) == service:
            reason = f"this is newer than what dockwarden knows of Compose; {REMEDY}"
            if path[-1] == "":
                reason = "a name here is empty; write it before its value, or take the entry out"
            yield Refusal(file=file, key=dotted(path), reason=reason)


def _refuse_sections(documents: Sequence[files.Document]) -> None:
    """Refuse what brings in services from elsewhere, before one of those is missed."""
    for document in documents:
        for section, reason in REFUSED_SECTIONS.items():
            if document.data.get(section):
                raise compose_error(document.file, (section,), f"{reason}; {REMEDY}")
