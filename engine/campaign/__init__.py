"""Campaigns: a list of experiments, run on backends, recorded as they come.

The way of a campaign: a file (:mod:`.load`, :mod:`.model`), the runs it means in their order
(:mod:`.plan`), the runs carried out (:mod:`.runner`), what is written of them (:mod:`.records`) and what
is said in the end (:mod:`.summary`).
"""
