"""The networks and volumes of a project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.compose import units
from engine.compose.context import Context
from engine.compose.node import Node
from engine.model.spec import NetworkSpec, VolumeSpec

__all__ = ["networks", "volumes"]

_OWN = ("driver", "driver_opts", "labels")  # refused by Compose, too; of a network it ignores them


def networks(section: Node, project: str) -> dict[str, NetworkSpec]:
    """The networks of a project; the default one is among them unless the file declares it."""
    found = {key: _network(key, node, project) for key, node in section.items()}
    found.setdefault("default", NetworkSpec(key="default", name=f"{project}_default"))
    return found


def _network(key: str, node: Node, project: str) -> NetworkSpec:
    name, external = _identity(key, node, project, units.printable)
    return NetworkSpec(
        key=key,
        name=name,
        external=external,
        driver=node.get("driver").optional(units.filled),
        driver_opts=node.get("driver_opts").value or {},
        internal=node.get("internal").optional(units.boolean) or False,
        attachable=node.get("attachable").optional(units.boolean) or False,
        enable_ipv4=node.get("enable_ipv4").optional(units.boolean),
        enable_ipv6=node.get("enable_ipv6").optional(units.boolean),
        labels=node.get("labels").value or {},
        ipam=_plain(node.get("ipam").value or {}),
    )


def volumes(section: Node, project: str, context: Context) -> dict[str, VolumeSpec]:
    """The named volumes of a project."""
    return {key: _volume(key, node, project, context) for key, node in section.items()}


def _volume(key: str, node: Node, project: str, context: Context) -> VolumeSpec:
    name, external = _identity(key, node, project, units.engine_name)
    for other in _OWN if external else ():
        if node.get(other).value is not None:
            raise node.get(other).error(
                "an external volume is used as it is; take this out, or external"
            )
    return VolumeSpec(
        key=key,
        name=name,
        external=external,
        driver=node.get("driver").optional(units.filled),
        driver_opts=_volume_options(node, context),
        labels=node.get("labels").value or {},
    )


def _volume_options(node: Node, context: Context) -> dict[str, str]:
    """The driver's options; as in Compose, a folder that is bound starts from the project's."""
    options: dict[str, str] = node.get("driver_opts").value or {}
    is_bound = node.get("driver").value == "local" and options.get("o") == "bind"
    if is_bound and "device" in options:
        return options | {"device": context.resolve(options["device"])}
    return options


def _identity(
    key: str, node: Node, project: str, name_of: Callable[[Any], str]
) -> tuple[str, bool]:
    """The name on the engine, and whether it is external."""
    given = node.get("external").value
    legacy = node.at("external", "name").optional(name_of) if isinstance(given, dict) else None
    external = isinstance(given, dict) or bool(node.get("external").optional(units.boolean))
    written = node.get("name")
    if legacy is not None and written.value is not None:
        raise written.error("external.name says another name; take it out there")
    name = written.read(name_of) if written.value else legacy
    return name or (key if external else f"{project}_{key}"), external


def _plain(value: Any) -> Any:
    """The value without extensions, and without empty texts and lists, which say nothing."""
    if isinstance(value, dict):
        kept = {k: inner for k, inner in value.items() if inner not in ("", []) and k[:2] != "x-"}
        return {key: _plain(inner) for key, inner in kept.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
