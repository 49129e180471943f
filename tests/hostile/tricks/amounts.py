"""More output than an attempt may have: in one file, in many, in holes, and while it is being copied."""

from __future__ import annotations

from typing import Any, Final

from tests.hostile.trick import Completes, Either, Fails, Trick

__all__ = ["AMOUNTS"]

_LIMIT: Final[dict[str, Any]] = {"max_output": "1m"}
_TOO_MUCH: Final = Fails(r"bytes of output|bytes, and \d+ of them are kept")

AMOUNTS: Final = (
    Trick(
        "much-in-one-file",
        "8 MB where 1 MiB is allowed",
        "head -c 8000000 /dev/zero",
        _TOO_MUCH,
        _LIMIT,
    ),
    Trick(
        "much-in-both",
        "8 MB in each of both files where 1 MiB is allowed",
        "head -c 8000000 /dev/zero; head -c 8000000 /dev/zero >&2",
        _TOO_MUCH,
        _LIMIT,
    ),
    Trick(
        "much-in-many-files",
        "1,000 files of 100 kB in its folder, where 1 MiB is allowed: none of them is output",
        'i=0; while [ $i -lt 1000 ]; do head -c 100000 /dev/zero >"$mine/$i"; i=$((i+1)); done',
        Completes(),
        _LIMIT,
    ),
    Trick(
        "holes-beyond-the-limit",
        "300 GiB of holes where 1 MiB is allowed",
        'truncate -s 300G "$mine/stdout" "$mine/stderr"',
        _TOO_MUCH,
        _LIMIT,
    ),
    Trick(
        "holes-beyond-any-disk",
        "the longest file that the file system has, with a byte at its end",
        """python3 - "$mine/stdout" <<'END'
import os, sys
for power in range(62, 40, -1):
    try:
        os.pwrite(os.open(sys.argv[1], os.O_WRONLY), b"x", 2**power)
        break
    except OSError:
        pass
END""",
        _TOO_MUCH,
        _LIMIT,
    ),
    Trick(
        "many-holes",
        "100,000 single bytes with holes between them",
        """python3 - "$mine/stdout" <<'END'
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY)
for number in range(100_000):
    os.pwrite(file, b"x", number * 8192)
END""",
        _TOO_MUCH,
        {"max_output": "100m"},
    ),
    Trick(
        "growing-without-end",
        "a process that it leaves goes on writing, deaf to signals, until it is killed",
        """(trap '' TERM HUP INT; while :; do head -c 1000000 /dev/zero; done) &""",
        Either(Completes(left=True), _TOO_MUCH),
        {"max_output": "64m"},
    ),
    Trick(
        "growing-while-copied",
        "a process that it keeps goes on writing and cutting off what is being copied",
        """(python3 - "$mine/stdout" <<'END'
import os, sys, time
file = os.open(sys.argv[1], os.O_WRONLY)
ends = time.monotonic() + 4
while time.monotonic() < ends:
    for at in range(0, 2**25, 2**20):
        os.pwrite(file, b"x" * 2**19, at)
    os.ftruncate(file, 2**12)
END
) >/dev/null 2>&1 &
head -c 30000000 /dev/zero""",
        Either(Completes(), _TOO_MUCH),
        {"max_output": "64m", "leftovers": "keep"},
    ),
)
