"""What a reading of the GPUs means: one test for each row of the table, one for each rule."""

from __future__ import annotations

import pytest

from engine.health.gpu import (
    OK,
    Action,
    Baseline,
    GpuPolicy,
    GpuProcess,
    GpuReading,
    Health,
    NvmlError,
    RemappedRows,
    judge_gpu,
)
from engine.health.gpu.rules import BY_CODE
from engine.model.results import Fault
from tests.gpu.readings import GPU_A, GPU_B, MIB, baseline, device, reading

GIVE_UP = (Action.GIVE_UP,)
AGAIN = (Action.RESTART, Action.RECREATE, Action.GIVE_UP)
ANEW = (Action.RECREATE, Action.GIVE_UP)

ROWS = [
    (9, GIVE_UP, "load it on the host"),
    (11, GIVE_UP, "reboot"),
    (12, GIVE_UP, "reinstall the driver"),
    (15, GIVE_UP, "reboot the host"),
    (16, GIVE_UP, "nvidia-smi --gpu-reset"),
    (18, GIVE_UP, "reboot the host, or reload the module"),
    (28, ANEW, "recreate the container"),
    (999, AGAIN, "restart it, then recreate it"),
]


def judge(seen: GpuReading, *, before: Baseline | None = None, own_pids=None, **policy):
    return judge_gpu(seen, before, GpuPolicy(**policy), own_pids)


class TestCodes:
    def test_every_row_of_the_table_is_tested(self) -> None:
        assert [code for code, _, _ in ROWS] == list(BY_CODE)

    @pytest.mark.parametrize(("code", "ladder", "fix"), ROWS)
    def test_of_nvml_as_a_whole(self, code: int, ladder: tuple[Action, ...], fix: str) -> None:
        verdict = judge(GpuReading(source="nvml", error=NvmlError(code, "it said")))
        assert (verdict.health, verdict.ladder) == (Health.FAILING, ladder)
        assert f"(NVML {code})" in verdict.reason
        assert fix in verdict.reason

    @pytest.mark.parametrize(("code", "ladder", "fix"), ROWS)
    def test_of_one_device(self, code: int, ladder: tuple[Action, ...], fix: str) -> None:
        broken = device(GPU_B, used_mib=None, error=NvmlError(code, "it said"))
        verdict = judge(reading(device(), broken), before=baseline(GPU_A, GPU_B))
        assert (verdict.health, verdict.ladder, verdict.devices) == (
            Health.FAILING,
            ladder,
            (GPU_B,),
        )
        assert fix in verdict.reason

    @pytest.mark.parametrize("code", [1, 4, 10, 17, 20, 23, 27, 4711, None])
    def test_any_other_is_unknown(self, code: int | None) -> None:
        verdict = judge(GpuReading(source="nvml", error=NvmlError(code, "it said")))
        assert verdict.health is Health.UNKNOWN
        assert "it said" in verdict.reason


class TestUnreadable:
    NONE_USABLE = GpuReading(unreadable="none usable")

    def test_is_unknown_and_no_reason_to_do_anything_if_it_was_so_from_the_start(self) -> None:
        verdict = judge(self.NONE_USABLE)
        assert (verdict.health, verdict.action) == (Health.UNKNOWN, Action.NONE)
        assert verdict.fault() is None

    def test_is_worth_a_restart_if_it_could_be_read_before(self) -> None:
        verdict = judge(self.NONE_USABLE, before=baseline())
        assert (verdict.health, verdict.action) == (Health.UNKNOWN, Action.RESTART)


class TestPresence:
    def test_the_same_devices_are_fine_in_any_order(self) -> None:
        seen = reading(device(GPU_B), device(GPU_A))
        assert judge(seen, before=baseline(GPU_A, GPU_B)) == OK

    def test_a_device_that_is_gone(self) -> None:
        verdict = judge(reading(device(GPU_A)), before=baseline(GPU_A, GPU_B))
        assert (verdict.health, verdict.action) == (Health.FAILING, Action.RECREATE)
        assert verdict.devices == (GPU_B,)
        assert "changed from 2 to 1" in verdict.reason

    def test_a_device_that_has_come(self) -> None:
        verdict = judge(reading(device(GPU_A), device(GPU_B)), before=baseline(GPU_A))
        assert (verdict.action, verdict.devices) == (Action.RECREATE, (GPU_B,))

    def test_a_device_in_place_of_another(self) -> None:
        verdict = judge(reading(device(GPU_B)), before=baseline(GPU_A))
        assert (verdict.action, verdict.devices) == (Action.RECREATE, (GPU_A, GPU_B))

    def test_no_device_at_readiness(self) -> None:
        verdict = judge(reading())
        assert (verdict.health, verdict.action) == (Health.FAILING, Action.RECREATE)

    def test_a_device_that_cannot_even_be_named_is_not_gone(self) -> None:
        broken = device(None, index=1, used_mib=None, error=NvmlError(999, "Unknown Error"))
        verdict = judge(reading(device(), broken), before=baseline(GPU_A, GPU_B))
        assert (verdict.action, verdict.devices) == (Action.RESTART, ("GPU 1",))


class TestCondition:
    def test_an_uncorrectable_memory_error(self) -> None:
        verdict = judge(reading(device(ecc_uncorrected=1)))
        assert (verdict.health, verdict.action) == (Health.FAILING, Action.GIVE_UP)

    def test_as_many_as_are_allowed(self) -> None:
        assert judge(reading(device(ecc_uncorrected=2)), ecc_uncorrected_max=2) == OK

    def test_errors_of_an_earlier_life_do_not_count(self) -> None:
        assert judge(reading(device(ecc_uncorrected=0, ecc_uncorrected_lifetime=9))) == OK

    def test_a_row_that_could_not_be_remapped(self) -> None:
        rows = RemappedRows(correctable=0, uncorrectable=1, pending=True, failed=True)
        verdict = judge(reading(device(remapped_rows=rows)))
        assert (verdict.health, verdict.action) == (Health.FAILING, Action.GIVE_UP)
        assert "replace the GPU" in verdict.reason

    def test_a_row_that_waits_to_be_remapped_is_told_and_no_more(self) -> None:
        rows = RemappedRows(correctable=0, uncorrectable=1, pending=True, failed=False)
        verdict = judge(reading(device(remapped_rows=rows)))
        assert (verdict.health, verdict.action) == (Health.OK, Action.NONE)
        assert "reset the GPU when convenient" in verdict.reason


class TestResidualMemory:
    @pytest.mark.parametrize("used_mib", [0, 600, 1624])
    def test_up_to_the_threshold_over_the_baseline_is_fine(self, used_mib: int) -> None:
        assert judge(reading(device(used_mib=used_mib)), before=baseline()) == OK

    def test_above_it_is_ours_when_nobody_knows_better(self) -> None:
        verdict = judge(reading(device(used_mib=1625)), before=baseline())
        assert verdict.health is Health.FAILING
        assert verdict.ladder == (Action.KILL_LEFTOVERS, Action.RESTART)

    def test_a_server_that_reserved_nearly_all_of_it_before_readiness_is_fine(self) -> None:
        assert judge(reading(device(used_mib=39000)), before=baseline(used_mib=39000)) == OK

    def test_without_a_baseline_it_is_not_judged(self) -> None:
        assert judge(reading(device(used_mib=39000))) == OK

    def test_of_a_device_that_tells_nothing_it_is_said_that_leaks_are_not_found(self) -> None:
        verdict = judge(reading(device(used_mib=None, processes=None)), before=baseline())
        assert verdict.health is Health.OK
        assert "leaks on it are not found" in verdict.reason

    def test_warnings_of_the_source_are_said_and_no_more(self) -> None:
        verdict = judge(reading(device(), warnings=("WARNING: infoROM is corrupted",)))
        assert verdict.health is Health.OK
        assert verdict.reason == "nvml warns: WARNING: infoROM is corrupted"

    def test_the_threshold_is_the_policys(self) -> None:
        seen = reading(device(used_mib=701))
        assert judge(seen, before=baseline(), residual_mib=100).action is Action.KILL_LEFTOVERS

    def test_each_device_is_judged(self) -> None:
        seen = reading(device(GPU_A), device(GPU_B, used_mib=9000))
        assert judge(seen, before=baseline(GPU_A, GPU_B)).devices == (GPU_B,)

    def test_of_a_gpu_in_slices_each_slice_is_judged_and_not_the_whole(self) -> None:
        whole = device(GPU_A, used_mib=9000, mig=True)
        slice_ = device("MIG-1", used_mib=500, parent_uuid=GPU_A)
        assert judge(reading(whole, slice_), before=baseline(GPU_A, "MIG-1")) == OK


class TestWhoseMemory:
    """A container that ran pids 10 and 11 at readiness, with 600 MiB in use."""

    BEFORE = baseline(own_pids=(10, 11))

    def action(self, *processes: GpuProcess, own_pids=(10, 11), used_mib=5600, before=BEFORE):
        seen = reading(device(used_mib=used_mib, processes=processes))
        return judge(seen, before=before, own_pids=own_pids).action

    def test_a_process_of_ours_by_the_machines_number(self) -> None:
        assert self.action(GpuProcess(12, 5000 * MIB), own_pids=(10, 12)) is Action.KILL_LEFTOVERS

    def test_a_process_of_ours_by_the_containers_number(self) -> None:
        assert self.action(GpuProcess(7, 5000 * MIB, here=True)) is Action.KILL_LEFTOVERS

    def test_the_main_process_has_grown(self) -> None:
        assert self.action(GpuProcess(10, 5000 * MIB)) is Action.KILL_LEFTOVERS

    def test_a_strangers_process_explains_it(self) -> None:
        assert self.action(GpuProcess(4242, 5000 * MIB)) is Action.WAIT

    def test_a_strangers_process_whose_memory_is_not_told(self) -> None:
        assert self.action(GpuProcess(4242, None)) is Action.WAIT

    def test_a_strangers_process_explains_only_part_of_it(self) -> None:
        processes = GpuProcess(4242, 1000 * MIB), GpuProcess(12, 4000 * MIB)
        assert self.action(*processes, own_pids=(10, 12)) is Action.KILL_LEFTOVERS

    def test_a_stranger_that_was_there_at_readiness_explains_nothing_new(self) -> None:
        stranger = GpuProcess(4242, 600 * MIB)
        before = Baseline.of(reading(device(processes=(stranger,))), (10,))
        assert self.action(stranger, own_pids=(10, 12), before=before) is Action.KILL_LEFTOVERS

    def test_nobody_is_seen_and_we_run_what_we_ran_at_readiness(self) -> None:
        assert self.action() is Action.WAIT

    def test_nobody_is_seen_and_something_of_ours_is_left(self) -> None:
        assert self.action(own_pids=(10, 12)) is Action.KILL_LEFTOVERS

    def test_our_processes_are_not_known(self) -> None:
        assert self.action(GpuProcess(4242, 5000 * MIB), own_pids=None) is Action.KILL_LEFTOVERS

    def test_the_driver_lists_no_processes(self) -> None:
        seen = reading(device(used_mib=5600, processes=None))
        verdict = judge(seen, before=self.BEFORE, own_pids=(10, 11))
        assert verdict.action is Action.KILL_LEFTOVERS

    def test_to_have_to_wait_is_no_fault_of_the_backend(self) -> None:
        seen = reading(device(used_mib=5600, processes=(GpuProcess(4242, 5000 * MIB),)))
        assert judge(seen, before=self.BEFORE, own_pids=(10, 11)).fault() is None


class TestPercentage:
    def test_under_it_is_healthy_and_at_it_is_not(self) -> None:
        under, at = (reading(device(used_mib=used, total_mib=1000)) for used in (899, 900))
        assert judge(under, gpu_memory_threshold_pct=90.0) == OK
        assert judge(at, gpu_memory_threshold_pct=90.0).health is Health.FAILING

    def test_it_takes_the_place_of_the_baseline(self) -> None:
        seen = reading(device(used_mib=9000))
        assert judge(seen, before=baseline(), gpu_memory_threshold_pct=90.0) == OK

    @pytest.mark.parametrize("percent", [-1, 0, 101])
    def test_it_is_a_percentage(self, percent: float) -> None:
        with pytest.raises(ValueError, match="gpu_memory_threshold_pct"):
            GpuPolicy(gpu_memory_threshold_pct=percent)


class TestVerdict:
    def test_the_worst_leads_and_nothing_is_left_unsaid(self) -> None:
        seen = reading(device(GPU_A, used_mib=9000), device(GPU_B, ecc_uncorrected=3))
        verdict = judge(seen, before=baseline(GPU_A, GPU_B))
        assert verdict.action is Action.GIVE_UP
        assert verdict.devices == (GPU_B, GPU_A)
        assert "9000 MiB" in verdict.reason

    def test_a_finding_outranks_a_question(self) -> None:
        silent = device(GPU_B, used_mib=None, error=NvmlError(10, "Timeout"))
        seen = reading(device(GPU_A, used_mib=9000), silent)
        assert judge(seen, before=baseline(GPU_A, GPU_B)).health is Health.FAILING

    def test_the_ladder_is_climbed_to_its_end(self) -> None:
        verdict = judge(GpuReading(source="nvml", error=NvmlError(999, "Unknown Error")))
        assert [verdict.step(tried) for tried in range(4)] == [*AGAIN, Action.GIVE_UP]

    def test_its_steps_as_faults(self) -> None:
        verdict = judge(GpuReading(source="nvml", error=NvmlError(999, "Unknown Error")))
        assert [verdict.fault(tried) for tried in range(3)] == [
            Fault(verdict.reason),
            Fault(verdict.reason, recreate=True),
            Fault(verdict.reason, curable=False),
        ]

    def test_leftovers_are_to_be_killed_before_it_is_a_fault(self) -> None:
        verdict = judge(reading(device(used_mib=9000)), before=baseline())
        assert verdict.fault() is None
        assert verdict.fault(1) == Fault(verdict.reason)

    def test_every_reason_says_what_to_do_next(self) -> None:
        for row in BY_CODE.values():
            assert row.what
            assert row.fix
