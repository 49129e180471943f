"""The health status that users get."""

from __future__ import annotations

import pytest

from engine.health.gpu import OK, Action, ContainerHealthStatus, GpuReading, Health, Verdict
from tests.gpu.readings import GPU_A, GPU_B, device, reading


def test_the_three_fields_that_it_began_with_suffice() -> None:
    status = ContainerHealthStatus(service="pytorch", healthy=True, reason="OK")
    assert (status.service, status.healthy, status.reason) == ("pytorch", True, "OK")
    assert status.gpu_memory_used_gb is None
    assert status.gpu_memory_total_gb is None
    assert (status.verdict, status.devices, status.action) == (Health.OK, (), Action.NONE)


def test_the_five_fields_that_it_began_with_may_come_by_position() -> None:
    status = ContainerHealthStatus("pytorch", False, "full", 70.0, 80.0)
    assert (status.gpu_memory_used_gb, status.gpu_memory_total_gb) == (70.0, 80.0)
    assert status.verdict is Health.FAILING


def test_of_a_verdict_and_what_it_was_made_from() -> None:
    seen = reading(device(GPU_A, used_mib=1024), device(GPU_B, used_mib=512))
    status = ContainerHealthStatus.of("pytorch", OK, seen)
    assert status.healthy
    assert (status.gpu_memory_used_gb, status.gpu_memory_total_gb) == (1.5, 80.0)
    assert status.devices == seen.devices


def test_slices_stand_for_the_gpu_that_they_are_cut_from() -> None:
    whole = device(GPU_A, used_mib=9999, mig=True)
    seen = reading(whole, device("MIG-1", used_mib=1024, total_mib=2048, parent_uuid=GPU_A))
    status = ContainerHealthStatus.of("pytorch", OK, seen)
    assert (status.gpu_memory_used_gb, status.gpu_memory_total_gb) == (1.0, 2.0)
    assert len(status.devices) == 2


@pytest.mark.parametrize(
    ("health", "healthy"), [(Health.OK, True), (Health.UNKNOWN, True), (Health.FAILING, False)]
)
def test_unknown_is_not_unhealthy(health: Health, *, healthy: bool) -> None:
    status = ContainerHealthStatus.of("pytorch", Verdict(health, "why"), GpuReading(unreadable="?"))
    assert (status.healthy, status.verdict, status.reason) == (healthy, health, "why")
    assert status.gpu_memory_used_gb is None
