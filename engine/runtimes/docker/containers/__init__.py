"""Containers, networks, volumes and images: how they are made, started and stopped."""
