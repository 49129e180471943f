"""Declare what may happen: lifecycles as tables.

A lifecycle is declared once, as a table of rows. The running machine (:mod:`engine`), the diagrams and
the proofs are derived from it. This package is pure: no input or output, no clock, no threads, and it
knows nothing of Docker.
"""

from states.backend import BACKEND, BackendAction, BackendEvent, BackendState
from states.errors import FactMissing, StateError, TransitionRefused
from states.experiment import EXPERIMENT, ExperimentEvent, ExperimentState
from states.guard import ALWAYS, Guard, fact
from states.lifecycle import Lifecycle, LifecycleError
from states.table import ANY, SAME, Edge, Latch, Row

__all__ = [
    "ALWAYS",
    "ANY",
    "BACKEND",
    "EXPERIMENT",
    "SAME",
    "BackendAction",
    "BackendEvent",
    "BackendState",
    "Edge",
    "ExperimentEvent",
    "ExperimentState",
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
