"""Secrets and configs: files that a service gets.

As in Compose, one that is a file on this machine is mounted, read-only; one whose content comes from a
variable or stands in the compose file itself is written into the container before that starts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from engine.compose import units
from engine.compose.context import Context
from engine.compose.node import Node
from engine.model.spec import InjectedFile, Mount, MountKind
from engine.util.nearest import nearest

__all__ = ["ignored_ownership", "injected_files"]

_FOLDERS = {"secrets": "/run/secrets", "configs": "/"}
_OWNERSHIP = ("uid", "gid", "mode")


def injected_files(service: Node, context: Context) -> tuple[Mount | InjectedFile, ...]:
    """The files of a service's secrets and configs."""
    return tuple(_injected(entry, section, context) for section, entry in _entries(service))


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
    sources = [key for key in ("file", "environment", "content") if declared.get(key).value]
    if len(sources) > 1:
        raise declared.error(f"{' and '.join(sources)} exclude each other; take one out")
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
