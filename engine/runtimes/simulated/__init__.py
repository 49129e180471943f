"""The simulated runtime: containers in memory, on a virtual clock, with seeded faults.

:mod:`.world` is what is true, :mod:`.line` what is seen of it, :mod:`.faults` what goes wrong, and
:mod:`.programs` what commands do. ``docs/simulation.md`` tells how to use it.
"""

from engine.runtimes.simulated.daemon import Happened, World
from engine.runtimes.simulated.faults import CATALOGUE, Fault, Faults, Strikes
from engine.runtimes.simulated.processes import Process, Program, idle, lasting
from engine.runtimes.simulated.programs import Commands, EachLasts
from engine.runtimes.simulated.runtime import SimulatedRuntime

__all__ = [
    "CATALOGUE",
    "Commands",
    "EachLasts",
    "Fault",
    "Faults",
    "Happened",
    "Process",
    "Program",
    "SimulatedRuntime",
    "Strikes",
    "World",
    "idle",
    "lasting",
]
