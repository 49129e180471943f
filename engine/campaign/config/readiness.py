"""The readiness of a backend in a campaign file: a strict parser."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from engine.campaign.config.values import WrongValue, argv, boolean, count, kind, text
from engine.measurements.lines import compiled
from engine.policy import HttpAnswer, Ready
from engine.util.nearest import nearest

__all__ = ["ready"]


def _pattern(value: Any) -> str:
    pattern = text(value)
    try:
        compiled(pattern)
    except ValueError as error:
        raise WrongValue(str(error)) from error
    return pattern


_HTTP: Final = {
    "http": text,
    "status": count(100, 599),
    "contains": text,
    "outside": boolean,
}
_KEYS: Final = {
    "log": _pattern,
    **_HTTP,
    "tcp": count(1, 65535),
    "file": text,
    "command": argv,
    "warm_up": argv,
}


def ready(value: Any) -> Ready:
    """``{http: "http://localhost:8000/health", contains: ok}``."""
    if not isinstance(value, dict):
        raise WrongValue(
            f"must be a mapping such as {{http: 'http://localhost:8000/health'}}, and is {kind(value)}"
        )
    found: dict[str, Any] = {}
    for key, written in value.items():
        if key not in _KEYS:
            instead = nearest(str(key), _KEYS) or f"; known here are {', '.join(_KEYS)}"
            raise WrongValue(f"has an unknown key {key!r}{instead}")
        try:
            found[key] = _KEYS[key](written)
        except WrongValue as error:
            raise WrongValue(f"its {key} {error}") from error
    if "file" in found and not found["file"].startswith("/"):
        raise WrongValue("its file must be an absolute path in the container")
    http = {key: found.pop(key) for key in _HTTP if key in found}
    if http and "http" not in http:
        raise WrongValue(f"has {', '.join(http)} without http; say which URL is asked")
    return Ready(http=_http(**http) if http else None, **found)


def _http(http: str, **more: Any) -> HttpAnswer:
    try:
        parts = urlsplit(http)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise WrongValue("its http must be a URL such as http://localhost:8000/health")
    return HttpAnswer(http, **more)
