"""What is special to backends that are local processes."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ExecFailed, LaunchFailed, NotReady
from engine.model.spec import HealthCheck, Mount, MountKind, ServiceSpec
from engine.runtimes.base import Container, Happening
from engine.runtimes.process.backend import BACKEND, REQUEST
from engine.runtimes.process.tree import Identity
from engine.testing.conformance.rig import Rig, until
from engine.testing.conformance.scripts import STAYS, sh
from engine.util import procfs

MakeRig = Callable[..., Rig]
Ours = Callable[[], set[Identity]]


def test_a_container_is_named_by_its_pid_and_start_time(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    container = runner.run(make_rig(ServiceSpec("one")).ready("one"))
    pid = int(container.id.partition(":")[0])
    assert container.id == str(Identity.of(pid))


def test_the_main_process_has_a_session_of_its_own(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    container = runner.run(make_rig(ServiceSpec("one")).ready("one"))
    pid = int(container.id.partition(":")[0])
    assert os.getsid(pid) == pid


def test_a_request_carries_its_marks(make_rig: MakeRig, runner: asyncio.Runner) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        request = rig.request(container, *sh(f'echo "${REQUEST} ${BACKEND}"'))
        done = await rig.run(container, request)
        name, backend = done.stdout.decode().split()
        assert name == request.id
        assert backend.startswith("special/one/")

    runner.run(scenario(make_rig(ServiceSpec("one", environment={BACKEND: "forged"}))))


def test_what_a_command_leaves_in_the_background_ends_with_the_backend(
    make_rig: MakeRig, runner: asyncio.Runner, ours: Ours
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        left = await rig.run(
            container, rig.request(container, *sh("setsid sleep 3600 >/dev/null 2>&1 & echo $!"))
        )
        assert left.exit_code == 0

        async def both() -> bool:  # between its fork and its exec a process shows no mark
            return len(ours()) == 3

        await until(both, "the one that is left behind does not run")
        await rig.runtime.remove("one", grace_s=0)
        assert not ours()

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def test_what_a_command_leaves_in_the_background_ends_by_kill(
    make_rig: MakeRig, runner: asyncio.Runner, ours: Ours
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        request = rig.request(container, *sh("setsid sleep 3600 &"))
        await rig.run(container, request)
        assert len(ours()) == 3
        assert await rig.runtime.kill(container, request, grace_s=10)
        assert len(ours()) == 2

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def test_all_of_a_backend_ends_with_its_main_process(
    make_rig: MakeRig, runner: asyncio.Runner, ours: Ours
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        await rig.run(container, rig.request(container, *sh("setsid sleep 3600 &")))
        os.kill(int(container.id.partition(":")[0]), signal.SIGKILL)
        await rig.until_noticed(Happening.DIED, container)
        assert not ours()

    runner.run(scenario(make_rig(ServiceSpec("one"))))


@pytest.mark.parametrize("turns", range(8))
def test_a_cancelled_launch_leaves_nothing(
    make_rig: MakeRig, runner: asyncio.Runner, ours: Ours, turns: int
) -> None:
    async def scenario(rig: Rig) -> None:
        launch = asyncio.create_task(rig.start("one"))
        for _ in range(turns):
            await asyncio.sleep(0)  # lets the launch come a little further
        launch.cancel()
        await asyncio.wait([launch])
        if launch.cancelled():
            assert await rig.runtime.inspect("one") is None
        else:
            await rig.runtime.remove("one", grace_s=0)
        assert not ours()

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def supervisor_of(container: Container) -> int:
    """The supervisor of a container's processes: the parent of its main process."""
    found = procfs.stat(int(container.id.partition(":")[0]))
    assert found is not None
    return found.parent


def pause(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    while not Identity.of(pid).is_stopped():
        os.sched_yield()


def test_a_paused_main_process_is_seen(make_rig: MakeRig, runner: asyncio.Runner) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        pause(int(container.id.partition(":")[0]))
        seen = await rig.runtime.inspect("one")
        assert seen is not None
        assert (seen.running, seen.paused) == (True, True)

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def test_a_declared_keep_alive_replaces_a_command_that_does_not_stay(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    service = ServiceSpec("one", command=("true",))
    rig = make_rig(service, keep_alive={"one": ("sleep", "3600")})
    runner.run(rig.ready("one"))


def test_an_executable_that_is_nowhere_is_told_before_the_launch(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    rig = make_rig(ServiceSpec("one", command=("no-such-server", "--port", "1")))
    with pytest.raises(LaunchFailed, match=r"no-such-server.*install it") as caught:
        runner.run(rig.runtime.prepare(["one"]))
    assert not caught.value.curable


def test_a_launch_of_what_is_nowhere_fails_for_good(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    rig = make_rig(ServiceSpec("one", command=("no-such-server",)))
    with pytest.raises(LaunchFailed, match="no-such-server: not found") as caught:
        runner.run(rig.runtime.launch("one", rig.folder_of("one")))
    assert not caught.value.curable
    assert runner.run(rig.runtime.inspect("one")) is None


def test_a_launch_into_a_folder_that_is_not_there_says_which(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    mount = Mount(MountKind.BIND, target="/data", source="/no/such/folder")
    rig = make_rig(ServiceSpec("one", working_dir="/data/x", mounts=(mount,)))
    with pytest.raises(LaunchFailed, match="/no/such/folder/x does not exist"):
        runner.run(rig.runtime.launch("one", rig.folder_of("one")))


def test_a_second_launch_is_refused(make_rig: MakeRig, runner: asyncio.Runner) -> None:
    rig = make_rig(ServiceSpec("one"))
    container = runner.run(rig.ready("one"))
    with pytest.raises(LaunchFailed, match=f"runs already, as {container.id}"):
        runner.run(rig.runtime.launch("one", rig.folder_of("one")))


def test_the_gate_tells_how_a_dead_main_process_ended_and_its_lines_are_there(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    rig = make_rig(ServiceSpec("one", command=sh("echo no licence found >&2; exit 4")))
    container = runner.run(rig.start("one"))
    runner.run(rig.until_ended("one"))
    with pytest.raises(NotReady, match=r"exit code 4"):
        runner.run(rig.runtime.gate(container))
    assert runner.run(rig.runtime.logs("one", 5)) == ["no licence found"]


def test_a_health_check_that_takes_too_long_fails_and_is_ended(
    make_rig: MakeRig, runner: asyncio.Runner, ours: Ours
) -> None:
    check = HealthCheck(
        ("CMD-SHELL", "setsid sleep 3600 & sleep 3600"), interval_s=0.01, timeout_s=0.2, retries=1
    )
    rig = make_rig(ServiceSpec("one", healthcheck=check))
    container = runner.run(rig.start("one"))
    with pytest.raises(NotReady, match=r"longer than its timeout of 0\.2 s"):
        runner.run(rig.runtime.gate(container))
    assert len(ours()) == 2


def test_a_cancelled_gate_ends_its_health_check(
    make_rig: MakeRig, runner: asyncio.Runner, ours: Ours
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.start("one")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await rig.runtime.gate(container)
        assert len(ours()) == 2

    check = HealthCheck(("CMD", "sleep", "3600"), interval_s=0.001, timeout_s=3600)
    runner.run(scenario(make_rig(ServiceSpec("one", healthcheck=check))))


def test_a_command_for_a_folder_that_is_not_there_gives_126(
    make_rig: MakeRig, runner: asyncio.Runner, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        request = rig.request(container, "true", working_dir="/data/none")
        done = await rig.run(container, request)
        assert done.exit_code == 126
        assert b"none does not exist" in done.stderr

    mount = Mount(MountKind.BIND, target="/data", source=str(tmp_path))
    runner.run(scenario(make_rig(ServiceSpec("one", mounts=(mount,)))))


def test_a_request_whose_folder_is_gone_has_not_run(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        request = rig.request(container, "true")
        shutil.rmtree(request.folder)
        with pytest.raises(ExecFailed, match=request.id):
            await rig.runtime.execute(container, request)

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def test_a_request_without_a_command_says_so(make_rig: MakeRig, runner: asyncio.Runner) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        with pytest.raises(ExecFailed, match="has no command") as caught:
            await rig.runtime.execute(container, rig.request(container))
        assert not caught.value.curable

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def test_a_command_that_cannot_be_passed_on_gives_126(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        done = await rig.run(container, rig.request(container, "echo", "a\0b"))
        assert done.exit_code == 126
        assert b"cannot be passed on" in done.stderr

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def test_a_machine_short_of_processes_has_not_run_the_request(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        resource.prlimit(supervisor_of(container), resource.RLIMIT_NOFILE, (6, 6))
        with pytest.raises(ExecFailed, match="cannot start a process now") as caught:
            await rig.runtime.execute(container, rig.request(container, "true"))
        assert caught.value.curable

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def test_a_request_to_a_removed_backend_has_not_run(
    make_rig: MakeRig, runner: asyncio.Runner
) -> None:
    async def scenario(rig: Rig) -> None:
        container = await rig.ready("one")
        await rig.runtime.remove("one", grace_s=0)
        request = rig.request(container, *rig.spell(STAYS))
        with pytest.raises(ExecFailed, match="does not run"):
            await rig.runtime.execute(container, request)
        assert await rig.runtime.kill(container, request, grace_s=0)

    runner.run(scenario(make_rig(ServiceSpec("one"))))


def test_what_has_no_effect_is_told_by_service(make_rig: MakeRig) -> None:
    rig = make_rig(ServiceSpec("one", user="1000"), ServiceSpec("two"))
    (warning,) = rig.runtime.warnings["one"]  # type: ignore[attr-defined]
    assert warning.startswith("user: no effect")
    assert "two" not in rig.runtime.warnings  # type: ignore[attr-defined]


_IGNORING = """
import signal, sys
from engine import ContainerManager
signal.signal(signal.SIGCHLD, {handler})
with ContainerManager(sys.argv[1], runtime="process", output_dir=sys.argv[2]) as manager:
    manager.start_services(["one"])
    print(manager.execute("one", ["sh", "-c", "exit 3"]).exit_code)
"""


@pytest.mark.parametrize("handler", ["signal.SIG_IGN", "lambda *_: None"])
def test_exit_codes_come_whatever_the_program_does_with_sigchld(
    tmp_path: Path, handler: str
) -> None:
    compose = tmp_path / "docker-compose.yml"
    compose.write_text("services: {one: {image: none, command: [sleep, infinity]}}")
    program = _IGNORING.format(handler=handler)
    arguments = [sys.executable, "-c", program, str(compose), str(tmp_path / "output")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("3\n", 0), done.stderr
