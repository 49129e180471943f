"""Print NVML's reading of the GPUs as one line of JSON: ``python3 -c SOURCE [SECONDS]``.

It runs in the image of any backend, and on the host, so it is one file that needs only Python 3.6 and its
standard library. It asks pynvml where that is installed, else the NVML library itself, and never
CUDA: a CUDA context would take the very memory that is to be measured. It always exits with 0 and always
prints; what went wrong stands in the JSON, with NVML's own error code.
"""

# ruff: noqa: N802 - pynvml's names, so that either can be asked
# ruff: noqa: BLE001 - every error belongs into the JSON
# ruff: noqa: PTH110, PTH115 - os is here already; pathlib would only take time to load

import sys

# With -c the working directory comes first: a json.py that lies there must not stand in for ours.
sys.path[:] = [entry for entry in sys.path if entry]

import ctypes  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import threading  # noqa: E402
from typing import Any  # noqa: E402

UNCORRECTED, VOLATILE, AGGREGATE = 1, 0, 1
CORE_TEMPERATURE = 0
MEMORY_V2 = 0x02000028
NOT_AVAILABLE = 2**64 - 1
INSUFFICIENT_SIZE, LIBRARY_NOT_FOUND, FUNCTION_NOT_FOUND = 7, 12, 13
GPU_IS_LOST, RESET_REQUIRED = 15, 16
PYNVML_MAY_BE_WRONG = {None, LIBRARY_NOT_FOUND, FUNCTION_NOT_FOUND}
"""Errors of a pynvml that does not fit the driver: then the library itself is asked."""
NOT_OFFERED = {2, 3, 4, 13, 21, 25, 26}
"""Codes by which NVML says that this device, user or driver has no such value."""
INITIAL_PID_NAMESPACE = "pid:[4026531836]"


class Failure(Exception):
    """An NVML error; ``value`` is its code, as in pynvml's own."""

    def __init__(self, value: int, message: str) -> None:
        super().__init__(message)
        self.value = value


class Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


class MemoryV2(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint)] + [
        (name, ctypes.c_ulonglong) for name in ("total", "reserved", "free", "used")
    ]


class Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class Process(ctypes.Structure):
    _fields_ = [("pid", ctypes.c_uint), ("usedGpuMemory", ctypes.c_ulonglong)]


class ProcessV3(ctypes.Structure):
    _fields_ = [
        ("pid", ctypes.c_uint),
        ("usedGpuMemory", ctypes.c_ulonglong),
        ("gpuInstanceId", ctypes.c_uint),
        ("computeInstanceId", ctypes.c_uint),
    ]


class Nvml:
    """The functions of pynvml that are needed here, under its names, by ctypes."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libnvidia-ml.so.1")

    def _function(self, name: str) -> Any:
        function = getattr(self._library, name, None)
        if function is None:
            raise Failure(FUNCTION_NOT_FOUND, "this driver has no " + name)
        return function

    def _call(self, name: str, *arguments: Any) -> None:
        code = self._function(name)(*arguments)
        if code:
            raise Failure(code, self.nvmlErrorString(code))

    def _text(self, name: str, *arguments: Any) -> str:
        buffer = ctypes.create_string_buffer(96)
        self._call(name, *arguments, buffer, ctypes.c_uint(len(buffer)))
        return buffer.value.decode(errors="replace")

    def _number(self, name: str, *arguments: Any, kind: Any = ctypes.c_uint) -> int:
        value = kind()
        self._call(name, *arguments, ctypes.byref(value))
        return int(value.value)

    def _handle(self, name: str, *arguments: Any) -> Any:
        handle = ctypes.c_void_p()
        self._call(name, *arguments, ctypes.byref(handle))
        return handle

    def nvmlErrorString(self, code: int) -> str:
        function = self._function("nvmlErrorString")
        function.restype = ctypes.c_char_p
        return str((function(code) or b"unknown").decode(errors="replace"))

    def nvmlInit(self) -> None:
        self._call("nvmlInit_v2")

    def nvmlSystemGetDriverVersion(self) -> str:
        return self._text("nvmlSystemGetDriverVersion")

    def nvmlDeviceGetCount(self) -> int:
        return self._number("nvmlDeviceGetCount_v2")

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:
        return self._handle("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index))

    def nvmlDeviceGetUUID(self, handle: Any) -> str:
        return self._text("nvmlDeviceGetUUID", handle)

    def nvmlDeviceGetName(self, handle: Any) -> str:
        return self._text("nvmlDeviceGetName", handle)

    def nvmlDeviceGetMemoryInfo(self, handle: Any, version: int = 0) -> Any:
        memory: Any = MemoryV2(version) if version else Memory()
        self._call(
            "nvmlDeviceGetMemoryInfo" + ("_v2" if version else ""), handle, ctypes.byref(memory)
        )
        return memory

    def nvmlDeviceGetTotalEccErrors(self, handle: Any, kind: int, counter: int) -> int:
        name = "nvmlDeviceGetTotalEccErrors"
        return self._number(name, handle, kind, counter, kind=ctypes.c_ulonglong)

    def nvmlDeviceGetRemappedRows(self, handle: Any) -> "list[int]":
        rows = [ctypes.c_uint() for _ in range(4)]
        self._call("nvmlDeviceGetRemappedRows", handle, *[ctypes.byref(row) for row in rows])
        return [row.value for row in rows]

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: int) -> int:
        return self._number("nvmlDeviceGetTemperature", handle, sensor)

    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:
        rates = Utilization()
        self._call("nvmlDeviceGetUtilizationRates", handle, ctypes.byref(rates))
        return rates

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> "list[Any]":
        name = "nvmlDeviceGetComputeRunningProcesses"
        versions: Any = ((name + "_v3", ProcessV3), (name + "_v2", ProcessV3), (name, Process))
        for versioned, kind in versions:
            if getattr(self._library, versioned, None) is not None:
                return self._processes(versioned, kind, handle)
        raise Failure(FUNCTION_NOT_FOUND, "this driver has no " + name)

    def _processes(self, name: str, kind: Any, handle: Any) -> "list[Any]":
        count = ctypes.c_uint(0)
        code = self._function(name)(handle, ctypes.byref(count), None)
        if code not in (0, INSUFFICIENT_SIZE):
            raise Failure(code, self.nvmlErrorString(code))
        room = (kind * (2 * count.value + 8))()  # more may have come up meanwhile
        count.value = len(room)
        self._call(name, handle, ctypes.byref(count), room)
        return list(room[: count.value])

    def nvmlDeviceGetMigMode(self, handle: Any) -> "tuple[int, int]":
        current, pending = ctypes.c_uint(), ctypes.c_uint()
        self._call("nvmlDeviceGetMigMode", handle, ctypes.byref(current), ctypes.byref(pending))
        return current.value, pending.value

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int:
        return self._number("nvmlDeviceGetMaxMigDeviceCount", handle)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any:
        return self._handle("nvmlDeviceGetMigDeviceHandleByIndex", handle, ctypes.c_uint(index))


def problem(error: BaseException) -> "dict[str, Any]":
    """An error as it stands in the JSON; without a code when it is not NVML's."""
    code = getattr(error, "value", None)
    return {"code": code if isinstance(code, int) else None, "message": str(error) or repr(error)}


class Asking:
    """Asks for the values of one device, and keeps the error that tells most."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.error: dict[str, Any] | None = None

    def need(self, name: str, *arguments: Any) -> Any:
        """A value that every working device has: any error is the device's."""
        try:
            return getattr(self.library, name)(*arguments)
        except Exception as error:
            if getattr(error, "value", None) not in NOT_OFFERED:
                self.error = self.error or problem(error)
            return None

    def like(self, name: str, *arguments: Any) -> Any:
        """A value that a device may lack: only an error that is about the device itself counts."""
        try:
            return getattr(self.library, name)(*arguments)
        except Exception as error:
            if getattr(error, "value", None) in (GPU_IS_LOST, RESET_REQUIRED):
                self.error = problem(error)
            return None

    def memory(self, handle: Any) -> Any:
        """By the newer call, which an older driver or an older pynvml does not have."""
        try:
            return self.library.nvmlDeviceGetMemoryInfo(handle, version=MEMORY_V2)
        except Exception:
            return self.need("nvmlDeviceGetMemoryInfo", handle)


def own_pid_namespace() -> bool:
    """Whether a pid that exists here cannot be mistaken for one of the whole machine."""
    try:
        return os.readlink("/proc/self/ns/pid") != INITIAL_PID_NAMESPACE
    except OSError:
        return False


def processes_of(found: "list[Any] | None") -> "list[dict[str, Any]] | None":
    private = own_pid_namespace()
    if found is None:
        return None
    return [
        {
            "pid": process.pid,
            "memory_used_bytes": None
            if process.usedGpuMemory == NOT_AVAILABLE
            else process.usedGpuMemory,
            "here": private and os.path.exists(f"/proc/{process.pid}"),
        }
        for process in found
    ]


def rows_of(rows: "list[int] | None") -> "dict[str, Any] | None":
    return (
        None
        if rows is None
        else {
            "correctable": rows[0],
            "uncorrectable": rows[1],
            "pending": bool(rows[2]),
            "failed": bool(rows[3]),
        }
    )


def text(value: Any) -> Any:
    """Old releases of pynvml give bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def describe(library: Any, handle: Any, index: int, parent: "str | None") -> "dict[str, Any]":
    """Everything that one device, or one MIG slice of it, tells."""
    ask = Asking(library)
    memory = ask.memory(handle)
    rates = ask.like("nvmlDeviceGetUtilizationRates", handle)
    mode = ask.like("nvmlDeviceGetMigMode", handle) if parent is None else None
    ecc = "nvmlDeviceGetTotalEccErrors"
    return {
        "uuid": text(ask.need("nvmlDeviceGetUUID", handle)),
        "index": index,
        "name": text(ask.like("nvmlDeviceGetName", handle)),
        "parent_uuid": parent,
        "mig": bool(mode and mode[0]),
        "memory_used_bytes": memory and memory.used,
        "memory_total_bytes": memory and memory.total,
        "memory_free_bytes": memory and memory.free,
        "ecc_uncorrected": ask.like(ecc, handle, UNCORRECTED, VOLATILE),
        "ecc_uncorrected_lifetime": ask.like(ecc, handle, UNCORRECTED, AGGREGATE),
        "remapped_rows": rows_of(ask.like("nvmlDeviceGetRemappedRows", handle)),
        "temperature_c": ask.like("nvmlDeviceGetTemperature", handle, CORE_TEMPERATURE),
        "utilization_pct": rates and rates.gpu,
        "processes": processes_of(ask.like("nvmlDeviceGetComputeRunningProcesses", handle)),
        "error": ask.error,
    }


def slices(library: Any, handle: Any, parent: "dict[str, Any]") -> "list[dict[str, Any]]":
    """The MIG devices of a GPU; numbers that are not taken are passed over."""
    ask = Asking(library)
    found = []
    for index in range(ask.like("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        mig = ask.like("nvmlDeviceGetMigDeviceHandleByIndex", handle, index)
        if mig is not None:
            found.append(describe(library, mig, index, parent["uuid"] or ""))
    return found


def devices_of(library: Any) -> "list[dict[str, Any]]":
    found = []
    for index in range(library.nvmlDeviceGetCount()):
        ask = Asking(library)
        handle = ask.need("nvmlDeviceGetHandleByIndex", index)
        if handle is None:
            lost = ask.error or {"code": None, "message": "no access to it"}
            found.append({"uuid": None, "index": index, "error": lost})
            continue
        device = describe(library, handle, index, None)
        found.append(device)
        if device["mig"]:
            found += slices(library, handle, device)
    return found


def look() -> "dict[str, Any]":
    """Return the reading of the first source that can be opened."""
    tried = {}
    reading: dict[str, Any] = {"source": None, "driver": None, "devices": [], "error": None}
    for source, load in (("pynvml", lambda: importlib.import_module("pynvml")), ("nvml", Nvml)):
        try:
            library: Any = load()
        except BaseException as error:  # an import may raise anything
            tried[source] = str(error) or repr(error)
            continue
        try:
            library.nvmlInit()
            reading["source"] = source
            reading["driver"] = text(Asking(library).like("nvmlSystemGetDriverVersion"))
            reading["devices"] = devices_of(library)
        except Exception as error:
            if source == "pynvml" and getattr(error, "value", None) in PYNVML_MAY_BE_WRONG:
                tried[source] = str(error) or repr(error)
                continue
            reading.update(source=source, error=problem(error))
        break
    reading["tried"] = tried
    return reading


def main() -> None:
    """Look, but no longer than the limit: a driver that hangs does not come back from its call."""
    limit_s = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    readings: list[dict[str, Any]] = []
    looking = threading.Thread(target=lambda: readings.append(look()), daemon=True)
    looking.start()
    looking.join(limit_s)
    late = {"code": None, "message": f"NVML did not answer within {limit_s:g} s"}
    reading = readings[0] if readings else {"source": None, "devices": [], "error": late}
    sys.stdout.write(json.dumps(reading) + "\n")
    sys.stdout.flush()
    os._exit(0)  # the thread may hang in the driver, and would hold up an orderly exit


if __name__ == "__main__":
    main()
