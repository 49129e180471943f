"""Reading what the probe printed: everything it may print, and everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.health.gpu import (
    Baseline,
    GpuDevice,
    GpuPolicy,
    GpuProcess,
    GpuReading,
    Health,
    NvmlError,
    RemappedRows,
    judge_gpu,
    parse,
)

MIB = 1024 * 1024

DEVICE: dict[str, Any] = {
    "uuid": "GPU-a",
    "index": 0,
    "name": "NVIDIA A100",
    "parent_uuid": None,
    "mig": False,
    "memory_used_bytes": 600,
    "memory_total_bytes": 1000,
    "memory_free_bytes": 400,
    "ecc_uncorrected": 0,
    "ecc_uncorrected_lifetime": 1,
    "remapped_rows": {"correctable": 1, "uncorrectable": 2, "pending": True, "failed": False},
    "temperature_c": 34,
    "utilization_pct": 0,
    "processes": [{"pid": 7, "memory_used_bytes": 300, "here": True}],
    "error": None,
}
READING: dict[str, Any] = {
    "source": "pynvml",
    "driver": "550.54.15",
    "devices": [DEVICE],
    "error": None,
    "tried": {},
}
AS_READ = GpuDevice(
    index=0,
    uuid="GPU-a",
    name="NVIDIA A100",
    memory_used_bytes=600,
    memory_total_bytes=1000,
    memory_free_bytes=400,
    ecc_uncorrected=0,
    ecc_uncorrected_lifetime=1,
    remapped_rows=RemappedRows(correctable=1, uncorrectable=2, pending=True, failed=False),
    temperature_c=34,
    utilization_pct=0,
    processes=(GpuProcess(7, 300, here=True),),
)


def said(**changes) -> str:
    return json.dumps(READING | changes)


class TestTheProbe:
    def test_what_it_saw(self) -> None:
        assert parse(said()) == GpuReading("pynvml", "550.54.15", (AS_READ,))

    def test_lines_of_others_around_it_do_no_harm(self) -> None:
        noisy = f"=== PyTorch container ===\n{{not ours}}\n{said()}\nbye\n"
        assert parse(noisy) == parse(said())

    def test_a_device_that_offers_nothing(self) -> None:
        (device,) = parse(said(devices=[{"index": 3}])).devices
        assert device == GpuDevice(index=3)
        assert device.label == "GPU 3"

    def test_an_error_of_a_device(self) -> None:
        broken = {"uuid": None, "index": 0, "error": {"code": 15, "message": "GPU is lost"}}
        (device,) = parse(said(devices=[broken])).devices
        assert device.error == NvmlError(15, "GPU is lost")

    def test_an_error_of_all(self) -> None:
        error = {"code": None, "message": "NVML did not answer within 10 s"}
        reading = parse(said(source=None, devices=[], error=error))
        assert reading.error == NvmlError(None, "NVML did not answer within 10 s")
        assert reading.unreadable is None

    def test_no_source_at_all(self) -> None:
        reading = parse(said(source=None, devices=[], tried={"nvml": "no such file"}))
        assert "nvml: no such file" in str(reading.unreadable)
        assert "capability 'utility'" in str(reading.unreadable)

    def test_of_a_gpu_in_slices_the_slices_are_what_has_memory(self) -> None:
        whole = DEVICE | {"mig": True}
        part = DEVICE | {"uuid": "MIG-1", "parent_uuid": "GPU-a"}
        reading = parse(said(devices=[whole, part]))
        assert [device.uuid for device in reading.memory_devices] == ["MIG-1"]


class TestNvidiaSmi:
    GPUS = (
        "0, GPU-a, NVIDIA A100, 550.54.15, 600, 40960, 40360, 34, 0, 0, 1",
        "1, GPU-b, NVIDIA T4, 550.54.15, 0, 15360, 15360, 30, [N/A], [N/A], [N/A]",
    )

    @staticmethod
    def said(*gpus: str, code: int = 0, processes: tuple[str, ...] = ()) -> str:
        asked = ["nvidia-smi gpus", *gpus, f"nvidia-smi exit {code}"]
        return "\n".join([*asked, "nvidia-smi processes", *processes, "nvidia-smi exit 0"])

    def test_what_it_saw(self) -> None:
        first, second = parse(self.said(*self.GPUS, processes=("GPU-a, 4242, 500",))).devices
        assert first == GpuDevice(
            index=0,
            uuid="GPU-a",
            name="NVIDIA A100",
            memory_used_bytes=600 * MIB,
            memory_total_bytes=40960 * MIB,
            memory_free_bytes=40360 * MIB,
            ecc_uncorrected=0,
            ecc_uncorrected_lifetime=1,
            temperature_c=34,
            utilization_pct=0,
            processes=(GpuProcess(4242, 500 * MIB),),
        )
        assert (second.memory_used_bytes, second.ecc_uncorrected, second.processes) == (0, None, ())

    @pytest.mark.parametrize(
        ("words", "code", "meant"),
        [
            ("Failed to initialize NVML: Unknown Error", 255, 999),
            ("Failed to initialize NVML: Driver/library version mismatch", 18, 18),
            ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", 9, 9),
            ("Unable to determine the device handle: GPU is lost. Reboot the system", 15, 15),
            ("something new", 14, 14),
            ("something new", 255, None),
            ("", 124, None),
        ],
    )
    def test_its_errors_as_nvmls(self, words: str, code: int, meant: int | None) -> None:
        reading = parse(self.said(*[words] * bool(words), code=code))
        assert reading.error is not None
        assert reading.error.code == meant
        assert reading.error.message

    def test_no_devices_is_no_error(self) -> None:
        reading = parse(self.said("No devices were found", code=6))
        assert reading == GpuReading("nvidia-smi")

    @pytest.mark.parametrize(
        ("cell", "code"),
        [("[GPU is lost]", 15), ("[GPU requires reset]", 16), ("[Unknown Error]", 999)],
    )
    def test_an_error_in_place_of_a_number(self, cell: str, code: int) -> None:
        (device,) = parse(self.said(self.GPUS[0].replace("600", cell))).devices
        assert device.memory_used_bytes is None
        assert device.error is not None
        assert device.error.code == code

    def test_processes_that_it_does_not_tell(self) -> None:
        text = self.said(self.GPUS[0], processes=("GPU-a, 7, [N/A]",))
        assert parse(text).devices[0].processes == (GpuProcess(7, None),)

    @pytest.mark.parametrize("code", [0, 14])
    def test_a_warning_makes_no_device_unknown(self, code: int) -> None:
        warning = "WARNING: infoROM is corrupted at gpu 0000:3B:00.0"
        reading = parse(
            self.said(self.GPUS[0], warning, code=code, processes=("GPU-a, 7, 1", warning))
        )
        assert (reading.error, reading.unreadable, reading.warnings) == (None, None, (warning,))
        (device,) = reading.devices
        assert device.memory_used_bytes == 600 * MIB
        assert device.processes == (GpuProcess(7, MIB),)

    def test_an_error_beside_values_is_an_error(self) -> None:
        lost = "Unable to determine the device handle for GPU 1: GPU is lost."
        error = parse(self.said(self.GPUS[0], lost, code=15)).error
        assert error is not None
        assert error.code == 15

    def test_processes_of_the_container_by_its_own_numbers(self) -> None:
        text = self.said(self.GPUS[0], processes=("GPU-a, 7, 1", "GPU-a, 8, 1"))
        found = parse(f"{text}\nnvidia-smi container\n1 7 9").devices[0].processes
        assert found == (GpuProcess(7, MIB, here=True), GpuProcess(8, MIB))

    def test_cut_off_in_the_middle(self) -> None:
        assert parse("nvidia-smi gpus\n").error is not None


NONSENSE = [
    "",
    "\n\n",
    "{",
    "{}",
    "[]",
    "null",
    "none usable",
    "python exit 139",
    '{"source": 1}',
    '{"source": "nvml", "devices": {}}',
    '{"source": "nvml", "devices": [7]}',
    '{"source": "nvml", "devices": [{}]}',
    '{"source": "nvml", "devices": [{"index": true}]}',
    '{"source": "nvml", "devices": [{"index": 0, "memory_used_bytes": "600"}]}',
    '{"source": "nvml", "devices": [{"index": 0, "memory_used_bytes": 1e999}]}',
    '{"source": "nvml", "error": "no"}',
    '{"source": null, "tried": []}',
    '{"a":' * 100_000,
    '{"index": ' + "9" * 10_000 + "}",
    "nvidia-smi gpus\n0, GPU-a\nnvidia-smi exit 0",
    "nvidia-smi gpus\nnvidia-smi exit zero",
    "nvidia-smi gpus\n\0\nnvidia-smi exit 0",
]


class TestNonsense:
    @pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
    def test_is_unreadable_with_the_reason(self, text: str) -> None:
        reading = parse(text)
        assert reading.unreadable
        assert len(reading.unreadable) < 500
        assert judge_gpu(reading, None, GpuPolicy()).health is Health.UNKNOWN

    def test_a_probe_that_died_is_told_with_its_exit_code(self) -> None:
        assert "python exit 139" in str(parse("python exit 139").unreadable)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from([*DEVICE, "pid", "code"]), inner)
    ),
    max_leaves=12,
)


class TestFuzz:
    """Every output gives a reading, and every reading a verdict."""

    @staticmethod
    def holds(text: str) -> None:
        reading = parse(text)
        baseline = Baseline.of(parse(said()))
        assert judge_gpu(reading, baseline, GpuPolicy(), own_pids=(7,)).reason
        assert judge_gpu(reading, None, GpuPolicy(gpu_memory_threshold_pct=50)).reason

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        self.holds(text)

    @given(st.dictionaries(st.sampled_from(list(READING)), JSON))
    def test_any_json(self, value: dict[str, Any]) -> None:
        self.holds(json.dumps(value))

    @given(st.dictionaries(st.sampled_from(list(DEVICE)), JSON))
    def test_any_device(self, value: dict[str, Any]) -> None:
        self.holds(said(devices=[DEVICE | value]))

    @given(st.lists(st.text() | st.sampled_from(["nvidia-smi exit 0", *TestNvidiaSmi.GPUS])))
    def test_any_lines_of_nvidia_smi(self, lines: list[str]) -> None:
        self.holds("\n".join(["nvidia-smi gpus", *lines]))
