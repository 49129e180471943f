"""A whole campaign: sixty short experiments on three backends, from the command to the last line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.measure import Turn
from benchmarks.stage import Stage, seconds, stage

__all__ = ["EXEC_LOOP", "OURS", "RUN_LOOP", "campaign"]

OURS: Final = "dockwarden run"
EXEC_LOOP: Final = "up, a shell loop of docker compose exec, down"
RUN_LOOP: Final = "a shell loop of docker compose run --rm"

_BACKENDS: Final = 3
_EXPERIMENTS: Final = 60
_EXPERIMENT: Final = ["sleep", "0.1"]


@contextmanager
def campaign() -> Iterator[Sequence[Turn]]:
    """Each side runs the same commands and takes everything down at its end."""
    with stage("campaign", services=_BACKENDS) as here:
        experiment = {
            "name": "short",
            "backend": list(here.services),
            "command": _EXPERIMENT,
            "repeat": _EXPERIMENTS // _BACKENDS,
        }
        file = here.campaign([experiment], parallel=True)
        command = [Path(sys.executable).with_name("dockwarden"), "run", "--fresh", "-q", file]
        yield (
            lambda: {OURS: seconds(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)},
            lambda: {EXEC_LOOP: _loop(here, "up -d --wait", "exec -T")},
            # Three runs side by side, on a network that is not there yet, would each try to make it.
            lambda: {RUN_LOOP: _loop(here, "up --no-start", "run --rm -T")},
        )


def _loop(here: Stage, before: str, verb: str) -> float:
    """As one writes it in a shell: the backends side by side, on each one experiment after the other.

    Args:
        before: what Compose is asked for first.
        verb: what each experiment is run by.

    Raises:
        subprocess.CalledProcessError: a command failed; what failed early would be fast.
    """
    compose = f"docker compose -f '{here.compose_file}' -p bench-campaign-peer"
    each = "; ".join(
        f"(for i in $(seq {_EXPERIMENTS // _BACKENDS}); do"
        f' {compose} {verb} {service} {" ".join(_EXPERIMENT)} || exit; done) & pids="$pids $!"'
        for service in here.services
    )
    seen = "failed=0; for pid in $pids; do wait $pid || failed=1; done"
    script = f"{compose} {before} || exit; {each}; {seen}; {compose} down -t 0 && exit $failed"
    return seconds(subprocess.run, ["sh", "-c", script], check=True, capture_output=True)
