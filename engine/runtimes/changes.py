"""The present changes of a project's services, for runtimes that can make changed containers."""

from __future__ import annotations

from attrs import define, field

from engine.errors import InputError
from engine.model.service_change import ServiceChange
from engine.model.spec import Project, ServiceSpec
from engine.runtimes.base import Changeable, Runtime

__all__ = ["Changes", "check_changeable"]


@define
class Changes:
    """The change of each service that has one; what is made next is made with it."""

    _of: dict[str, ServiceChange] = field(factory=dict, init=False)

    def set(self, service: str, change: ServiceChange | None) -> None:
        """Make the service with this change from now on; None for as its file has it."""
        if change is None:
            self._of.pop(service, None)
        else:
            self._of[service] = change

    def of(self, service: str) -> ServiceChange | None:
        """The change of a service; None where it has none."""
        return self._of.get(service)

    def spec(self, project: Project, service: str) -> ServiceSpec:
        """The service, with its change."""
        spec, change = project.services[service], self._of.get(service)
        return spec if change is None else change.applied(spec)

    def gives_command(self, service: str) -> bool:
        """Whether the service is given a command, which then always runs: it is what is measured."""
        change = self._of.get(service)
        return change is not None and change.command is not None


def check_changeable(runtime: Runtime, service: str, change: ServiceChange | None) -> None:
    """See that a runtime can make a service's container with a change.

    Raises:
        InputError: it cannot.
    """
    if change is not None and not isinstance(runtime, Changeable):
        raise InputError(
            f"{service}: the runtime {runtime.name} cannot change what a service is made with; use another"
            " runtime, or leave service_env and service_command out"
        )
