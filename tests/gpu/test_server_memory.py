"""Memory of a backend's own server, of devices that do not tell how much is in use, and of other backends."""

from __future__ import annotations

from typing import Any

import pytest

from engine.health.gpu import (
    Action,
    Baseline,
    GpuPolicy,
    GpuProcess,
    Health,
    Sibling,
    Verdict,
    judge_gpu,
)
from engine.model.container import ContainerProcesses
from engine.policy import ServerMemory
from tests.gpu.readings import GPU_A, MIB, device, reading

SERVER, RUNNER, LEFT, STRANGER = 10, 11, 30, 4242
AT_READINESS = frozenset({SERVER})


def before(server_mib: int = 600, *, unified: bool = False, **more: Any) -> Baseline:
    seen = reading(
        device(
            used_mib=None if unified else server_mib,
            processes=(GpuProcess(SERVER, server_mib * MIB),),
        )
    )
    made = Baseline.of(seen, AT_READINESS, server_bytes={GPU_A: server_mib * MIB}, **more)
    assert made is not None
    return made


def judge(
    used_mib: int | None,
    *processes: GpuProcess,
    left: tuple[int, ...] = (),
    within: bool = False,
    siblings: tuple[Sibling, ...] = (),
    baseline: Baseline | None = None,
    listed: bool = True,
    **policy: object,
) -> Verdict:
    """Judge a device on which a container of server and runner, and of what is left, holds memory."""
    service = frozenset({SERVER, RUNNER})
    if within:  # the driver numbers them as the container does
        known = ContainerProcesses(frozenset({1010, 1011, *left}), frozenset({1010, 1011}), service)
    else:
        known = ContainerProcesses(service | {*left}, service)
    return judge_gpu(
        reading(device(used_mib=used_mib, processes=processes if listed else None)),
        baseline or before(),
        GpuPolicy(**policy),  # type: ignore[arg-type]
        known.pids,
        processes=known,
        siblings=siblings,
    )


LOADED = GpuProcess(RUNNER, 9000 * MIB)


class TestAnOwnServer:
    def test_may_load_its_model_at_the_first_request(self) -> None:
        verdict = judge(9600, GpuProcess(SERVER, 600 * MIB), LOADED)
        assert (verdict.health, verdict.action) == (Health.OK, Action.NONE)
        assert "holds 9000 MiB more than at readiness, which server_memory allows" in verdict.reason

    def test_is_known_by_the_containers_numbers_too(self) -> None:
        assert (
            judge(9600, GpuProcess(RUNNER, 9000 * MIB, here=True), within=True).health is Health.OK
        )

    def test_whose_amounts_are_not_told_may_have_grown(self) -> None:
        assert judge(9600, GpuProcess(RUNNER, None)).health is Health.OK

    def test_may_have_grown_where_no_process_is_listed_and_nothing_else_runs(self) -> None:
        verdict = judge(9600, listed=False)
        assert verdict.health is Health.OK
        assert "does not tell whose it is" in verdict.reason

    def test_may_not_grow_where_the_policy_says_baseline(self) -> None:
        verdict = judge(9600, LOADED, server_memory=ServerMemory.BASELINE)
        assert (verdict.health, verdict.action) == (Health.FAILING, Action.RESTART)
        assert "server_memory: any" in verdict.reason

    @pytest.mark.parametrize(("limit_mib", "health"), [(10_000, Health.OK), (8000, Health.FAILING)])
    def test_may_hold_no_more_than_its_limit(self, limit_mib: int, health: Health) -> None:
        verdict = judge(9000, LOADED, server_memory=limit_mib * MIB)
        assert verdict.health is health
        assert "server_memory" in verdict.reason

    def test_is_judged_with_all_others_by_a_percentage(self) -> None:
        assert judge(39000, LOADED, gpu_memory_threshold_pct=90.0).action is Action.KILL_LEFTOVERS


class TestWhatWasLeft:
    def test_is_a_leak_beside_a_server_that_holds_what_it_held(self) -> None:
        server = GpuProcess(SERVER, 600 * MIB)
        verdict = judge(9600, server, GpuProcess(LEFT, 9000 * MIB), left=(LEFT,))
        assert verdict.action is Action.KILL_LEFTOVERS

    def test_is_a_leak_beside_a_server_that_has_grown(self) -> None:
        verdict = judge(18600, LOADED, GpuProcess(LEFT, 9000 * MIB), left=(LEFT,))
        assert verdict.action is Action.KILL_LEFTOVERS

    def test_is_a_leak_where_amounts_are_not_told(self) -> None:
        verdict = judge(9600, GpuProcess(SERVER, None), GpuProcess(LEFT, None), left=(LEFT,))
        assert verdict.action is Action.KILL_LEFTOVERS

    def test_may_be_a_leak_where_no_process_is_listed(self) -> None:
        assert judge(9600, listed=False, left=(LEFT,)).action is Action.KILL_LEFTOVERS


class TestADeviceThatTellsNoMemory:
    """One that shares the machine's: 600 MiB in the server's process at readiness."""

    def test_is_judged_by_what_processes_hold(self) -> None:
        held = GpuProcess(SERVER, 600 * MIB), GpuProcess(LEFT, 20_000 * MIB)
        verdict = judge(None, *held, left=(LEFT,), baseline=before(unified=True))
        assert verdict.action is Action.KILL_LEFTOVERS
        assert "20600 MiB in use" in verdict.reason

    def test_is_said_to_be(self) -> None:
        verdict = judge(None, GpuProcess(SERVER, 600 * MIB), baseline=before(unified=True))
        assert verdict.health is Health.OK
        assert "judged is what processes hold that are seen" in verdict.reason

    def test_has_no_percentage(self) -> None:
        seen = reading(device(used_mib=None, total_mib=0, processes=()))
        policy = GpuPolicy(gpu_memory_threshold_pct=10)
        verdict = judge_gpu(seen, before(unified=True), policy)
        assert "gpu_memory_threshold_pct has no effect" in verdict.reason

    def test_lets_its_server_grow(self) -> None:
        assert judge(None, LOADED, baseline=before(unified=True)).health is Health.OK


class TestOtherBackends:
    """A server that holds what it held at readiness, and 9000 MiB more in use."""

    OWN = GpuProcess(SERVER, 600 * MIB)

    def of(self, *siblings: Sibling, seen: bool = False, **more: object) -> Verdict:
        strangers = (GpuProcess(STRANGER, 9000 * MIB),) if seen else ()
        return judge(9600, self.OWN, *strangers, siblings=siblings, **more)  # type: ignore[arg-type]

    def test_without_one_it_is_others_that_are_waited_for(self) -> None:
        verdict = self.of()
        assert verdict.action is Action.WAIT
        assert "others hold it" in verdict.reason

    def test_a_busy_one_is_named_by_its_process(self) -> None:
        busy = Sibling("vllm", busy=True, pids=frozenset({STRANGER}))
        verdict = self.of(busy, seen=True)
        assert verdict.action is Action.WAIT
        assert "backend vllm, in which an experiment runs, holds it (pid 4242)" in verdict.reason
        assert "share_gpus: true" in verdict.reason

    def test_a_busy_one_is_named_by_the_device_that_it_sees(self) -> None:
        verdict = self.of(Sibling("vllm", busy=True, held_bytes={GPU_A: 0}))
        assert "backend vllm, in which an experiment runs" in verdict.reason

    def test_one_on_another_device_is_not(self) -> None:
        assert "others" in self.of(Sibling("vllm", busy=True, held_bytes={"GPU-z": 9})).reason

    def test_a_busy_one_is_not_waited_for_where_gpus_are_shared(self) -> None:
        verdict = self.of(Sibling("vllm", busy=True, held_bytes={GPU_A: 0}), shared=True)
        assert verdict.health is Health.OK
        assert "backend vllm" in verdict.reason

    def test_an_idle_server_is_not_waited_for_since_it_keeps_what_it_holds(self) -> None:
        verdict = self.of(Sibling("vllm", held_bytes={GPU_A: 9000 * MIB}))
        assert verdict.health is Health.OK
        assert "the server of backend vllm holds it" in verdict.reason

    def test_what_an_idle_server_held_at_readiness_explains_nothing_new(self) -> None:
        known = before(sibling_bytes={GPU_A: 9000 * MIB})
        sibling = Sibling("vllm", held_bytes={GPU_A: 9000 * MIB})
        assert self.of(sibling, baseline=known).action is Action.WAIT
