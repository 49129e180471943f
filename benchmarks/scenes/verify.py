"""The proof of the built-in lifecycle, by the number of backends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from benchmarks.measure import Turn
from states import BACKEND
from states.verify import subjects

__all__ = ["PER_STATE", "SECONDS", "verify"]

SECONDS: Final = "seconds for all proofs, of backends up to"
PER_STATE: Final = "seconds a state, backends:"


@contextmanager
def verify() -> Iterator[Sequence[Turn]]:
    """All subjects in turn; the figure of three backends counts the proofs of one and of two."""
    yield (_prove,)


def _prove() -> dict[str, float]:
    measured: dict[str, float] = {}
    began = time.process_time()
    for number, subject in enumerate(subjects(BACKEND), start=1):
        alone = time.process_time()
        proof = subject.prove()
        assert proof.holds, proof
        now = time.process_time()
        measured[f"{SECONDS} {number}"] = now - began
        measured[f"{PER_STATE} {number}"] = (now - alone) / proof.states
    return measured
