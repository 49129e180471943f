"""The shape of what is sent to the engine."""

from __future__ import annotations

from typing import Any

__all__ = ["Body", "present"]

Body = dict[str, Any]


def present(body: Body) -> Body:
    """Without what says nothing: None, and empty containers where empty is the engine's default."""
    meaningful = ("Cmd", "Entrypoint", "ExtraHosts", "MaskedPaths", "PortBindings", "ReadonlyPaths")
    return {
        key: value
        for key, value in body.items()
        if value is not None and (key in meaningful or value not in ({}, [], ""))
    }
