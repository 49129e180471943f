"""The Docker daemon: how to reach it, its event stream, and waiting while it is away."""
