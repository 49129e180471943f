"""The leash of a controller on the process runtime, and the companion itself."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from attrs import evolve

from engine.errors import InputError, RuntimeUnavailable, SetupError
from engine.model.spec import Project
from engine.ownership.owner import Owner
from engine.runtimes.base import Cleanup
from engine.runtimes.docker.runtime import DockerRuntime
from engine.runtimes.process import ProcessRuntime
from engine.runtimes.process.backend import OWNER
from engine.runtimes.process.tree import Identity, find
from engine.runtimes.simulated import SimulatedRuntime
from engine.watchdog import Leash, watchdog
from engine.watchdog.cleanup import clear
from engine.watchdog.process import GOODBYE
from tests.fake_runtime import FakeRuntime
from tests.leftovers.place import Files
from tests.leftovers.scenes import program
from tests.watchdog.conftest import ROOT, Start

_MOST_OF_SELECT = 1024
"""The system call of that name takes no descriptor beyond."""

COMPOSE = """
services:
  alpha: {image: none}
  beta: {image: none, command: [sh, -c, "trap '' TERM; while true; do sleep 1000; done"]}
"""

WORK = """
import threading
from engine import ContainerManager
manager = ContainerManager({file!r}, runtime="process", output_dir={output!r}, on_controller_exit="keep")
manager.start_services(["alpha", "beta"])
os.mkfifo({fifo!r})
line = "setsid sleep 1001 & env -i sleep 1002 & echo up >" + {fifo!r} + "; exec sleep 1003"
threading.Thread(target=manager.execute, args=("alpha", ["sh", "-c", line]), daemon=True).start()
assert Path({fifo!r}).read_text() == "up\\n"
"""

WIPED = """
import threading
from engine import ContainerManager
manager = ContainerManager({file!r}, runtime="process", output_dir={output!r}, on_controller_exit="keep")
manager.start_services(["alpha"])
threading.Thread(target=manager.execute, args=("alpha", {command!r}), daemon=True).start()
"""


@pytest.fixture
def work(tmp_path: Path) -> str:
    """Two backends, one of which ignores TERM, and a command that forks, leaves and sheds its marks."""
    file = tmp_path / "docker-compose.yml"
    file.write_text(COMPOSE)
    return WORK.format(file=str(file), output=str(tmp_path / "out"), fifo=str(tmp_path / "up"))


def left_by(owner: Owner) -> set[Identity]:
    """What runs of an owner's, as the process runtime itself marks it."""
    mark = ProcessRuntime(Project("any", Path(), (), {}), owner=owner)._host.owner
    return find(mark, find(mark))


def test_killed_with_everything_running(controller: Start, work: str, log: Path) -> None:
    one = controller("process", work)
    before = left_by(one.owner)
    assert len(before) >= 6
    one.kill()
    assert not left_by(one.owner)
    assert not [process for process in before if process.runs()]
    told = log.read_text()
    assert f"{one.owner} has gone without a goodbye" in told
    assert told.count("removed process") == len(before)
    assert told.endswith("nothing is left\n")
    assert log.stat().st_mode & 0o777 == 0o600


def test_what_wiped_its_environment_and_left_its_session_goes_too(
    controller: Start, tmp_path: Path
) -> None:
    """It is known by the supervisor that was given it, not by what it carries."""
    file, held = tmp_path / "docker-compose.yml", tmp_path / "held"
    file.write_text(COMPOSE)
    held.touch()
    leaves = program("all at once", "in silence")
    work = WIPED.format(
        file=str(file),
        output=str(tmp_path / "out"),
        command=["python3", "-c", leaves, str(held)],
    )
    one = controller("process", work)
    files = Files(tmp_path, str(tmp_path))
    assert files.until(lambda: len(files.holders("held")) == 2)
    one.kill()
    assert not files.holders("held")


@pytest.mark.parametrize(
    "end", ["", "raise SystemExit(3)", "os._exit(3)", "os.execv('/bin/true', ['true'])"]
)
def test_an_end_without_a_goodbye_is_a_death(controller: Start, work: str, end: str) -> None:
    one = controller("process", work, end)
    one.end()
    assert not left_by(one.owner)


def test_after_a_goodbye_nothing_is_touched(controller: Start, work: str, log: Path) -> None:
    one = controller("process", work, "leash.release(); leash.release(); os._exit(0)")
    before = left_by(one.owner)
    one.end()
    try:
        assert left_by(one.owner) == before
        assert not log.exists()
    finally:
        for process in before:
            process.signal(signal.SIGKILL)


def test_another_owners_are_not_touched(controller: Start, work: str, tmp_path: Path) -> None:
    mark = ",".join(f"{name}={value}" for name, value in sorted(Owner.current().labels().items()))
    mine = subprocess.Popen(["sleep", "1004"], env={**os.environ, OWNER: mark})
    try:
        one = controller("process", work)
        one.kill()
        assert mine.poll() is None
    finally:
        mine.kill()
        mine.wait()


def test_a_forked_child_that_keeps_the_pipe_does_not_keep_the_leash(
    controller: Start, log: Path
) -> None:
    fork = "child = os.fork()\nif not child: leash.release(); os.read(0, 1); os._exit(0)"
    one = controller("process", fork)
    one.kill()
    assert "has gone without a goodbye" in log.read_text()


def test_what_goes_to_a_terminals_processes_does_not_reach_it(log: Path) -> None:
    with Leash.hold(Owner.current(), "process", log=log) as leash:
        assert os.getsid(leash.pid) == leash.pid
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            os.kill(leash.pid, number)
        assert leash._companion.poll() is None
    assert leash._companion.returncode == 0
    assert not log.exists()


def test_children_do_not_inherit_the_pipe() -> None:
    with Leash.hold(Owner.current(), "process") as leash:
        assert not os.get_inheritable(leash._pipe)


def test_it_is_held_in_a_program_with_thousands_of_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while stack.enter_context(open(os.devnull)).fileno() <= _MOST_OF_SELECT:  # noqa: PTH123
            pass
        stack.enter_context(Leash.hold(Owner.current(), "process"))


def test_a_leash_that_somebody_cut_is_let_go_of(caplog: pytest.LogCaptureFixture) -> None:
    leash = Leash.hold(Owner.current(), "process")
    os.kill(leash.pid, signal.SIGKILL)
    os.waitid(os.P_PID, leash.pid, os.WEXITED | os.WNOWAIT)
    leash.release()
    assert "the watchdog was gone" in caplog.text


def test_the_working_directory_does_not_stand_in_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    Leash.hold(Owner.current(), "process").release()


@pytest.mark.parametrize("interpreter", ["", "/does/not/exist", "/bin/false"])
def test_one_that_cannot_be_started_is_told(
    monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    monkeypatch.setattr(sys, "executable", interpreter)
    with pytest.raises(SetupError, match="on_controller_exit: keep"):
        Leash.hold(Owner.current(), "process")


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        ("simulated", "cannot clean up after the runtime 'simulated'"),
        ("auto", "cannot clean up after the runtime 'auto'"),
        ("podman", "there is no runtime 'podman'"),
        ("", "there is no runtime ''"),
    ],
)
def test_a_runtime_that_it_could_not_clean_up_after_is_refused_at_once(
    runtime: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        Leash.hold(Owner.current(), runtime)


def reap(*_: object) -> None:
    """Wait for any child that has ended, as some programs do."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


@pytest.mark.parametrize(
    "handler",
    [signal.SIG_IGN, reap],
    ids=["ignored", "reaped"],
)
def test_a_program_may_do_what_it_likes_with_the_ends_of_children(
    log: Path, handler: signal.Handlers
) -> None:
    before = signal.signal(signal.SIGCHLD, handler)
    try:
        with Leash.hold(Owner.current(), "process", log=log):
            pass
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert not log.exists()


def test_one_that_is_forgotten_goes_on_watching(log: Path) -> None:
    """Else it would take down the backends of another manager in this process."""
    leash = Leash.hold(Owner.current(), "process", log=log)
    pid, pipe = leash.pid, leash._pipe
    with pytest.warns(ResourceWarning, match="still running"):
        del leash
    os.write(pipe, GOODBYE)
    os.close(pipe)
    assert os.waitpid(pid, 0) == (pid, 0)
    assert not log.exists()


class TestByDefault:
    """A controller has a watchdog unless the user forbids it, or the runtime needs none."""

    def test_it_watches_over_what_outlasts_the_process(self) -> None:
        owner = evolve(Owner.current(), started="1")
        project = Project("any", Path(), (), {})
        hold = watchdog(ProcessRuntime(project, owner=owner))
        assert hold is not None
        assert hold.args == (owner, "process")  # type: ignore[attr-defined]

    def test_the_docker_runtime_says_which_engine(self) -> None:
        engine = {"DOCKER_HOST": "unix:///nowhere"}
        cleanup = DockerRuntime(Project("any", Path(), (), {}), engine=engine).cleanup
        assert cleanup == Cleanup("docker", Owner.current(), engine)

    def test_nothing_watches_over_what_ends_with_the_process(self) -> None:
        assert watchdog(SimulatedRuntime(Project("any", Path(), (), {}))) is None
        assert watchdog(FakeRuntime()) is None


def test_it_has_loaded_next_to_nothing_while_it_waits() -> None:
    script = (
        "import sys, engine.watchdog.process\n"
        "heavy = {'docker', 'attr', 'asyncio', 'subprocess', 'json', 'logging'} & {*sys.modules}\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


class TestClearing:
    """With a hand that the test moves, on a virtual clock."""

    def clear(self, *outcomes: list[str] | Exception) -> tuple[bool, list[str], float]:
        """What came of it, what was said, and how long it took; the last outcome is repeated."""
        said: list[str] = []
        now_s = 0.0
        queue = list(outcomes)

        def sleep(duration_s: float) -> None:
            nonlocal now_s
            now_s += duration_s

        def hand(_owner: Owner) -> list[str]:
            outcome = queue.pop(0) if len(queue) > 1 else queue[0]
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        done = clear(hand, Owner.current(), said.append, now_s=lambda: now_s, sleep=sleep)
        return done, said, now_s

    def test_looks_again_for_what_was_still_being_made(self) -> None:
        done, said, _ = self.clear(["container a"], [], ["container b"], [])
        assert done
        assert said == ["removed container a", "removed container b", "nothing is left"]

    def test_waits_for_an_engine_that_is_away(self) -> None:
        away = RuntimeUnavailable("no Docker engine answers")
        done, said, _ = self.clear(away, away, ["container a"], [])
        assert done
        assert said[:2] == ["not yet: no Docker engine answers"] * 2

    def test_gives_up_on_one_that_stays_away_and_says_what_to_do(self) -> None:
        done, said, took_s = self.clear(OSError("gone"))
        assert not done
        assert said[-1] == "gave up; dockwarden reap removes what is left"
        assert 600 <= took_s <= 620
        assert len(said) < 100
