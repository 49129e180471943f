"""How much the tests of compose files try: ``COMPOSE_CASES=all`` (``make compose``) tries everything."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import settings

__all__ = ["ALL", "some"]

ALL: Final = os.environ.get("COMPOSE_CASES") == "all"
_SHARE: Final = 4 if ALL else 1


def some(examples: int = 25) -> settings:
    """Settings of a property test: so many examples, or four times as many."""
    return settings(max_examples=examples * _SHARE, deadline=None)
