"""One module for each command of ``dockwarden``."""
