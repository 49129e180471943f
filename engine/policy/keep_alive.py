"""Which services have to be kept up by a command of ours.

The images of this field often have no long-running command of their own (``CMD ["tool", "--help"]``), or
one that serves a model, while a backend only has to stay up and take experiments by exec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.model.spec import Project
from engine.policy import BackendPolicy

__all__ = ["DEFAULT", "keep_alives"]

DEFAULT: Final = ("sleep", "infinity")


def keep_alives(
    project: Project, policies: Mapping[str, BackendPolicy]
) -> dict[str, tuple[str, ...]]:
    """The keep-alive command of each service that has one.

    What a policy declares goes first. Else a service keeps the command that its file gives it; without
    one it is kept alive by ``sleep infinity``, unless another service depends on it: what others depend
    on is wanted for what its image does by itself.
    """
    dependencies = {name for spec in project.services.values() for name in spec.depends_on}
    keep: dict[str, tuple[str, ...]] = {}
    for name, spec in project.services.items():
        declared = policies[name].keep_alive if name in policies else None
        if declared is not None:
            keep[name] = declared
        elif spec.command is None and spec.entrypoint is None and name not in dependencies:
            keep[name] = DEFAULT
    return keep
