"""Proposing a known name for one that is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

__all__ = ["nearest"]


def nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """A clause that proposes the known name nearest to this one; empty if none is near."""
    found = get_close_matches(name, [str(one) for one in known], n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
