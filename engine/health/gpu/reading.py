"""The result of one check of a container's GPUs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from attrs import frozen

from engine.health.gpu import nvidia_smi

__all__ = [
    "GpuDevice",
    "GpuProcess",
    "GpuReading",
    "NvmlError",
    "RemappedRows",
    "parse",
    "sum_known",
]

_T = TypeVar("_T")

_LONGEST: Final = 200
"""How much of what cannot be read is repeated in a reason."""

_NUMBERS: Final = 2**64


@frozen
class NvmlError:
    """An error of NVML instead of an answer.

    Attributes:
        code: NVML's own code; None when the error is not NVML's.
        message: in its words.
    """

    code: int | None
    message: str

    def __str__(self) -> str:
        return self.message if self.code is None else f"{self.message} (NVML {self.code})"


@frozen
class GpuProcess:
    """A process that computes on a device.

    Attributes:
        pid: as the driver tells it: the whole machine's number, or with newer drivers the container's.
        memory_used_bytes: None where the driver does not tell.
        here: whether it runs in the probe's own container, beyond doubt.
    """

    pid: int
    memory_used_bytes: int | None = None
    here: bool = False


@frozen
class RemappedRows:
    """Memory rows that were replaced by spares.

    Attributes:
        pending: whether a replacement waits for the next reset of the GPU.
        failed: whether there was no spare left.
    """

    correctable: int
    uncorrectable: int
    pending: bool
    failed: bool


@frozen
class GpuDevice:
    """One visible device: a GPU, or a MIG slice of one. What it does not offer is None.

    Attributes:
        index: its number within the container, or within its parent for a MIG slice.
        uuid: None only when the device cannot even be opened.
        parent_uuid: the GPU that a MIG slice is cut from.
        mig: whether it is a GPU cut into slices; its memory is then judged by slice.
        ecc_uncorrected: uncorrectable memory errors since the driver was loaded.
        ecc_uncorrected_lifetime: uncorrectable memory errors in all its life.
        temperature_c: of its core, in degrees Celsius.
        utilization_pct: share of the last sample in which it computed.
        processes: what computes on it, as far as the driver shows it from here.
        error: what it answered instead of an answer.
    """

    index: int
    uuid: str | None = None
    name: str | None = None
    parent_uuid: str | None = None
    mig: bool = False
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    ecc_uncorrected: int | None = None
    ecc_uncorrected_lifetime: int | None = None
    remapped_rows: RemappedRows | None = None
    temperature_c: int | None = None
    utilization_pct: int | None = None
    processes: tuple[GpuProcess, ...] | None = None
    error: NvmlError | None = None

    @property
    def label(self) -> str:
        """How it is called in a reason."""
        return self.uuid or f"GPU {self.index}"

    @property
    def held_bytes(self) -> int | None:
        """The memory in use on it; if it does not report that, the sum of its processes, if reported.

        A device that shares the machine's memory (GB10, Jetson) does not report its memory.
        """
        if self.memory_used_bytes is not None or self.processes is None:
            return self.memory_used_bytes
        return sum(each.memory_used_bytes or 0 for each in self.processes)


@frozen
class GpuReading:
    """The result of one check.

    Attributes:
        source: ``pynvml``, ``nvml`` or ``nvidia-smi``; None when none of them could be used.
        error: why nothing can be said of any device.
        unreadable: why the check itself failed; then all else is empty.
        warnings: what the source said besides, which makes no value wrong.
    """

    source: str | None = None
    driver: str | None = None
    devices: tuple[GpuDevice, ...] = ()
    error: NvmlError | None = None
    unreadable: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def memory_devices(self) -> tuple[GpuDevice, ...]:
        """The devices whose memory is judged: MIG slices stand for the GPU that they are cut from."""
        return tuple(device for device in self.devices if not device.mig)

    @property
    def memory_used_bytes(self) -> int | None:
        """The memory in use, all those devices together; None where none of them tells."""
        return sum_known(device.held_bytes for device in self.memory_devices)

    @property
    def memory_total_bytes(self) -> int | None:
        """The memory there is, likewise."""
        return sum_known(device.memory_total_bytes for device in self.memory_devices)


def sum_known(amounts: Iterable[int | None]) -> int | None:
    """The sum of what is known; None where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


class _Malformed(ValueError):
    """This is not what the probe prints."""


def parse(output: str) -> GpuReading:
    """Read what the probe printed.

    Args:
        output: the probe's standard output. Lines of others around its own do no harm: images have
            start-up hooks that print.

    Returns:
        what it says; where it makes no sense, a reading that is :attr:`~GpuReading.unreadable`, with the
        reason.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines:
        return GpuReading(unreadable="the probe printed nothing")
    if lines[-1] == "none usable":
        why = "neither Python 3.6 or later nor nvidia-smi is in the image; add one of them"
        return GpuReading(unreadable=f"the GPUs cannot be checked: {why}")
    try:
        if nvidia_smi.BEGIN in lines:
            return _reading(nvidia_smi.rewrite(lines))
        for line in reversed(lines):
            if line.startswith("{"):
                return _reading(json.loads(line))
    except (ValueError, RecursionError) as error:
        shown = lines[-1][:_LONGEST]
        return GpuReading(unreadable=f"the probe's output makes no sense ({error}): {shown}")
    return GpuReading(unreadable=f"the probe failed: {' | '.join(lines)[-_LONGEST:]}")


def _reading(value: Any) -> GpuReading:
    fields = _a(dict, value)
    reading = GpuReading(
        source=_optional(_text, fields.get("source")),
        driver=_optional(_text, fields.get("driver")),
        devices=_many(_device, fields.get("devices", [])),
        error=_optional(_error, fields.get("error")),
        warnings=_many(_text, fields.get("warnings", [])),
    )
    if reading.source is not None or reading.error is not None:
        return reading
    tried = "; ".join(f"{name}: {why}" for name, why in _a(dict, fields.get("tried", {})).items())
    fix = (
        "in a container, give the reservation the capability 'utility', which brings"
        " libnvidia-ml.so.1"
    )
    return GpuReading(unreadable=f"NVML is not to be had ({tried}); {fix}")


def _device(value: Any) -> GpuDevice:
    fields = _a(dict, value)
    return GpuDevice(
        index=_whole(fields.get("index")),
        uuid=_optional(_text, fields.get("uuid")),
        name=_optional(_text, fields.get("name")),
        parent_uuid=_optional(_text, fields.get("parent_uuid")),
        mig=_a(bool, fields.get("mig", False)),
        memory_used_bytes=_optional(_whole, fields.get("memory_used_bytes")),
        memory_total_bytes=_optional(_whole, fields.get("memory_total_bytes")),
        memory_free_bytes=_optional(_whole, fields.get("memory_free_bytes")),
        ecc_uncorrected=_optional(_whole, fields.get("ecc_uncorrected")),
        ecc_uncorrected_lifetime=_optional(_whole, fields.get("ecc_uncorrected_lifetime")),
        remapped_rows=_optional(_rows, fields.get("remapped_rows")),
        temperature_c=_optional(_whole, fields.get("temperature_c")),
        utilization_pct=_optional(_whole, fields.get("utilization_pct")),
        processes=_optional(lambda each: _many(_process, each), fields.get("processes")),
        error=_optional(_error, fields.get("error")),
    )


def _process(value: Any) -> GpuProcess:
    fields = _a(dict, value)
    used_bytes = _optional(_whole, fields.get("memory_used_bytes"))
    return GpuProcess(_whole(fields.get("pid")), used_bytes, _a(bool, fields.get("here", False)))


def _rows(value: Any) -> RemappedRows:
    fields = _a(dict, value)
    return RemappedRows(
        correctable=_whole(fields.get("correctable")),
        uncorrectable=_whole(fields.get("uncorrectable")),
        pending=_a(bool, fields.get("pending")),
        failed=_a(bool, fields.get("failed")),
    )


def _error(value: Any) -> NvmlError:
    fields = _a(dict, value)
    return NvmlError(_optional(_whole, fields.get("code")), _text(fields.get("message")))


def _optional(read: Callable[[Any], _T], value: Any) -> _T | None:
    return None if value is None else read(value)


def _many(read: Callable[[Any], _T], value: Any) -> tuple[_T, ...]:
    return tuple(read(each) for each in _a(list, value))


def _whole(value: Any) -> int:
    number = _a(int, value)
    if isinstance(value, bool):
        raise _Malformed("true and false are no numbers")
    if not -_NUMBERS < number < _NUMBERS:
        raise _Malformed("no such number fits what NVML tells")
    return number


def _text(value: Any) -> str:
    return _a(str, value)


def _a(kind: type[_T], value: Any) -> _T:
    if not isinstance(value, kind):
        raise _Malformed(f"{kind.__name__} expected, {type(value).__name__} found")
    return value
