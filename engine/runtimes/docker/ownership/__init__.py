"""Find dockwarden's containers on a daemon and their owners, and take them over."""
