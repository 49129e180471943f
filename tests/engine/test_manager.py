"""The blocking face, on local processes: what the original design promised, and use from threads."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine import BackendPolicy, ContainerManager, Transition
from engine.errors import ComposeError, DispatchError, StartError
from engine.model.results import Ended, Ending

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

    def test_output_that_is_not_kept_is_not_read(
        self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It lies where its container may have put anything: a pipe would be read for ever."""
        os.mkfifo(tmp_path / "stdout")
        now = datetime.now(UTC)
        ended = Ended(
            ending=Ending.INTERRUPTED,
            exit_code=143,
            reason="no room",
            started_at=now,
            ended_at=now,
            duration_s=1.0,
            stdout=tmp_path / "stdout",
            stderr=tmp_path / "stderr",
            container_id="id",
            image=None,
            generation=1,
            since_restart=1,
            restart_cause=None,
            kept=False,
        )
        monkeypatch.setattr(ContainerManager, "execute", lambda *_args, **_more: ended)
        with make() as manager:
            assert manager.execute_experiment("pytorch", "c.yaml") == ("no room", 143)

    def test_a_command_that_is_not_there_has_the_shells_exit_code(self, make: Make) -> None:
        with make(experiment_command=["no-such-program"]) as manager:
            manager.start_services(["pytorch"])
            _, code = manager.execute_experiment("pytorch", "c.yaml")
            assert code in {1, 127}

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


def test_the_compose_file_of_the_working_directory_is_the_default(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make().close()
    monkeypatch.chdir(tmp_path)
    with ContainerManager(runtime="process") as manager:
        assert manager.project.files == (tmp_path / "docker-compose.yml",)
        assert manager.project.directory == tmp_path


@pytest.mark.parametrize("given", [False, True], ids=["the file's folder", "a new folder"])
def test_relative_paths_start_from_the_files_folder_or_from_project_dir(
    make: Make, tmp_path: Path, *, given: bool
) -> None:
    make().close()
    (tmp_path / "deep").mkdir()
    deep = (tmp_path / "docker-compose.yml").rename(tmp_path / "deep" / "docker-compose.yml")
    folder = tmp_path if given else None
    with ContainerManager(deep, folder, runtime="process") as manager:
        assert manager.project.directory == (tmp_path if given else tmp_path / "deep")


def test_several_files_are_merged(make: Make, tmp_path: Path) -> None:
    make().close()
    over = tmp_path / "over.yml"
    over.write_text("services: {pytorch: {environment: {WHO: over}}}")
    files = [tmp_path / "docker-compose.yml", over]
    with ContainerManager(files, runtime="process") as manager:
        manager.start_services(["pytorch"])
        ended = manager.execute("pytorch", ["sh", "-c", "echo $WHO"])
        assert ended.stdout.read_text() == "over\n"


def test_profiles_and_the_projects_name_can_be_given(make: Make) -> None:
    with make(profiles=["dev"], project_name="mine") as manager:
        assert manager.project.profiles == ("dev",)
        assert manager.project.name == "mine"


def test_warnings_about_the_files_are_logged(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "docker-compose.override.yml").write_text("services: {}")
    make().close()
    assert "docker-compose.override.yml lies beside" in caplog.text


def test_its_transitions_can_be_iterated_over_in_a_thread_of_their_own(make: Make) -> None:
    events: list[str] = []
    with make() as manager:
        steps = manager.transitions()
        reader = threading.Thread(target=lambda: events.extend(step.event for step in steps))
        reader.start()
        manager.start_services(["pytorch"])
        manager.execute("pytorch", ["true"])
    reader.join()
    assert events == ["start", "proved_ready", "dispatch", "finish", "stop", "removed"]
    assert [step.event for step in manager.transitions()] == events


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


def test_an_output_folder_may_be_used_again(make: Make, tmp_path: Path) -> None:
    kept = []
    for said in ("first", "second"):
        with make(output_dir=tmp_path / "out") as manager:
            manager.start_services(["pytorch"])
            kept.append(manager.execute("pytorch", ["echo", said]).stdout)
    assert [file.read_text() for file in kept] == ["first\n", "second\n"]


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


def test_the_log_that_an_error_names_is_there_in_the_end(make: Make, tmp_path: Path) -> None:
    policies = {"broken": BackendPolicy(recover=False)}
    with (
        make(policies=policies, output_dir=tmp_path / "output") as manager,
        pytest.raises(StartError) as caught,
    ):
        manager.start_services(["broken"])
    (log,) = re.findall(r"the whole log is (\S+\.log)", str(caught.value))
    assert Path(log).parent == tmp_path / "output" / "broken" / "_log"
    assert Path(log).is_file()
    assert not (tmp_path / "output" / ".spool").exists()
