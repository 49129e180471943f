"""Words that steer: escapes for terminals, formulas for spreadsheets, elements for a page."""

from __future__ import annotations

import re
from typing import Final

from tests.hostile.trick import Completes, Trick

__all__ = ["SAID", "STEERS", "WORDS"]

SAID: Final = {
    "title": r"\033]0;HOSTILE\007",
    "clipboard": r"\033]52;c;SE9TVElMRQ==\007HOSTILE",
    "colour": r"\033[7777mHOSTILE",
    "one-byte": r"\302\2337777mHOSTILE",
    "bell": r"\007HOSTILE",
    "backspace": r"safe\010\010\010\010HOSTILE",
    "right-to-left": r"\342\200\256HOSTILE",
    "line-separator": r"\342\200\250HOSTILE",
    "no-text": r"\377\376\000HOSTILE",
    "formula": r"=cmd|HOSTILE!A1",
    "element": r"</script><hostile onload=1>HOSTILE</hostile><img src=x onerror=HOSTILE>",
}
"""Words that steer, as ``printf`` writes them."""

STEERS: Final = re.compile(
    r"(?:\x1b\]0;|\x1b\[7777m|\x9b7777m|\x07|\x08|\u202e|\u2028|\x00|\x1b\]52;[^H]*)HOSTILE"
)
"""What must be in nothing that is printed: a control character of a container's, and what it steers by it."""

WORDS: Final = (
    *(
        Trick(
            f"says-{name}",
            f"it writes {text}",
            f"printf '{text}\\n'; printf '{text}' >&2; exit 1",
            Completes(1),
        )
        for name, text in SAID.items()
    ),
    Trick(
        "says-much",
        "it writes one line of 3 MB",
        "head -c 3000000 /dev/zero | tr '\\0' x; exit 1",
        Completes(1),
    ),
)
