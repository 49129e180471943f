"""The model that ``docker compose config`` prints, as a document like those that our reader makes of files."""

from __future__ import annotations

from typing import Any

from engine.compose.files import Document

__all__ = ["printed_document"]


def printed_document(model: dict[str, Any], file: str) -> Document:
    """The document, without the quirks of Compose's printing.

    A limit of 0 and an empty list are left out there; a device without a count is none, and not all of
    them as in a file; and dollar signs are doubled in keys as well, which are not interpolated when read.

    Args:
        model: what was printed.
        file: the files it came from, for errors.
    """
    data = {key: _undoubled(value) for key, value in model.items() if not key.startswith("x-")}
    for service in data.get("services", {}).values():
        service.pop("label_file", None)  # printed by 5.6, which has put its labels in as well
        for name, limit in (service.get("ulimits") or {}).items():
            if isinstance(limit, dict):
                service["ulimits"][name] = {"soft": 0, "hard": 0, **limit}
        for device in _devices(service):
            device.setdefault("capabilities", [])
            if not device.get("device_ids"):
                device.setdefault("count", 0)
    return Document(file, data, is_printed=True)


def _undoubled(value: Any) -> Any:
    """The value with plain dollar signs in the keys of its mappings."""
    if isinstance(value, dict):
        return {key.replace("$$", "$"): _undoubled(inner) for key, inner in value.items()}
    return [_undoubled(each) for each in value] if isinstance(value, list) else value


def _devices(service: dict[str, Any]) -> list[dict[str, Any]]:
    resources = (service.get("deploy") or {}).get("resources") or {}
    reserved = (resources.get("reservations") or {}).get("devices")
    return [*(service.get("gpus") or ()), *(reserved or ())]
