"""The rule for names that become part of a path, a label, or the name of a container."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["RULE", "is_plain"]

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")

RULE: Final = "letters, digits, '.', '_' and '-', a letter or digit first, at most 80 characters"
"""The rule in words: a name cannot leave its folder, be taken for an option, or add a line."""


def is_plain(name: str) -> bool:
    """Whether a name keeps to :data:`RULE`."""
    return _PLAIN.fullmatch(name) is not None
