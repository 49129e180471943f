"""The settings of the Docker CLI: ``config.json`` in the folder that ``DOCKER_CONFIG`` names, or ``~/.docker``."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

__all__ = ["cli_config", "config_folder", "forget_missing_helpers"]

_LOG: Final = logging.getLogger(__name__)
_NO_REGISTRY: Final = "none.invalid"


def config_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the CLI's settings."""
    return Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def cli_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """The CLI's settings; empty where there are none, or none that can be read."""
    try:
        found = json.loads((config_folder(environ) / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def forget_missing_helpers(credentials: MutableMapping[str, Any]) -> None:
    """Take out of the SDK's settings the credential helpers that are not installed.

    As ``docker pull`` does, images are then pulled without them; the SDK would refuse to.

    Args:
        credentials: ``credsStore`` and ``credHelpers``, as in ``config.json``; changed.
    """
    helpers = credentials.get("credHelpers") or {}
    missing = [registry for registry, helper in helpers.items() if _is_missing(helper)]
    for registry in missing:
        del helpers[registry]
    if credentials.get("credsStore") and _is_missing(credentials["credsStore"]):
        missing.append(credentials.pop("credsStore"))
    if missing:
        # Settings that say nothing are read again by the SDK, from the file.
        credentials.setdefault("auths", {})[_NO_REGISTRY] = {}


def _is_missing(helper: str) -> bool:
    program = f"docker-credential-{helper}"
    missing = shutil.which(program) is None
    if missing:
        _LOG.info("%s, which the Docker CLI's config.json names, is not on the PATH", program)
    return missing
