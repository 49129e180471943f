"""Whether what services wait for can come to pass."""

from __future__ import annotations

from collections.abc import Sequence

from docker.api import APIClient

from engine.errors import LaunchFailed
from engine.model.spec import Condition, HealthCheck, Project, ServiceSpec
from engine.runtimes.docker.containers.images import image_name

__all__ = ["check_conditions"]


def check_conditions(client: APIClient, project: Project, specs: Sequence[ServiceSpec]) -> None:
    """Check that what others wait for to be healthy has a health check, its own or its image's.

    Args:
        specs: the services that are to run; their images are on the engine.

    Raises:
        LaunchFailed: one has none, which is an error for Compose too.
    """
    by_name = {spec.name: spec for spec in specs}
    for spec in specs:
        for name, dependency in spec.depends_on.items():
            awaited = by_name.get(name)
            if (
                awaited is not None
                and dependency.condition is Condition.HEALTHY
                and not _has_check(client, project, awaited)
            ):
                reason = (
                    f"it waits for {name!r} to be healthy, and neither the file nor the image gives"
                    f" {name!r} a health check: write one, or wait for service_started"
                )
                raise LaunchFailed(spec.name, reason, curable=False)


def _has_check(client: APIClient, project: Project, spec: ServiceSpec) -> bool:
    test = (spec.healthcheck or HealthCheck()).test
    if test is None:
        config = client.inspect_image(image_name(project, spec))["Config"]
        test = tuple((config.get("Healthcheck") or {}).get("Test") or ())
    return test[:1] not in {(), ("NONE",)}
