"""Requests to the engine: the JSON bodies of containers, networks and volumes.

Pure functions, and no import of docker. What real Compose creates is the measure: a container made from
these bodies looks the same in ``docker inspect``, but for what is ours to decide (the keep-alive, no
restart policy, an init process, our labels). Where an engine older than API 1.44 takes one network at
creation, so do we, with all engines; the others are joined before the start (:func:`further_networks`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.compose.digest import config_digest
from engine.model.spec import (
    HealthCheck,
    Mount,
    NetworkAttachment,
    NetworkSpec,
    Project,
    ServiceSpec,
    VolumeSpec,
)
from engine.runtimes.docker.containers.body import Body, present
from engine.runtimes.docker.containers.host_config import host_config
from engine.runtimes.docker.containers.naming import COMPOSE, container_name, links, network_name

__all__ = [
    "COMPOSE_VERSION",
    "compose_labels",
    "container_name",
    "container_payload",
    "further_networks",
    "network_payload",
    "volume_payload",
]

COMPOSE_VERSION: Final = "2.24.0"
"""The version of Compose whose labels these are, where none is installed."""

_ENGINE_GRACE_S: Final = 10.0  # the engine's own, where a container names none


def compose_labels(project: Project, service: ServiceSpec) -> dict[str, str]:
    """The labels by which Compose's own commands find a container."""
    labels = {
        "project": project.name,
        "service": service.name,
        "config-hash": config_digest(service, project),
        "container-number": "1",
        "oneoff": "False",
        "version": _compose_version(project),
        "depends_on": ",".join(
            f"{name}:{how.condition.value}:{str(how.restart).lower()}"
            for name, how in service.depends_on.items()
        ),
        "project.config_files": ",".join(str(file) for file in project.files),
        "project.working_dir": str(project.directory),
    }
    return {f"{COMPOSE}{key}": value for key, value in labels.items()}


def container_payload(
    project: Project,
    service: ServiceSpec,
    *,
    image: str,
    keep_alive: Sequence[str] | None,
    labels: Mapping[str, str],
    extra_mounts: Sequence[Mount] = (),
) -> Body:
    """The body of ``POST /containers/create``.

    Args:
        project: the project.
        service: the service.
        image: the image to make it from.
        keep_alive: the command that replaces the service's command and entrypoint; None for its own.
        labels: further labels, which win over the file's.
        extra_mounts: further mounts.
    """
    main = service.networks[0] if service.networks else None
    body: Body = {
        "Image": image,
        "Cmd": _listed(service.command),
        "Entrypoint": _listed(service.entrypoint),
        "Env": [*(f"{k}={v}" for k, v in service.environment.items()), *service.environment_unset],
        "Labels": {**service.labels, **compose_labels(project, service), **labels},
        "WorkingDir": service.working_dir,
        "User": service.user,
        "Hostname": service.hostname,
        "Domainname": service.domainname,
        "MacAddress": service.mac_address,
        "Tty": service.tty,
        "OpenStdin": service.stdin_open,
        "AttachStdout": True,
        "AttachStderr": True,
        "StopSignal": service.stop_signal,
        "StopTimeout": _stop_timeout(service.stop_grace_period_s),
        "Healthcheck": _health_check(service.healthcheck),
        "ExposedPorts": {port: {} for port in _exposed(service)},
        "HostConfig": host_config(project, service, extra_mounts),
    }
    if main is not None:
        endpoint = _endpoint(project, service, main)
        body["NetworkingConfig"] = {"EndpointsConfig": {network_name(project, main): endpoint}}
    if keep_alive is not None:
        # An empty list, unlike null, clears the image's own entrypoint.
        body |= {"Entrypoint": [], "Cmd": list(keep_alive)}
    return present(body)


def further_networks(project: Project, service: ServiceSpec) -> Iterator[tuple[str, Body]]:
    """The networks to join after creation, each with the arguments of the SDK's connect call."""
    for joined in service.networks[1:]:
        yield (
            network_name(project, joined),
            present(
                {
                    "aliases": _aliases(project, service, joined),
                    "links": links(project, service),
                    "ipv4_address": joined.ipv4_address,
                    "ipv6_address": joined.ipv6_address,
                    "link_local_ips": list(joined.link_local_ips),
                    "mac_address": joined.mac_address,
                    "driver_opt": dict(joined.driver_opts),
                }
            ),
        )


def network_payload(project: Project, network: NetworkSpec, labels: Mapping[str, str]) -> Body:
    """The body of ``POST /networks/create``.

    Args:
        project: the project.
        network: one of its networks.
        labels: further labels.
    """
    return present(
        {
            "Name": network.name,
            "CheckDuplicate": True,
            "Driver": network.driver or "bridge",
            "Options": dict(network.driver_opts),
            "Internal": network.internal,
            "Attachable": network.attachable,
            "EnableIPv4": network.enable_ipv4,
            "EnableIPv6": network.enable_ipv6,
            "IPAM": _ipam(network.ipam),
            "Labels": {
                **network.labels,
                **_resource_labels(project, "network", network.key),
                **labels,
            },
        }
    )


def volume_payload(project: Project, volume: VolumeSpec) -> Body:
    """The arguments of the SDK's call that creates a volume."""
    return present(
        {
            "name": volume.name,
            "driver": volume.driver,
            "driver_opts": dict(volume.driver_opts),
            "labels": {**volume.labels, **_resource_labels(project, "volume", volume.key)},
        }
    )


def _resource_labels(project: Project, kind: str, key: str) -> dict[str, str]:
    return {
        f"{COMPOSE}project": project.name,
        f"{COMPOSE}{kind}": key,
        f"{COMPOSE}version": _compose_version(project),
    }


def _compose_version(project: Project) -> str:
    return COMPOSE_VERSION if project.compose is None else project.compose.version


def _endpoint(project: Project, service: ServiceSpec, joined: NetworkAttachment) -> Body:
    addresses = present(
        {
            "IPv4Address": joined.ipv4_address,
            "IPv6Address": joined.ipv6_address,
            "LinkLocalIPs": list(joined.link_local_ips),
        }
    )
    return present(
        {
            "Aliases": _aliases(project, service, joined),
            "Links": links(project, service),
            "IPAMConfig": addresses,
            "MacAddress": joined.mac_address,
            "DriverOpts": dict(joined.driver_opts),
            "GwPriority": joined.gw_priority or None,
        }
    )


def _aliases(project: Project, service: ServiceSpec, joined: NetworkAttachment) -> list[str]:
    names = (container_name(project, service), service.name, *joined.aliases)
    return list(dict.fromkeys(names))


def _exposed(service: ServiceSpec) -> Iterator[str]:
    for entry in service.expose:
        ports, _, protocol = entry.partition("/")
        first, _, last = ports.partition("-")
        yield from (f"{port}/{protocol}" for port in range(int(first), int(last or first) + 1))
    yield from (f"{port.target}/{port.protocol}" for port in service.ports)


def _health_check(check: HealthCheck | None) -> Body | None:
    if check is None:
        return None
    return present(
        {
            "Test": _listed(check.test),
            "Interval": _nanoseconds(check.interval_s),
            "Timeout": _nanoseconds(check.timeout_s),
            "StartPeriod": _nanoseconds(check.start_period_s),
            "StartInterval": _nanoseconds(check.start_interval_s),
            "Retries": check.retries,
        }
    )


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)


def _stop_timeout(grace_s: float) -> int | None:
    return None if grace_s == _ENGINE_GRACE_S else math.ceil(grace_s)


def _ipam(ipam: Mapping[str, Any]) -> Body | None:
    if not ipam:
        return None
    names = {
        "subnet": "Subnet",
        "ip_range": "IPRange",
        "gateway": "Gateway",
        "aux_addresses": "AuxiliaryAddresses",
    }
    pools = [
        {names[key]: value for key, value in pool.items() if key in names}
        for pool in ipam.get("config") or ()
    ]
    return present(
        {
            "Driver": ipam.get("driver") or "default",
            "Config": pools,
            "Options": ipam.get("options") or {},
        }
    )


def _listed(words: Sequence[str] | None) -> list[str] | None:
    return None if words is None else list(words)
