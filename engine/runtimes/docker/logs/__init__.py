"""Bring the output of main processes from the engine into the results."""
