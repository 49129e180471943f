"""Proofs: explore everything that can happen around a table, and check that no move breaks a rule.

:func:`subjects` says what can be proved of a lifecycle; each of them has a proof, or a counterexample that
is as short as it can be. What the proofs say, and what they do not, is in ``docs/verify.md``.

Example:
    >>> from states import EXPERIMENT
    >>> [proof.holds for proof in verify(EXPERIMENT)]
    [True]
"""

from collections.abc import Iterator, Sequence

from states.lifecycle import Lifecycle
from states.verify.counterexample import Counterexample
from states.verify.explore import Invariant
from states.verify.invariants import invariant
from states.verify.own import OwnStep, Position
from states.verify.proof import BACKENDS, Proof, Subject, subjects
from states.verify.situation import Situation, Step
from states.verify.world import Engine, World

__all__ = [
    "BACKENDS",
    "Counterexample",
    "Engine",
    "Invariant",
    "OwnStep",
    "Position",
    "Proof",
    "Situation",
    "Step",
    "Subject",
    "World",
    "invariant",
    "subjects",
    "verify",
]


def verify(
    lifecycle: Lifecycle, own: Sequence[Invariant] = (), *, backends: int = BACKENDS
) -> Iterator[Proof]:
    """Prove what can be proved of a lifecycle, one subject after the other; see :func:`subjects`."""
    for subject in subjects(lifecycle, own, backends=backends):
        yield subject.prove()
