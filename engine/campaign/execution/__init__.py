"""Carrying a campaign out: queues of runs, the pool of backends, attempts, and the shutdown."""
