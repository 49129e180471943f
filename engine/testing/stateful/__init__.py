"""Property tests of lifecycles and of the engine around them; ``docs/harness.md`` shows how to use them.

They need hypothesis: ``pip install 'dockwarden[testing]'``.
"""

from engine.errors import MissingExtra

try:
    import hypothesis as _hypothesis  # noqa: F401 - to say what is missing, before the rest is imported
except ModuleNotFoundError as missing:
    raise MissingExtra("the property-test harness", "testing") from missing

from engine.testing.stateful.backend import BackendMachine
from engine.testing.stateful.coverage import BEGINNING, Coverage, Never
from engine.testing.stateful.edge_driver import NEVER
from engine.testing.stateful.lifecycle import LifecycleMachine
from engine.testing.stateful.oracle import RULES
from engine.testing.stateful.reference_model import Prediction
from engine.testing.stateful.suites import BackendSuite, LifecycleSuite

__all__ = [
    "BEGINNING",
    "NEVER",
    "RULES",
    "BackendMachine",
    "BackendSuite",
    "Coverage",
    "LifecycleMachine",
    "LifecycleSuite",
    "Never",
    "Prediction",
]
