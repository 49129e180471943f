"""The additions of dockwarden to containers that Compose creates: the last of the compose files, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.model.spec import Mount, ServiceSpec
from engine.runtimes.docker.containers.provisioner import NO_CHECK, Making

__all__ = ["override"]

_NEVER_RESTARTED: Final = frozenset({None, "no", "none"})


def override(
    making: Making,
    spec: ServiceSpec | None,
    output: Mount | None,
    networks: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """The file, for one service to be made, or for what services share.

    It adds the labels, the mount for output, the keep-alive command, what of the service is changed at
    present, and the init process (unless a file says otherwise), and turns restarts by the engine off, and
    the health check where the engine is not to run it.
    Everything else is as in the user's files.

    Args:
        spec: the service; None for none.
        output: its further mount; None for none.
        networks: the labels of each network of the project, by key. They must be those that it carries
            already: where the two differ, Compose would create it again.
    """
    file: dict[str, Any] = {
        "networks": {key: {"labels": dict(labels)} for key, labels in networks.items() if labels}
    }
    if spec is not None:
        file["services"] = {spec.name: _service(making, spec, output)}
    written: dict[str, Any] = _literal(file)
    return written


def _service(making: Making, spec: ServiceSpec, output: Mount | None) -> dict[str, Any]:
    service: dict[str, Any] = {
        "labels": dict(making.labels),
        "init": spec.init,
        "restart": "no",
    }
    if spec.restart not in _NEVER_RESTARTED:
        # What a file says under deploy wins over restart.
        service["deploy"] = {"restart_policy": {"condition": "none"}}
    if output is not None:
        service["volumes"] = [_volume(output)]
    if spec.name in making.unchecked:
        service["healthcheck"] = {"test": list(NO_CHECK.test or ())}
    keep_alive = making.main_of(spec.name).keep_alive
    if keep_alive is not None:
        # An empty list, unlike null, clears the image's own entrypoint.
        service |= {"entrypoint": [], "command": list(keep_alive)}
    change = making.changes.of(spec.name)
    if change is not None and change.environment:
        service["environment"] = dict(change.environment)
    if change is not None and change.command is not None:
        service["command"] = list(change.command)
    return service


def _volume(mount: Mount) -> dict[str, Any]:
    volume: dict[str, Any] = {"type": mount.kind.value, "target": mount.target}
    if mount.source is None:
        return volume
    if (
        ":" in mount.source
    ):  # a line of source:target, which Compose writes otherwise, cannot hold it
        volume["bind"] = {"create_host_path": False}
    return {**volume, "source": mount.source}


def _literal(value: Any) -> Any:
    """The value with every ``$`` doubled, so that Compose puts no variable in its place."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    return value
