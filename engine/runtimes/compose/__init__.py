"""The compose runtime: real Compose makes the containers, the Docker SDK runs and watches them.

Everything that a compose file can say takes effect: networks, secrets, configs, builds, hooks, ``include``, profiles. It
needs the extra ``compose`` (python-on-whales), the Docker CLI and its Compose plugin.
"""
