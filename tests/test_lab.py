"""The parts of the lab that can be tested without an engine."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab import LabFailed, LabUnavailable, is_up, lab, packages, socket_path
from tests.lab import __main__ as command_line
from tests.lab.gpu import GpuHookCall, gpu_hook_calls, install_gpu_hook
from tests.lab.kinds import DEFAULT_ENGINE, KINDS, find_kind
from tests.lab.lab import remember_engine
from tests.lab.layout import LAB_DIR_VARIABLE, LAB_ENGINE_VARIABLE, Layout, current_layout
from tests.lab.processes import TOKEN_VARIABLE, Process, descendants, marked, spawn_detached

UNIX_SOCKET_PATH_LIMIT = 107
"""What `sun_path` of unix(7) holds, less the byte that ends it."""

Spawn = Callable[..., Process]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Start a shell script that says when it is ready by printing; end it afterwards."""
    started: list[Process] = []

    def start(script: str, **environment: str) -> Process:
        log = tmp_path / f"output-{len(started)}"
        os.mkfifo(log)
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        process = spawn_detached(["/bin/sh", "-c", script], os.environ | environment, log)
        started.append(process)
        os.set_blocking(reader, True)
        assert os.read(reader, 1), "the script ended before it printed anything"
        os.close(reader)
        return process

    yield start
    for process in [*descendants(started), *started]:
        process.signal(signal.SIGKILL)
        assert process.wait_gone(timeout_s=10)


@pytest.fixture
def empty_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A lab that was never brought up."""
    monkeypatch.setenv(LAB_DIR_VARIABLE, str(tmp_path / "lab"))
    monkeypatch.delenv(LAB_ENGINE_VARIABLE, raising=False)
    return current_layout()


class TestLayout:
    def test_the_socket_fits_however_deep_the_folder_is(self) -> None:
        layout = Layout(Path("/", *["very-deep"] * 40))
        containerd = layout.exec_root / "containerd" / "containerd-debug.sock"
        assert len(os.fsencode(layout.socket)) <= UNIX_SOCKET_PATH_LIMIT
        assert len(os.fsencode(containerd)) <= UNIX_SOCKET_PATH_LIMIT

    def test_labs_of_two_folders_share_no_run_folder(self) -> None:
        assert Layout(Path("/a/.lab")).run_dir != Layout(Path("/b/.lab")).run_dir

    def test_the_folder_is_dot_lab_in_the_repository(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(LAB_DIR_VARIABLE, raising=False)
        assert current_layout().base_dir == Path(__file__).resolve().parents[1] / ".lab"

    def test_the_environment_chooses_another_folder(self, empty_lab: Layout) -> None:
        assert socket_path() == empty_lab.socket


class TestKinds:
    """Which engine the lab brings up."""

    def test_the_one_that_was_asked_for_last_is_remembered(self, empty_lab: Layout) -> None:
        assert empty_lab.engine == DEFAULT_ENGINE
        remember_engine("docker-28")
        assert current_layout() == Layout(empty_lab.base_dir, "docker-28")

    def test_the_environment_comes_first(
        self, empty_lab: Layout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        remember_engine("docker-28")
        monkeypatch.setenv(LAB_ENGINE_VARIABLE, "docker-26")
        assert current_layout().engine == "docker-26"

    def test_a_name_that_is_unknown_is_refused_with_those_that_are_known(
        self, empty_lab: Layout, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command_line.main(["up", "--engine", "docker-1"]) == 1
        assert "no engine docker-1; choose one of docker-20, docker-26" in capsys.readouterr().err
        assert current_layout() == empty_lab

    def test_engines_of_one_lab_share_the_cache_and_nothing_else(self) -> None:
        layouts = [Layout(Path("/a"), name) for name in KINDS]
        assert (
            len({one.run_dir for one in layouts})
            == len({one.lab_dir for one in layouts})
            == len(KINDS)
        )
        assert {one.cache_dir for one in layouts} == {Path("/a/cache")}

    @pytest.mark.parametrize(
        ("version", "right"),
        [("28.5.2+dfsg4", True), ("28", True), ("29.0.0", False), ("2.8", False)],
    )
    def test_an_engine_that_is_not_what_its_name_says_is_refused(
        self, *, version: str, right: bool
    ) -> None:
        expected = nullcontext() if right else pytest.raises(LabFailed, match="sid has version")
        with expected:
            find_kind("docker-28").check(version)


class TestProcess:
    def test_a_running_process_is_alive(self, spawn: Spawn) -> None:
        assert spawn("echo; exec sleep 60").alive()

    def test_one_that_took_over_the_pid_is_never_signalled(self, spawn: Spawn) -> None:
        stranger = spawn("echo; exec sleep 60")
        ours = replace(stranger, start_ticks=stranger.start_ticks - 1)
        assert not ours.alive()
        assert not ours.signal(signal.SIGKILL)
        assert ours.wait_gone(timeout_s=0)
        assert stranger.alive()

    def test_one_of_an_earlier_boot_is_never_signalled(self, spawn: Spawn) -> None:
        stranger = spawn("echo; exec sleep 60")
        assert not replace(stranger, boot_id="before").signal(signal.SIGKILL)
        assert stranger.alive()

    def test_its_name_may_hold_what_looks_like_the_end_of_the_name(self, spawn: Spawn) -> None:
        named = spawn("printf 'a) Z 1 (b' > /proc/self/comm; echo; sleep 60 & wait")
        assert (Path("/proc") / str(named.pid) / "comm").read_text() == "a) Z 1 (b\n"
        assert named.alive()

    def test_one_that_ended_but_was_not_waited_for_is_not_alive(self) -> None:
        with subprocess.Popen(["/bin/true"]) as child:
            process = Process.of(child.pid)
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            assert process is not None
            assert not process.alive()

    def test_a_signal_reaches_it_and_its_end_is_noticed(self, spawn: Spawn) -> None:
        process = spawn("echo; exec sleep 60")
        assert not process.wait_gone(timeout_s=0)
        assert process.signal(signal.SIGTERM)
        assert process.wait_gone(timeout_s=10)
        assert not process.signal(signal.SIGTERM)

    def test_one_that_ends_just_before_the_signal_was_not_there(
        self, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        process = spawn("echo; exec sleep 60")
        send = signal.pidfd_send_signal

        def ended_first(pidfd: int, number: int) -> None:
            monkeypatch.undo()
            send(pidfd, signal.SIGKILL)
            os.waitpid(process.pid, 0)
            send(pidfd, number)

        monkeypatch.setattr(signal, "pidfd_send_signal", ended_first)
        assert not process.signal(signal.SIGTERM)

    def test_a_record_names_the_process_that_was_recorded(self, tmp_path: Path) -> None:
        process = Process.of(os.getpid())
        assert process is not None
        process.write(tmp_path / "record.json")
        assert Process.read(tmp_path / "record.json") == process

    @pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"pid": 1}', '{"pid": "x"}'])
    def test_a_record_that_makes_no_sense_names_nobody(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "record.json").write_text(text)
        assert Process.read(tmp_path / "record.json") is None

    def test_no_record_names_nobody(self, tmp_path: Path) -> None:
        assert Process.read(tmp_path / "record.json") is None

    def test_a_token_finds_the_process_and_descent_what_has_shed_the_token(
        self, spawn: Spawn, tmp_path: Path
    ) -> None:
        token = f"test-{tmp_path}"
        shed = f"env -u {TOKEN_VARIABLE} sh -c 'echo; exec sleep 60'"
        process = spawn(f"{shed} & wait", **{TOKEN_VARIABLE: token})
        assert marked(token) == [process]
        assert [found.alive() for found in descendants([process])] == [True]

    def test_part_of_a_token_finds_nothing(self, spawn: Spawn, tmp_path: Path) -> None:
        spawn("echo; exec sleep 60", **{TOKEN_VARIABLE: f"test-{tmp_path}-whole"})
        assert marked(f"test-{tmp_path}") == []


class TestPackages:
    def test_nothing_is_installed_when_nothing_is_lacking(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(packages, "_NEEDS", [packages.Need("sh", "dash")])
        packages.install_what_is_lacking(pytest.fail)

    def test_without_apt_get_it_says_what_is_lacking(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(packages, "SYSTEM_PATH", str(tmp_path))
        with pytest.raises(LabUnavailable, match="lacks dockerd, docker, iptables"):
            packages.install_what_is_lacking(pytest.fail)

    def test_services_are_kept_from_starting_only_meanwhile(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        policy = tmp_path / "policy-rc.d"
        monkeypatch.setattr(packages, "_POLICY", policy)
        with packages._no_service_starts():
            assert subprocess.run([policy], check=False).returncode == 101
        assert not policy.exists()

    def test_a_policy_that_is_there_is_left_as_it_is(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        policy = tmp_path / "policy-rc.d"
        policy.write_text("the owner's")
        monkeypatch.setattr(packages, "_POLICY", policy)
        with packages._no_service_starts():
            assert policy.read_text() == "the owner's"
        assert policy.read_text() == "the owner's"


class TestGpuHook:
    def test_it_notes_which_container_asked_for_which_gpus(
        self, empty_lab: Layout, tmp_path: Path
    ) -> None:
        install_gpu_hook(empty_lab)
        environment = ["PATH=/bin", "NVIDIA_VISIBLE_DEVICES=0,1", "A=b=c"]
        (tmp_path / "config.json").write_text(json.dumps({"process": {"env": environment}}))
        state = json.dumps({"id": "c0ffee", "bundle": str(tmp_path), "pid": 1})
        hook = shutil.which("nvidia-container-runtime-hook", path=str(empty_lab.bin_dir))
        assert hook is not None
        for _ in range(2):
            subprocess.run([hook, "prestart"], input=state, text=True, check=True)
        call = GpuHookCall("c0ffee", str(tmp_path), "0,1")
        assert gpu_hook_calls(empty_lab) == [call, call]

    def test_before_any_call_there_are_none(self, empty_lab: Layout) -> None:
        assert gpu_hook_calls(empty_lab) == []


class TestDown:
    """A lab that was never up, or that this user may not bring up."""

    @pytest.mark.usefixtures("empty_lab")
    def test_it_is_not_up(self) -> None:
        assert not is_up()

    @pytest.mark.usefixtures("empty_lab")
    @pytest.mark.parametrize(("command", "exit_code"), [("status", 1), ("env", 1), ("down", 0)])
    def test_the_command_line_says_so(self, command: str, exit_code: int) -> None:
        assert command_line.main([command]) == exit_code

    @pytest.mark.usefixtures("empty_lab")
    def test_without_root_it_cannot_be_had_and_says_what_to_do(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(LabUnavailable, match="needs root"):
            lab.ensure_up()
        assert command_line.main(["up"]) == 3
        assert "sudo python3 -m tests.lab up" in capsys.readouterr().err
