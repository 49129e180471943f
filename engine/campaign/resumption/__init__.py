"""Resuming an interrupted campaign: where it stands, and what its journal says of each run."""
