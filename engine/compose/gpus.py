"""GPU reservations: ``deploy.resources.reservations.devices`` and ``gpus``."""

from __future__ import annotations

from typing import Any

from engine.compose import units
from engine.compose.node import Node
from engine.model.spec import GpuRequest

__all__ = ["gpus"]

_ALL = -1


def gpus(service: Node) -> tuple[GpuRequest, ...]:
    """The device requests of a service, reservations first."""
    reserved = service.at("deploy", "resources", "reservations", "devices")
    return (
        *(entry.read(_request) for entry in reserved.elements()),
        *(entry.read(_gpu) for entry in service.get("gpus").elements()),
    )


def _gpu(value: dict[str, Any]) -> GpuRequest:
    """An entry of ``gpus``; it need not say that it wants a GPU."""
    return _request({**value, "capabilities": [*value.get("capabilities", ()), "gpu"]})


def _request(value: dict[str, Any]) -> GpuRequest:
    ids = tuple(units.text(each) for each in value.get("device_ids") or ())
    count = value.get("count")
    if ids and count is not None:
        raise ValueError("count and device_ids exclude each other; take one out")
    if len(set(ids)) < len(ids):
        raise ValueError("a device is named twice under device_ids; take one out")
    if count is None and value.get("device_ids") is not None:
        count = 0  # an empty list of devices asks for none
    options = value.get("options") or {}
    if isinstance(options, list):
        options = {name: said for name, _, said in (each.partition("=") for each in options)}
    return GpuRequest(
        capabilities=tuple(dict.fromkeys(value.get("capabilities") or ())),
        driver=value.get("driver") or "",
        count=None if ids else _count(count),
        device_ids=ids,
        options={key: "" if said is None else units.plain(said) for key, said in options.items()},
    )


def _count(value: Any) -> int:
    if value is None or str(value).lower() == "all":
        return _ALL
    try:
        return units.whole(value)
    except ValueError:
        raise ValueError(f'the count {value!r} is neither a whole number nor "all"') from None
