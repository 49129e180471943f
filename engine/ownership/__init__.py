"""The owner of a container, a network or a process: a living controller, a dead one, or a stranger."""
