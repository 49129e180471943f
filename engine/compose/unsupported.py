"""Keys that the docker runtime does not support: a table.

A refusal becomes an error only when the service is needed. What has no effect outside Swarm, in real Compose
as well, is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from engine.compose import units
from engine.compose.node import Node, dotted
from engine.model.spec import Refusal

__all__ = ["REFUSED", "REMEDY", "refusals", "unused"]

REMEDY = (
    "real Compose can: runtime: compose in the campaign file, or --runtime compose, after"
    " pip install 'dockwarden[compose]'; or take the key out of this file"
)

Reason = Callable[[Any], str | None]


def _always(reason: str) -> Reason:
    return lambda _: reason


def _more_than_one(value: Any) -> str | None:
    return "a backend is one container" if units.integer(value) > 1 else None


def _among(reason: str, *refused: Any) -> Reason:
    return lambda value: reason.format(value) if value in refused else None


def _not_among(reason: str, *honoured: Any) -> Reason:
    return lambda value: None if value in honoured else reason.format(value)


def _true(reason: str) -> Reason:
    return lambda value: reason if value and units.boolean(value) else None


_RULES: dict[str, Reason] = {
    "blkio_config": _always("limits on block devices are not set here"),
    "build.additional_contexts": _always("the Docker SDK builds from one context"),
    "build.context": lambda value: (
        "a build context on another machine is not fetched here"
        if "://" in value or value.startswith("git@")
        else None
    ),
    "build.dockerfile_inline": _always("the Docker SDK builds from a Dockerfile in the context"),
    "build.entitlements": _always("the Docker SDK grants no build entitlements"),
    "build.isolation": _always("this is for Windows containers"),
    "build.platforms": _always("the Docker SDK builds for one platform; write platform instead"),
    "build.privileged": _true("the Docker SDK builds without privileges"),
    "build.secrets": _always("the Docker SDK passes no secrets to a build"),
    "build.ssh": _always("the Docker SDK passes no SSH keys to a build"),
    "build.ulimits": _always("the Docker SDK sets no limits for a build"),
    "cpu_count": _always("this is for Windows containers"),
    "cpu_percent": _always("this is for Windows containers"),
    "cpu_rt_period": _always("real-time scheduling is not set here"),
    "cpu_rt_runtime": _always("real-time scheduling is not set here"),
    "credential_spec": _always("this is for Windows containers"),
    "deploy.mode": _among(
        "{} services do not have a single container", "replicated-job", "global-job"
    ),
    "deploy.replicas": _more_than_one,
    "external_links": _always("links to containers outside the project are not made here"),
    "isolation": _always("this is for Windows containers"),
    "models": _always("models are not run here"),
    "networks.*.interface_name": _always("network interfaces are not named here"),
    "networks.*.use_service_name_alias": _always("the service's name is always an alias here"),
    "post_start": _always("hooks are not run here"),
    "pre_start": _always("hooks are not run here"),
    "pre_stop": _always("hooks are not run here"),
    "provider": _always("a service that a provider runs has no container"),
    "pull_policy": _not_among(
        "images are not refreshed by age here ({})",
        "always",
        "never",
        "missing",
        "if_not_present",
        "build",
    ),
    "pull_refresh_after": _always("images are not refreshed by age here"),
    "scale": _more_than_one,
    "umask": _always("the umask is not set here"),
    "use_api_socket": _true("the engine's socket is not mounted into containers here"),
    "volumes.*.bind.recursive": _always("recursive read-only binds are not made here"),
    "volumes.*.type": _among("mounts of type {} are not made here", "cluster", "npipe", "image"),
    "volumes.*.volume.labels": _always("labels on volumes of one mount are not set here"),
    "volumes.*.volume.subpath": _always("a part of a volume is not mounted here"),
}

REFUSED = tuple(_RULES)
"""The keys of a service that can be refused, some of them only with certain values."""

_UNUSED = (
    "attach",
    "build.cache_to",
    "build.provenance",
    "build.sbom",
    "build.tags",
    "deploy.endpoint_mode",
    "deploy.placement",
    "deploy.resources.reservations.cpus",
    "deploy.resources.reservations.generic_resources",
    "deploy.rollback_config",
    "deploy.update_config",
    "develop",
)


def refusals(service: Node) -> Iterator[Refusal]:
    """The keys of a service that cannot be honoured."""
    for pattern, reason in _RULES.items():
        for node in _matching(service, pattern.split(".")):
            if node.value in (None, [], {}):
                continue
            said = node.read(reason)
            if said:
                yield Refusal(file=node.file, key=dotted(node.path), reason=f"{said}; {REMEDY}")


def unused(service: Node) -> Iterator[str]:
    """A sentence about the keys of a service that have no effect."""
    keys = [key for key in _UNUSED if service.at(*key.split(".")).value]
    if service.at("deploy", "mode").value == "global":
        keys.append("deploy.mode: global")
    if keys:
        yield f"ignored, for it has no effect on a single container: {', '.join(keys)}"


def _matching(node: Node, pattern: list[str]) -> Iterator[Node]:
    if not pattern:
        yield node
        return
    head, *rest = pattern
    if head != "*":
        yield from _matching(node.get(head), rest)
        return
    inner = node.elements() if isinstance(node.value, list) else (each for _, each in node.items())
    for each in inner:
        yield from _matching(each, rest)
