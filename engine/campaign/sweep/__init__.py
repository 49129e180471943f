"""Sweeps: one entry of a campaign that stands for an experiment of each combination of parameters.

Pure: the combinations, their names, and what templates become with them. The campaign file's side of it is
:mod:`engine.campaign.config.sweeps`.
"""

from engine.campaign.sweep.combinations import Params, Sweep, combinations, size
from engine.campaign.sweep.names import names
from engine.campaign.sweep.templates import Template, TemplateError

__all__ = ["Params", "Sweep", "Template", "TemplateError", "combinations", "names", "size"]
