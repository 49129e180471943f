"""Changes of a service for an experiment: parameters of the backend's server."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import Any

from attrs import evolve, field, frozen

from engine.model.spec import ServiceSpec
from engine.util.redaction import masked

__all__ = ["ServiceChange"]


@frozen
class ServiceChange:
    """The differences from the service of the compose file. Equal changes make the same container.

    Attributes:
        environment: variables that are added to the service's own, or replace them.
        command: the service's command, an argument vector; None keeps that of the file. The entrypoint stays.
    """

    environment: Mapping[str, str] = field(factory=dict, repr=False)
    command: tuple[str, ...] | None = None

    def __hash__(self) -> int:
        """Equal changes have the same."""
        return hash((frozenset(self.environment.items()), self.command))

    def applied(self, spec: ServiceSpec) -> ServiceSpec:
        """The service with this change."""
        return evolve(
            spec,
            environment={**spec.environment, **self.environment},
            environment_unset=tuple(
                name for name in spec.environment_unset if name not in self.environment
            ),
            command=spec.command if self.command is None else self.command,
        )

    def without(self, marked: Collection[str]) -> ServiceChange:
        """The change without secret values.

        Args:
            marked: names of variables whose values are secret regardless of their names.
        """
        return evolve(self, environment=masked(self.environment, marked))

    def to_plain(self) -> dict[str, Any]:
        """It as plain data, for a record; only what is changed."""
        plain: dict[str, Any] = {}
        if self.environment:
            plain["env"] = dict(self.environment)
        if self.command is not None:
            plain["command"] = list(self.command)
        return plain

    def __str__(self) -> str:
        """It in words; take the secrets out first: :meth:`without`."""
        told = [f"{name}={value}" for name, value in self.environment.items()]
        if self.command is not None:
            told.append(f"command {shlex.join(self.command)}")
        return ", ".join(told)
