"""The docker runtime: the Docker SDK for Python, against any engine that speaks its API."""
