"""What may happen: lifecycles as tables.

A lifecycle is declared once, as a table of rows. The running machine (:mod:`engine`), the diagrams and
the proofs are derived from it. This package is pure: no input or output, no clock, no threads, and it
knows nothing of Docker.
"""

from states.backend import BACKEND
from states.errors import FactMissing, LifecycleError, StateError, TransitionRefused
from states.experiment import EXPERIMENT
from states.guard import ALWAYS, Guard, fact
from states.lifecycle import ANY, SAME, Edge, Latch, Lifecycle, Row

__all__ = [
    "ALWAYS",
    "ANY",
    "BACKEND",
    "EXPERIMENT",
    "SAME",
    "Edge",
    "FactMissing",
    "Guard",
    "Latch",
    "Lifecycle",
    "LifecycleError",
    "Row",
    "StateError",
    "TransitionRefused",
    "fact",
]
