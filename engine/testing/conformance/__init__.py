"""The conformance suite of runtimes, to subclass.

Needs pytest (``pip install 'dockwarden[testing]'``).
"""

from engine.testing.conformance.suite import (
    AdoptionBehaviour,
    CommandBehaviour,
    ContainerBehaviour,
    HandingBackBehaviour,
    RuntimeConformance,
)

__all__ = [
    "AdoptionBehaviour",
    "CommandBehaviour",
    "ContainerBehaviour",
    "HandingBackBehaviour",
    "RuntimeConformance",
]
