"""The check of a machine's real GPUs, on machines that the tests make up."""

from __future__ import annotations

import pytest

from engine.health.gpu import GpuReading, NvmlError
from tests import gpu_check
from tests.gpu.readings import device, reading

SOUND = reading(device(temperature_c=34))
BROKEN = reading(device(ecc_uncorrected=4))
NONE = [
    GpuReading(unreadable="NVML is not to be had"),
    GpuReading(source="nvml", error=NvmlError(9, "Driver Not Loaded")),
    reading(),
]


@pytest.mark.parametrize(
    ("seen", "wrong", "code"), [(SOUND, [], 0), (SOUND, ["no restart"], 1), (BROKEN, [], 1)]
)
def test_the_exit_code_is_the_verdict(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seen: GpuReading,
    wrong: list[str],
    code: int,
) -> None:
    monkeypatch.setattr(gpu_check, "look", lambda: seen)
    monkeypatch.setattr(gpu_check, "check_leak", lambda _holder, _say: wrong)
    assert gpu_check.main([]) == code
    assert "600/40960 MiB" in capsys.readouterr().out


@pytest.mark.parametrize("seen", NONE)
def test_without_a_gpu_it_says_so_plainly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seen: GpuReading
) -> None:
    monkeypatch.setattr(gpu_check, "look", lambda: seen)
    assert gpu_check.main([]) == 0
    assert "There is no GPU to check on this machine" in capsys.readouterr().out
    assert gpu_check.main(["--require-gpu"]) == 3


def test_it_looks_with_the_real_probe() -> None:
    seen = gpu_check.look()
    assert seen.unreadable is not None or seen.source is not None
