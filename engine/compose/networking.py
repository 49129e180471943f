"""Networks, ports and names that a service is reached by."""

from __future__ import annotations

import ipaddress
from typing import Any

from engine.compose import units
from engine.compose.node import Node
from engine.compose.shortforms import port_range
from engine.model.spec import NetworkAttachment, NetworkSpec, PortSpec
from engine.util.nearest import nearest

__all__ = ["attachments", "expose", "extra_hosts", "ports"]


def attachments(service: Node, networks: dict[str, NetworkSpec]) -> tuple[NetworkAttachment, ...]:
    """The networks that a service joins, the main one first.

    As in Compose, that is the one with the highest priority, then the first by name.
    """
    joined = service.get("networks")
    if service.get("network_mode").value:
        if joined.value:
            raise joined.error("a service has network_mode or networks, not both; take one out")
        return ()
    if not joined.value:
        return (NetworkAttachment("default"),)
    found = [_attachment(name, node, networks) for name, node in joined.items()]
    return tuple(sorted(found, key=lambda one: (-one.priority, one.network)))


def _attachment(name: str, node: Node, networks: dict[str, NetworkSpec]) -> NetworkAttachment:
    if name not in networks and name != "default":
        raise node.error(
            f"there is no network {name!r}{nearest(name, networks)};"
            " declare it under the top-level networks"
        )
    return NetworkAttachment(
        network=name,
        aliases=node.get("aliases").optional(tuple) or (),
        ipv4_address=node.get("ipv4_address").optional(units.filled),
        ipv6_address=node.get("ipv6_address").optional(units.filled),
        link_local_ips=node.get("link_local_ips").optional(tuple) or (),
        mac_address=node.get("mac_address").optional(units.filled),
        driver_opts={key: inner.read(units.text) for key, inner in node.get("driver_opts").items()},
        priority=node.get("priority").optional(units.integer) or 0,
        gw_priority=node.get("gw_priority").optional(units.integer) or 0,
    )


def extra_hosts(holder: Node) -> tuple[str, ...]:
    """The names of hosts and their addresses, in Compose's order; of a service or of its build."""
    written: list[str] = holder.get("extra_hosts").value or []
    return tuple(sorted(written, key=lambda entry: entry.partition("=")))


def ports(service: Node) -> tuple[PortSpec, ...]:
    """The published ports of a service."""
    return tuple(entry.read(_port) for entry in service.get("ports").elements())


def _port(value: dict[str, Any]) -> PortSpec:
    if value.get("target") is None:
        raise ValueError("the port has no target: the port inside the container")
    target = units.integer(value["target"])
    if not target:
        raise ValueError("the port inside the container is 0, which no program can listen on")
    port_range(str(target))
    published = value.get("published", "")
    published = published if isinstance(published, str) else str(units.whole(published))
    if published:
        port_range(published)
    return PortSpec(
        target=target,
        published=published,
        protocol=value.get("protocol") or "tcp",
        host_ip=_address(value.get("host_ip") or ""),
    )


def _address(written: str) -> str:
    """An address of this machine; empty for all of them."""
    try:
        # An address with a zone is one for Python, and none for Compose.
        ipaddress.ip_address(written.replace("%", "/") or "0.0.0.0")  # noqa: S104 - not bound here
    except ValueError:
        raise ValueError(f"{written!r} is not an IP address; write one, or take it out") from None
    return written


def expose(service: Node) -> tuple[str, ...]:
    """The ports that a service exposes, each ``port[-port]/protocol``."""

    def port(value: Any) -> str:
        written, _, protocol = units.plain(value).partition("/")
        port_range(written)
        return f"{written}/{protocol or 'tcp'}"

    return tuple(entry.read(port) for entry in service.get("expose").elements())
