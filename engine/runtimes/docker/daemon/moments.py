"""How an engine writes a moment: RFC 3339, to the nanosecond, in UTC or with the offset of its time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

__all__ = ["moment_ns"]

_NS: Final = 1_000_000_000
_FRACTION: Final = re.compile(r"\.(\d{1,9})")


def moment_ns(written: str) -> int:
    """A moment as an engine wrote it, as nanoseconds since the epoch.

    Raises:
        ValueError: It is no moment.
    """
    fraction = _FRACTION.search(written)
    moment = datetime.fromisoformat(_FRACTION.sub("", written))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime.fromtimestamp(0, UTC)
    seconds = since.days * 86_400 + since.seconds
    return seconds * _NS + int(fraction[1].ljust(9, "0") if fraction else 0)
