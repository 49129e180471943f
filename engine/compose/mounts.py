"""Volumes, tmpfs and devices of a service."""

from __future__ import annotations

import os.path
from typing import Any

from engine.compose import units
from engine.compose.context import Context
from engine.compose.node import Node
from engine.model.spec import DeviceMapping, Mount, MountKind, VolumeSpec
from engine.util.nearest import nearest

__all__ = ["devices", "mounts"]


def mounts(service: Node, context: Context, volumes: dict[str, VolumeSpec]) -> tuple[Mount, ...]:
    """The mounts of a service, in the order of ``volumes`` and then ``tmpfs``."""
    found: dict[str, Mount] = {}
    for entry in (*service.get("volumes").elements(), *service.get("tmpfs").elements()):
        mount = _mount(entry, context, volumes)
        if mount is not None and mount.target in found:
            raise entry.error(f"something else is mounted on {mount.target} already; take one out")
        if mount is not None:
            found[mount.target] = mount
    return tuple(found.values())


def _mount(entry: Node, context: Context, volumes: dict[str, VolumeSpec]) -> Mount | None:
    if isinstance(entry.value, str):
        return _tmpfs(entry.value)
    kinds = {kind.value: kind for kind in MountKind}
    kind = kinds.get(entry.value["type"])
    if kind is None:
        return None  # refused elsewhere
    target = entry.get("target").optional(units.text)
    if not target:
        raise entry.error("the mount has no target; say where in the container it goes")
    source = entry.get("source").optional(units.text)
    return Mount(
        kind=kind,
        target=os.path.normpath(target),
        source=_source(kind, source, entry, context, volumes),
        read_only=entry.get("read_only").optional(units.boolean) or False,
        create_host_path=kind is MountKind.BIND
        and entry.at("bind", "create_host_path").optional(units.boolean) is not False,
        propagation=entry.at("bind", "propagation").optional(units.filled),
        selinux=entry.at("bind", "selinux").optional(units.filled),
        no_copy=entry.at("volume", "nocopy").optional(units.boolean) or False,
        tmpfs_size_bytes=entry.at("tmpfs", "size").optional(units.limit_bytes),
        tmpfs_mode=entry.at("tmpfs", "mode").optional(_mode),
    )


def _mode(value: Any) -> int:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is text for Compose; write the mode without quotes: 0o1777")  # noqa: TRY004
    return units.whole(value)


def _source(
    kind: MountKind,
    source: str | None,
    entry: Node,
    context: Context,
    volumes: dict[str, VolumeSpec],
) -> str | None:
    if kind is MountKind.BIND:
        if not source:
            raise entry.error("a bind mount needs a source: a path on this machine")
        return context.resolve(source)
    if kind is MountKind.TMPFS or not source:
        return None
    if source not in volumes:
        raise entry.error(
            f"there is no volume {source!r}{nearest(source, volumes)}; declare it under the top-level"
            f" volumes, or write ./{source} for a folder"
        )
    return source


def _tmpfs(written: str) -> Mount:
    target, _, options = written.partition(":")
    return Mount(kind=MountKind.TMPFS, target=target, tmpfs_options=options)


def devices(service: Node) -> tuple[DeviceMapping, ...]:
    """The devices of a service."""

    def device(value: dict[str, Any]) -> DeviceMapping:
        if not value.get("source"):
            raise ValueError("the device has no source; name a device of this machine")
        return DeviceMapping(
            host=value["source"],
            container=value.get("target") or value["source"],
            permissions=value.get("permissions") or "rwm",
        )

    return tuple(entry.read(device) for entry in service.get("devices").elements())
