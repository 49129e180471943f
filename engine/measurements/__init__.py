"""From what a command has left behind to its metrics: numbers with names and units.

Everything that is read here may come from a container: it is bounded, and what cannot be used becomes a
warning, never an error.
"""

from __future__ import annotations

from engine.measurements.measure import measure

__all__ = ["measure"]
