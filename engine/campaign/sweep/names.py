"""Names of the experiments of a sweep: readable, short, and the same whatever else is swept over."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from engine.campaign.sweep.combinations import Params

__all__ = ["names"]

_LONGEST: Final = 80
_HASHED: Final = 8
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9_.]+")


def names(entry: str, combinations: Sequence[Params]) -> list[str]:
    """A name for each combination: the entry's, with each parameter and its value.

    A name depends on its own combination alone, so that another value in the sweep renames nothing. What
    is too long, or would be the same as another, ends in a digest of the parameters instead.

    Args:
        entry: the name of the entry, a plain name.
    """
    plain = [_plain(entry, params) for params in combinations]
    often = Counter(plain)
    return [
        name if often[name] == 1 and len(name) <= _LONGEST else _hashed(name, params)
        for name, params in zip(plain, combinations, strict=True)
    ]


def _plain(entry: str, params: Params) -> str:
    return "-".join([entry, *(f"{_slug(name)}_{_slug(value)}" for name, value in params.items())])


def _slug(value: Any) -> str:
    if isinstance(value, dict | list):
        return _digest(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return _NOT_PLAIN.sub("-", text).strip("-") or _digest(value)


def _hashed(name: str, params: Params) -> str:
    return f"{name[: _LONGEST - _HASHED - 1]}-{_digest(params)}"


def _digest(value: Any) -> str:
    written = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:_HASHED]
