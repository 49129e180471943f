"""The secret values of a compose project."""

from __future__ import annotations

from collections.abc import Iterable

from engine.model.spec import Project
from engine.util.redaction import Secrets

__all__ = ["project_secrets"]


def project_secrets(project: Project, marked: Iterable[str] = ()) -> Secrets:
    """The secrets that a project can hold: those of its services, their builds, and its variables.

    Args:
        marked: names of variables whose values are secret, regardless of their names.
    """
    services = project.services.values()
    builds = [service.build.args for service in services if service.build is not None]
    environments = [service.environment for service in services]
    files = {
        file.target: file.content for service in services for file in service.files if file.secret
    }
    return Secrets.of(project.variables, *environments, *builds, files, marked={*marked, *files})
