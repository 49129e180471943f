"""The blocking face, on local processes: what the original design promised, and use from threads."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import engine
from engine import BackendPolicy, ContainerHealthStatus, ContainerManager, Transition
from engine.errors import ComposeError, DispatchError, StartError
from engine.record import Ending

Make = Callable[..., ContainerManager]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(**options: Any) -> ContainerManager:
        services: dict[str, Any] = {name: {"image": "none"} for name in ("pytorch", "vllm")}
        services["broken"] = {"image": "none", "command": "false"}
        file = tmp_path / "docker-compose.yml"
        file.write_text(json.dumps({"name": "manager", "services": services}))
        return ContainerManager(file, runtime="process", **options)

    return make


class TestTheOriginalDesign:
    def test_its_own_check(self) -> None:
        manager = ContainerManager.__new__(ContainerManager)
        for method in (
            *("start_services", "execute_experiment", "check_health"),
            *("restart_service", "check_and_recover", "teardown"),
        ):
            assert callable(getattr(manager, method))
        status = ContainerHealthStatus(service="pytorch", healthy=True, reason="OK")
        assert status.service == "pytorch"
        assert status.healthy is True
        assert {"ContainerManager", "ContainerHealthStatus"} <= {*engine.__all__}

    def test_experiments_are_the_command_the_file_and_yes(self, make: Make) -> None:
        with make(experiment_command=["echo", "experiment"]) as manager:
            manager.start_services(["pytorch"])
            told = manager.execute_experiment("pytorch", "/work/c.yaml", ["--fast"], {"A": "b"})
            assert told == ("experiment /work/c.yaml --yes --fast\n", 0)

    def test_what_could_not_run_at_all_is_a_message_and_1(self, make: Make) -> None:
        with make() as manager:
            message, code = manager.execute_experiment("pytorch", "c.yaml")
            assert code == 1
            assert "pytorch has not been started" in message

    def test_the_true_exit_code_comes_back(self, make: Make) -> None:
        with make(experiment_command=["sh", "-c", "exit 7"]) as manager:
            manager.start_services(["pytorch"])
            assert manager.execute_experiment("pytorch", "c.yaml") == ("", 7)

    def test_a_start_that_fails_is_a_runtime_error(self, make: Make) -> None:
        with make(policies={"broken": BackendPolicy(recover=False)}) as manager:
            with pytest.raises(RuntimeError) as caught:
                manager.start_services(["broken"])
            assert isinstance(caught.value, StartError)

    def test_health_restart_and_running(self, make: Make) -> None:
        with make() as manager:
            assert not manager.check_health("pytorch").healthy
            assert not manager.is_service_running("pytorch")
            manager.start_services(["pytorch"])
            status = manager.check_health("pytorch", gpu_memory_threshold_pct=90.0)
            assert status.service == "pytorch"
            assert status.healthy  # no GPU here: unknown is not unhealthy
            assert manager.is_service_running("pytorch")
            assert manager.restart_service("pytorch")
            assert manager.check_and_recover("pytorch", max_restarts=3).healthy
            manager.teardown(timeout=30)
            assert not manager.is_service_running("pytorch")

    def test_the_with_block_tears_down_on_an_error(self, make: Make) -> None:
        manager = make()

        def fail() -> None:
            with manager:
                manager.start_services(["pytorch"])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert manager.states == {"pytorch": "stopped"}


def test_only_what_was_asked_for_is_started(make: Make) -> None:
    with make() as manager:
        manager.start_services(["vllm"])
        assert manager.states == {"vllm": "ready"}


def test_an_unknown_service_is_told_with_the_nearest(make: Make) -> None:
    with make() as manager, pytest.raises(ComposeError, match="pytorch"):
        manager.start_services(["pytroch"])


def test_several_threads_share_it_and_each_backend_takes_turns(make: Make) -> None:
    taken: list[Transition] = []
    with make(on_transition=taken.append) as manager:
        manager.start_services(["pytorch", "vllm"])
        codes: list[int | None] = []

        def work(service: str) -> None:
            codes.extend(manager.execute(service, ["true"]).exit_code for _ in range(5))

        threads = [threading.Thread(target=work, args=(s,)) for s in ("pytorch", "vllm") * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert codes == [0] * 20
    for name in ("pytorch", "vllm"):
        events = [step.event for step in taken if step.backend == name]
        assert events[2:-2] == ["dispatch", "finish"] * 10


def test_starting_without_waiting(make: Make) -> None:
    with make() as manager:
        manager.start_services(["pytorch"], wait=False)
        assert manager.execute("pytorch", ["true"]).exit_code == 0


def test_a_teardown_in_one_thread_ends_what_another_waits_for(make: Make) -> None:
    busy = threading.Event()
    with make(on_transition=lambda step: busy.set() if step.target == "busy" else None) as manager:
        manager.start_services(["pytorch"])
        ended: list[Any] = []
        waits = threading.Thread(
            target=lambda: ended.append(manager.execute("pytorch", ["sleep", "600"]))
        )
        waits.start()
        assert busy.wait(60)
        manager.teardown(timeout=1)
        waits.join()
        assert ended[0].ending is Ending.INTERRUPTED
        with pytest.raises(DispatchError):
            manager.execute("pytorch", ["true"])


def test_what_is_busy_is_not_disturbed_by_a_check(make: Make) -> None:
    busy = threading.Event()
    with make(on_transition=lambda step: busy.set() if step.target == "busy" else None) as manager:
        manager.start_services(["pytorch"])
        waits = threading.Thread(target=lambda: manager.execute("pytorch", ["sleep", "600"]))
        waits.start()
        assert busy.wait(60)
        status = manager.check_health("pytorch")
        assert (status.healthy, "it is busy" in status.reason) == (True, True)
        manager.teardown(timeout=1)
        waits.join()


def test_output_is_kept_where_it_is_asked_for(make: Make, tmp_path: Path) -> None:
    with make(output_dir=tmp_path / "out") as manager:
        manager.start_services(["pytorch"])
        ended = manager.execute("pytorch", ["echo", "kept"])
    assert ended.stdout.read_text() == "kept\n"
    assert ended.stdout.is_relative_to(tmp_path / "out")


def test_importing_it_costs_no_heavy_package() -> None:
    code = "import engine, sys; print(sorted({'docker', 'rich', 'hypothesis'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
