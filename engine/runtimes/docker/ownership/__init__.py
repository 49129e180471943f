"""Which containers on a daemon are dockwarden's, whose they are, and how to take them over."""
