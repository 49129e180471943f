"""The probe in real containers, on the lab's GPUs: reservations, sources, and every fault.

The container is real, and so is the nvidia-ml-py that it imports; what NVML answers is the test's.
"""

from __future__ import annotations

import importlib.util
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from attrs import define, field

from engine.health.gpu import (
    Action,
    Baseline,
    GpuPolicy,
    GpuReading,
    Health,
    Verdict,
    judge_gpu,
    parse,
)
from engine.runtimes.in_container import GPU_PROBE
from tests.lab import BASE_IMAGE, Engine
from tests.lab.gpu import HOLD, Bench, Gpu, Gpus, bench, set_gpus

pytestmark = pytest.mark.docker

MIB = 1024 * 1024
A = Gpu("GPU-aaaaaaaa-0000-0000-0000-000000000000")
B = Gpu("GPU-bbbbbbbb-1111-1111-1111-111111111111")


def docker(*arguments: str) -> str:
    """What the Docker CLI prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


@define
class Backend:
    """A container with GPUs."""

    id: str
    holding: ExitStack = field(factory=ExitStack)

    def probe(self, *, seconds: int = 10) -> GpuReading:
        return parse(docker("exec", self.id, *GPU_PROBE, str(seconds)))

    def run(self, script: str) -> str:
        return docker("exec", self.id, "sh", "-c", script)

    def pids(self) -> set[int]:
        """The processes of the container, by this machine's numbers."""
        rows = docker("top", self.id, "-eo", "pid").splitlines()[1:]
        return {int(row) for row in rows}

    def hold(self, gpu: Gpu, mib: int) -> None:
        """Leave a process behind that holds memory of a GPU."""
        command = ["docker", "exec", self.id, "python3", "-c", HOLD, gpu.uuid, str(mib)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.holding.callback(process.communicate)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"

    def kill(self, pid: int) -> None:
        """End such a process, by the container's number, and wait until it is gone."""
        self.run(f"kill -KILL {pid}")
        self.holding.close()

    def restart(self) -> None:
        docker("restart", "--time", "0", self.id)

    def baseline(self) -> Baseline:
        made = Baseline.of(self.probe(), self.pids())
        assert made is not None
        return made

    def judge(self, before: Baseline | None = None) -> Verdict:
        return judge_gpu(self.probe(), before, GpuPolicy(), self.pids())


Start = Callable[..., Backend]


@pytest.fixture
def start(engine: Engine) -> Iterator[Start]:
    """Start a container with GPUs; it is removed afterwards."""
    started: list[Backend] = []

    def run(*options: str, gpus: str = "all", on: Bench | None = None) -> Backend:
        named = [f"--env={key}={value}" for key, value in (on.environment if on else {}).items()]
        name = f"gpu-probe-{uuid.uuid4().hex[:12]}"
        backend = Backend(name)
        started.append(backend)
        asked = ["--detach", "--init", f"--name={name}", f"--gpus={gpus}", *named, *options]
        backend.id = docker("run", *asked, BASE_IMAGE, "sleep", "infinity")
        return backend

    yield run
    for backend in started:
        docker("rm", "--force", backend.id)
        backend.holding.close()


@pytest.fixture
def pynvml() -> str:
    """The option that puts this environment's nvidia-ml-py into a container."""
    found = importlib.util.find_spec("pynvml")
    assert found is not None
    return f"--volume={found.origin}:/usr/lib/python3/dist-packages/pynvml.py:ro"


class TestSources:
    def test_the_real_nvidia_ml_py_is_asked_first(self, start: Start, pynvml: str) -> None:
        reading = start(pynvml).probe()
        assert (reading.source, reading.driver, reading.error) == ("pynvml", "550.54.15", None)
        assert [device.uuid for device in reading.devices] == [A.uuid, B.uuid]
        assert reading.devices[0].memory_used_bytes == A.used_mib * MIB

    def test_without_it_the_library_itself_tells_the_same(self, start: Start, pynvml: str) -> None:
        shown = bench()
        slices = (Gpu("MIG-1", total_mib=20096), Gpu("MIG-2", total_mib=20096))
        busy = Gpu(A.uuid, ecc=2, remap_pending=1, processes=((4242, 300), (4243, 7)))
        shown.show(Gpus((busy, Gpu(B.uuid, slices=slices), Gpu("GPU-c", error=16))))
        by_pynvml, by_library = start(pynvml, on=shown).probe(), start(on=shown).probe()
        assert (by_pynvml.source, by_library.source) == ("pynvml", "nvml")
        assert by_pynvml.devices[:4] == by_library.devices[:4]
        assert [device.uuid for device in by_library.devices[:4]] == [
            A.uuid,
            B.uuid,
            "MIG-1",
            "MIG-2",
        ]

    def test_without_python_nvidia_smi_is_asked(self, start: Start) -> None:
        backend = start()
        by_library = backend.probe()
        backend.run("rm /usr/bin/python3*")
        by_smi = backend.probe()
        assert by_smi.source == "nvidia-smi"
        for told, less in zip(by_library.devices, by_smi.devices, strict=True):
            assert less.uuid == told.uuid
            assert less.memory_used_bytes == told.memory_used_bytes
            assert less.ecc_uncorrected == told.ecc_uncorrected

    @pytest.mark.parametrize("code", [9, 18, 999])
    def test_nvidia_smi_tells_the_same_faults(self, start: Start, code: int) -> None:
        shown = bench()
        shown.show(Gpus(init=code))
        backend = start(on=shown)
        by_library = backend.judge()
        backend.run("rm /usr/bin/python3*")
        assert backend.judge() == by_library

    def test_with_neither_it_is_unknown(self, start: Start) -> None:
        shown = bench()
        shown.show(Gpus(library=False))
        backend = start(on=shown)
        backend.run("rm /usr/bin/python3*")
        verdict = backend.judge()
        assert (verdict.health, verdict.action) == (Health.UNKNOWN, Action.NONE)
        assert "nvidia-smi" in verdict.reason


class TestReservations:
    @pytest.mark.parametrize(
        ("asked", "seen"),
        [
            ("all", [A.uuid, B.uuid]),
            ("1", [A.uuid]),
            ("2", [A.uuid, B.uuid]),
            ("device=1", [B.uuid]),
            (f"device={B.uuid}", [B.uuid]),
        ],
    )
    def test_what_is_reserved_is_seen(self, start: Start, asked: str, seen: list[str]) -> None:
        reading = start(gpus=asked).probe()
        assert [device.uuid for device in reading.devices] == seen
        assert [device.index for device in reading.devices] == list(range(len(seen)))

    @pytest.mark.parametrize("asked", ["3", "device=7", "device=GPU-nowhere"])
    def test_what_is_not_there_cannot_be_reserved(self, start: Start, asked: str) -> None:
        with pytest.raises(RuntimeError, match="unknown device"):
            start(gpus=asked)

    def test_a_hook_that_fails_keeps_the_container_from_starting(self, start: Start) -> None:
        shown = bench()
        shown.show(Gpus(hook_error="initialization error: nvml error: driver not loaded"))
        with pytest.raises(RuntimeError, match="nvml error: driver not loaded"):
            start(on=shown)

    def test_a_read_only_container_of_an_ordinary_user(self, start: Start) -> None:
        reading = start("--read-only", "--user=1000:1000").probe()
        assert [device.uuid for device in reading.devices] == [A.uuid, B.uuid]


class TestFaults:
    """What a running container's GPUs come to, and the verdict."""

    @pytest.mark.parametrize(
        ("code", "action"),
        [
            (9, Action.GIVE_UP),
            (12, Action.GIVE_UP),
            (18, Action.GIVE_UP),
            (999, Action.RESTART),
        ],
    )
    def test_nvml_does_not_begin(
        self, start: Start, pynvml: str, code: int, action: Action
    ) -> None:
        shown = bench()
        for backend in (start(pynvml, on=shown), start(on=shown)):
            before = backend.baseline()
            shown.show(Gpus(init=code))
            verdict = backend.judge(before)
            assert (verdict.health, verdict.action) == (Health.FAILING, action)
            assert f"NVML {code}" in verdict.reason
            shown.show(Gpus())

    @pytest.mark.parametrize(
        ("broken", "action"),
        [
            (Gpu(B.uuid, open_error=15), Action.GIVE_UP),
            (Gpu(B.uuid, error=15), Action.GIVE_UP),
            (Gpu(B.uuid, error=16), Action.GIVE_UP),
            (Gpu(B.uuid, error=999), Action.RESTART),
            (Gpu(B.uuid, ecc=1), Action.GIVE_UP),
            (Gpu(B.uuid, remap_failed=1), Action.GIVE_UP),
            (Gpu(B.uuid, used_mib=9000), Action.WAIT),
        ],
        ids=["gone", "lost", "reset required", "unknown", "ecc", "remap failure", "stranger"],
    )
    def test_of_one_gpu(self, start: Start, pynvml: str, broken: Gpu, action: Action) -> None:
        backend = start(pynvml)
        before = backend.baseline()
        set_gpus(backend.id, [A, broken])
        verdict = backend.judge(before)
        assert (verdict.health, verdict.action) == (Health.FAILING, action)

    def test_the_count_has_changed(self, start: Start) -> None:
        backend = start()
        before = backend.baseline()
        set_gpus(backend.id, [A])
        verdict = backend.judge(before)
        assert (verdict.action, verdict.devices) == (Action.RECREATE, (B.uuid,))

    def test_the_library_is_missing(self, start: Start) -> None:
        shown = bench()
        shown.show(Gpus(library=False))
        verdict = start(on=shown).judge()
        assert (verdict.health, verdict.action) == (Health.UNKNOWN, Action.NONE)
        assert "capability 'utility'" in verdict.reason

    def test_nvml_hangs(self, start: Start) -> None:
        backend = start()
        before = backend.baseline()
        bench(backend.id).show(Gpus(hang=True))
        verdict = judge_gpu(backend.probe(seconds=1), before, GpuPolicy())
        assert verdict.health is Health.UNKNOWN
        assert "within 1 s" in verdict.reason

    def test_one_that_a_restart_cures(self, start: Start) -> None:
        backend = start()
        bench(backend.id).show(Gpus(init=999), then=[Gpus()])
        assert backend.judge().action is Action.RESTART
        backend.restart()
        assert backend.judge().health is Health.OK

    def test_one_that_takes_a_new_container(self, start: Start) -> None:
        shown = bench()
        shown.show(Gpus(init=999), then=[Gpus(init=999), Gpus()])
        backend = start(on=shown)
        backend.restart()
        assert backend.judge().step(1) is Action.RECREATE
        assert start(on=shown).judge().health is Health.OK


class TestLeftovers:
    """Memory that processes hold, and whose it is."""

    def test_a_leak_is_seen_to_grow_and_is_ours(self, start: Start, pynvml: str) -> None:
        backend = start(pynvml)
        before = backend.baseline()
        backend.hold(B, 1000)
        assert backend.judge(before).health is Health.OK
        backend.hold(B, 1000)
        verdict = backend.judge(before)
        assert (verdict.health, verdict.action) == (Health.FAILING, Action.KILL_LEFTOVERS)
        assert verdict.devices == (B.uuid,)

    def test_ended_leftovers_leave_the_gpu_as_it_was(self, start: Start) -> None:
        backend = start()
        before = backend.baseline()
        backend.hold(A, 5000)
        (process,) = backend.probe().devices[0].processes or ()
        assert (process.memory_used_bytes, process.here) == (5000 * MIB, True)
        backend.kill(process.pid)
        assert backend.judge(before).health is Health.OK

    def test_a_restart_ends_what_is_ours(self, start: Start) -> None:
        backend = start()
        before = backend.baseline()
        backend.hold(A, 5000)
        assert backend.judge(before).action is Action.KILL_LEFTOVERS
        backend.restart()
        assert backend.judge(before).health is Health.OK

    def test_a_stranger_that_the_driver_shows(self, start: Start) -> None:
        backend = start()
        before = backend.baseline()
        set_gpus(backend.id, [Gpu(A.uuid, processes=((2**22 + 1, 5000),)), B])
        verdict = backend.judge(before)
        assert verdict.action is Action.WAIT
        assert str(2**22 + 1) in verdict.reason

    def test_a_stranger_that_the_driver_does_not_show(self, start: Start) -> None:
        shared = bench()
        backend, stranger = start(on=shared), start(on=shared)
        before = backend.baseline()
        stranger.hold(A, 5000)
        assert backend.probe().devices[0].processes == ()
        assert backend.judge(before).action is Action.WAIT
        stranger.restart()
        assert backend.judge(before).health is Health.OK
