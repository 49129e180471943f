"""Campaigns under kills of controllers, watchdogs and daemons; ``python -m tests.chaos --help``.

What must hold is checked from independent evidence: a witness file that each experiment appends to, outside of
results and spool, the journal, ``results.jsonl``, ``dockwarden history`` and the engine's list of what is there.
"""
