"""The model that ``docker compose config`` prints, as a document like those that our reader makes of files."""

from __future__ import annotations

from typing import Any

from engine.compose.files import Document

__all__ = ["printed_document"]


def printed_document(model: dict[str, Any], file: str) -> Document:
    """The document, without the quirks of Compose's printing.

    A limit of 0 is an empty mapping there; a device without a count is none, and not all of them as in a
    file; and dollar signs are doubled in keys as well, which are not interpolated when read.

    Args:
        model: what was printed; it is changed.
        file: the files it came from, for errors.
    """
    for service in model.get("services", {}).values():
        for name, limit in (service.get("ulimits") or {}).items():
            service["ulimits"][name] = limit or 0
        variables = service.get("environment")
        if variables:
            service["environment"] = {k.replace("$$", "$"): v for k, v in variables.items()}
        for device in _devices(service):
            if not device.get("device_ids"):
                device.setdefault("count", 0)
    data = {key: value for key, value in model.items() if not key.startswith("x-")}
    return Document(file, data, is_printed=True)


def _devices(service: dict[str, Any]) -> list[dict[str, Any]]:
    resources = (service.get("deploy") or {}).get("resources") or {}
    reserved = (resources.get("reservations") or {}).get("devices")
    return [*(service.get("gpus") or ()), *(reserved or ())]
