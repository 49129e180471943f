"""The address of an engine: by DOCKER_HOST, or by the present context of the Docker CLI.

The rule is the CLI's own: ``DOCKER_HOST``, else the context that ``DOCKER_CONTEXT`` names, else the current
one. The SDK does the same, but takes the default engine where a context by that name is not found, and
finds none at all beside a folder without ``config.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from engine.errors import RuntimeUnavailable
from engine.runtimes.docker.daemon.cli_config import cli_config, config_folder

__all__ = ["leading_to"]

_DEFAULT: Final = "default"


def leading_to(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead to the engine which an environment names; none for the default one.

    Raises:
        RuntimeUnavailable: it names a context that is not there.
    """
    if environ.get("DOCKER_HOST"):
        names = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
        return {name: environ[name] for name in names if name in environ}
    folder = config_folder(environ)
    context = environ.get("DOCKER_CONTEXT") or _current_context(environ)
    return {} if context == _DEFAULT else _of_context(folder, context)


def _current_context(environ: Mapping[str, str]) -> str:
    written = cli_config(environ).get("currentContext")
    return str(written or _DEFAULT)


def _of_context(folder: Path, name: str) -> dict[str, str]:
    """The variables for a context, from the CLI's store: a folder by the digest of its name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    endpoint = _json(folder / "contexts" / "meta" / digest / "meta.json").get("Endpoints", {})
    host = endpoint.get("docker", {}).get("Host")
    if not host:
        raise RuntimeUnavailable(
            f"the Docker context {name!r} is not there, or names no engine; see 'docker context ls', and"
            " what DOCKER_CONTEXT says"
        )
    found = {"DOCKER_HOST": str(host)}
    certificates = folder / "contexts" / "tls" / digest / "docker"
    if certificates.is_dir():
        verify = "" if endpoint["docker"].get("SkipTLSVerify") else "1"
        found |= {"DOCKER_CERT_PATH": str(certificates), "DOCKER_TLS_VERIFY": verify}
    return found


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
