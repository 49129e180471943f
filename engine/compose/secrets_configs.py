"""Secrets and configs: files that a service gets.

As in Compose, one that is a file on this machine is mounted, read-only; one whose content comes from a
variable or stands in the compose file itself is written into the container before that starts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from engine.compose import units
from engine.compose.context import Context
from engine.compose.node import Node
from engine.model.spec import InjectedFile, Mount, MountKind
from engine.util.nearest import nearest

__all__ = ["check_sources", "ignored_ownership", "injected_files"]

_FOLDERS = {"secrets": "/run/secrets", "configs": "/"}
_SOURCES = ("file", "environment", "content")
_OWNERSHIP = ("uid", "gid", "mode")


def injected_files(
    service: Node, context: Context, mounts: Iterable[Mount] = ()
) -> tuple[Mount | InjectedFile, ...]:
    """The files of a service's secrets and configs.

    Args:
        service: the service.
        context: what is around it.
        mounts: its other mounts.

    Raises:
        ComposeError: a file is not declared, or goes where something else is.
    """
    found: list[Mount | InjectedFile] = []
    for section, entry in _entries(service):
        file = _injected(entry, section, context)
        if any(file.target == other.target for other in (*mounts, *found)):
            raise entry.error(f"something else goes to {file.target} already; write another target")
        found.append(file)
    return tuple(found)


def check_sources(root: Node) -> None:
    """Check that no secret and no config, used or not, has its content from two places.

    Raises:
        ComposeError: one has.
    """
    for section in _FOLDERS:
        for declared in map(root.get(section).get, root.get(section).value or ()):
            found = [key for key in _SOURCES if declared.get(key).value is not None]
            if len(found) > 1:
                raise declared.error(f"{' and '.join(found)} exclude each other; take one out")


def ignored_ownership(service: Node, context: Context) -> Iterator[str]:
    """A sentence about each file whose owner and mode are those that it has on this machine."""
    for section, entry in _entries(service):
        if _declared(entry, section, context).get("file").value:
            keys = [key for key in _OWNERSHIP if entry.get(key).value is not None]
            if keys:
                yield (
                    f"{section}: {', '.join(keys)} of {entry.value['source']} have no effect, for it is"
                    " a file of this machine"
                )


def _entries(service: Node) -> Iterator[tuple[str, Node]]:
    for section in _FOLDERS:
        for entry in service.get(section).elements():
            yield section, entry


def _declared(entry: Node, section: str, context: Context) -> Node:
    return context.root.get(section).get(entry.get("source").read(units.text))


def _injected(entry: Node, section: str, context: Context) -> Mount | InjectedFile:
    name = entry.get("source").read(units.text)
    declared = _declared(entry, section, context)
    if declared.value is None:
        known = context.root.get(section).value or {}
        raise entry.error(
            f"there is no {name!r} under the top-level {section}{nearest(name, known)};"
            " declare it there"
        )
    written = entry.get("target").optional(units.text) or name
    target = posixpath.normpath(posixpath.join(_FOLDERS[section], written))
    file = declared.get("file").optional(units.text)
    if file is not None:
        source = context.resolve(file)
        return Mount(MountKind.BIND, target, source=source, read_only=True)
    return InjectedFile(
        target=target,
        content=_content(declared, context),
        mode=entry.get("mode").optional(units.octal) or InjectedFile.MODE,
        uid=entry.get("uid").optional(units.integer) or 0,
        gid=entry.get("gid").optional(units.integer) or 0,
        secret=section == "secrets",
    )


def _content(declared: Node, context: Context) -> str:
    variable = declared.get("environment").optional(units.text)
    if variable is not None:
        value = context.lookup(variable)
        if value is None:
            raise declared.get("environment").error(
                f"the variable {variable} is not set; set it in the environment or in .env"
            )
        return value
    content = declared.get("content").optional(units.text)
    if not content:
        raise declared.error(
            "it is empty, or only a swarm keeps it; give it a file, an environment or a content"
        )
    return content
