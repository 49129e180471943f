"""Scripts that run inside a container: small, for a POSIX shell, with nothing but ``sh`` and coreutils.

One of them looks for a Python, for the probe of the GPUs; it can do without.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

__all__ = [
    "END",
    "EXISTS",
    "GPU_PROBE",
    "GPU_PROBE_PY",
    "GPU_PROBE_SH",
    "HTTP_GET",
    "LISTENS",
    "MARK",
    "RUN",
    "SIGNAL",
]


def _script(name: str) -> str:
    """A script without its comments, since it shows in the engine's events and in lists of processes."""
    lines = files(__name__).joinpath(name).read_text().splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


MARK: Final = "DOCKWARDEN_REQUEST"
"""The environment variable by which all processes of a request are known, wherever they move to."""

RUN: Final = _script("run.sh")
"""Runs a command: ``sh -c RUN dockwarden FOLDER COMMAND [ARGUMENT ...]``."""

END: Final = _script("end.sh")
"""Ends what a request left: ``sh -c END dockwarden MARK=ID FOLDER HUNDREDTHS GRACE_TENTHS WHOSE``.

Exit code 0: none is left. The script says what its arguments are.
"""

SIGNAL: Final = _script("signal.sh")
"""Signals processes: ``sh -c SIGNAL dockwarden NAME SHELL PID:START ...``, with their numbers in the container.

SHELL is the one around a command, or ``-``; it is signalled first, and only while its command runs.
"""

GPU_PROBE_PY: Final = _script("gpu_probe.py")
"""Prints what NVML shows: ``python3 -c GPU_PROBE_PY [SECONDS]``."""

GPU_PROBE_SH: Final = _script("gpu_probe.sh")
"""Finds a Python for it, else asks nvidia-smi: ``sh -c GPU_PROBE_SH dockwarden GPU_PROBE_PY [SECONDS]``."""

GPU_PROBE: Final = ("sh", "-c", GPU_PROBE_SH, "dockwarden", GPU_PROBE_PY)
"""The argument vector to run; :func:`engine.health.gpu.parse` reads its standard output."""

HTTP_GET: Final = ("sh", "-c", _script("http_get.sh"), "dockwarden")
"""The beginning of an argument vector that makes an HTTP request; a URL and a number of seconds follow."""

LISTENS: Final = ("sh", "-c", _script("listens.sh"), "dockwarden")
"""Likewise of one that tells whether something listens on a TCP port, which follows."""

EXISTS: Final = ("sh", "-c", '[ -e "$1" ]', "dockwarden")
"""Likewise of one that tells whether there is something at a path, which follows."""
