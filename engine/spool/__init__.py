"""The output of containers, and how it becomes results: the only files that both sides can reach.

A container mounts its backend's *spool*, and nothing else of the controller's folders. Each command has a
*slot* in it, a folder with the files that its output goes to. When the command has ended, its output is
copied out of the slot into a folder that no container sees, and the slot is removed.

A container may put anything in place of what lies in its spool. So nothing in a spool is reached by path:
it is opened component by component through directory descriptors, symbolic links are never followed, and
only regular files with one link are read, up to a bound.
"""

from __future__ import annotations

from engine.spool.below import read_below
from engine.spool.handed import handed_variables
from engine.spool.main_log import MainLog, logs_of
from engine.spool.private import close_to_others, make_private, vacate
from engine.spool.slot import Collected, Slot, Unkept
from engine.spool.spool import SPOOL, Spool, SpoolUnusable, kept_log, output_of

__all__ = [
    "SPOOL",
    "Collected",
    "MainLog",
    "Slot",
    "Spool",
    "SpoolUnusable",
    "Unkept",
    "close_to_others",
    "handed_variables",
    "kept_log",
    "logs_of",
    "make_private",
    "output_of",
    "read_below",
    "vacate",
]
