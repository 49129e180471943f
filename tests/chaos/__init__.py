"""Campaigns whose controller is killed again and again; ``python -m tests.chaos --help``.

What must hold is checked from evidence of its own: a diary that each experiment keeps itself, the journal,
``results.jsonl``, ``dockwarden history`` and the engine's list of what is there.
"""
