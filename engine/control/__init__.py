"""Collaborators of the controller and the manager: starting, teardown, and use from other threads."""
