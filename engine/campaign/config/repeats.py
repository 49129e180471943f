"""Repeats until a metric is known precisely, in a campaign file: a strict parser."""

from __future__ import annotations

import re
from typing import Any, Final

from engine.campaign.config.values import WrongValue, count, kind, text
from engine.campaign.model import Until
from engine.util.nearest import nearest

__all__ = ["until"]

_KEYS: Final = ("metric", "ci", "at_most", "at_least")
_SHARE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)
_MOST: Final = 1000
_LEAST: Final = 2


def until(value: Any) -> Until:
    """``{metric: tokens_per_s, ci: 2 %, at_most: 20}``."""
    if not isinstance(value, dict):
        raise WrongValue(
            f"must be a mapping such as {{metric: tokens_per_s, ci: 2 %, at_most: 20}}, and is {kind(value)}"
        )
    for key in value:
        if key not in _KEYS:
            instead = nearest(str(key), _KEYS) or f"; known here are {', '.join(_KEYS)}"
            raise WrongValue(f"has an unknown key {key!r}{instead}")
    for key in _KEYS[:3]:
        if value.get(key) is None:
            raise WrongValue(f"needs {key}")
    at_most = _read("at_most", count(_LEAST, _MOST), value["at_most"])
    at_least = _read("at_least", count(_LEAST, at_most), value.get("at_least", min(3, at_most)))
    return Until(
        _read("metric", text, value["metric"]), _read("ci", _share, value["ci"]), at_most, at_least
    )


def _read(key: str, parse: Any, value: Any) -> Any:
    try:
        return parse(value)
    except WrongValue as error:
        raise WrongValue(f"its {key} {error}") from error


def _share(value: Any) -> float:
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not 0 < float(match[1]) <= 100:  # noqa: PLR2004 - per cent
        raise WrongValue("must be a share of the mean with its sign, such as 2 %")
    return float(match[1]) / 100
