"""The proxies that the Docker CLI's settings name: variables of every container and build, as with Compose."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from attrs import evolve

from engine.model.spec import Project, ServiceSpec
from engine.runtimes.docker.daemon.cli_config import cli_config
from engine.runtimes.docker.daemon.endpoint import leading_to

__all__ = ["proxies", "with_proxies"]

_DEFAULT: Final = "default"
_DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
_VARIABLES: Final = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "noProxy": "NO_PROXY",
    "ftpProxy": "FTP_PROXY",
    "allProxy": "ALL_PROXY",
}


def proxies(engine: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for the containers of an engine, in both spellings; none where no proxies are named.

    Args:
        engine: the variables that lead to it (``DOCKER_HOST`` and the like); None for the engine that
            the environment or the CLI's context names.

    Raises:
        RuntimeUnavailable: there are proxies, and a context is named that is not there.
    """
    named = cli_config(os.environ).get("proxies")
    if not isinstance(named, dict):
        return {}
    host = leading_to(os.environ if engine is None else engine).get("DOCKER_HOST")
    chosen = named.get(host or _DEFAULT_HOST) or named.get(_DEFAULT)
    settings = chosen if isinstance(chosen, dict) else {}
    upper = {
        variable: str(settings[key]) for key, variable in _VARIABLES.items() if settings.get(key)
    }
    return upper | {name.lower(): value for name, value in upper.items()}


def with_proxies(project: Project, variables: Mapping[str, str]) -> Project:
    """The project with these variables in each container and build that does not set them itself."""
    if not variables:
        return project

    def given(spec: ServiceSpec) -> ServiceSpec:
        kept = {k: v for k, v in variables.items() if k not in spec.environment_unset}
        build = spec.build and evolve(spec.build, args={**variables, **spec.build.args})
        return evolve(spec, environment={**kept, **spec.environment}, build=build)

    return evolve(project, services={name: given(spec) for name, spec in project.services.items()})
