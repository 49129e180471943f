"""What a backend's own main process writes is a result: whole, in order, once, under every fault of its reader."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from docker.api import APIClient

from engine import ContainerManager
from engine.errors import StartError
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.docker.logs import follower, writing
from engine.spool.main_log import CUT, MainLog, logs_of
from engine.util.state_folder import state_folder
from tests.lab import BASE_IMAGE
from tests.lab.elsewhere import hidden_from_engine
from tests.world.gate import Gate
from tests.world.test_engine_away import UNTIL_TOLD, events
from tests.world.world import PROJECT, World, shell

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

TICKS = shell(
    "trap 'echo goodbye; exit 0' TERM; i=0; while true; do i=$((i + 1)); echo tick $i; sleep 0.01; done"
)


def serving(command: list[str]) -> dict[str, object]:
    return {"alpha": {"backoff": "0s", "max_restarts": 1, "keep_alive": command}}


def read(log: MainLog) -> list[str]:
    return [log.text_of(line) for line in log.last_lines(10**6, 2**30)]


def ticks(log: MainLog) -> list[int]:
    return [int(line.removeprefix("tick ")) for line in read(log) if line.startswith("tick ")]


def test_nothing_is_missing_or_double_after_the_engine_was_away(
    world: World, client: APIClient, gate: Gate
) -> None:
    world.environment = gate.environment
    world.write(UNTIL_TOLD, ["true"], backends=serving(TICKS))
    with events(client, "exec_start") as started:
        running = world.run()
        started()
    gate.bar()
    world.await_warning(running, "the Docker engine is away")
    with events(client, "exec_die") as ended:
        (world.shared / "go").touch()
        ended()
    gate.open()
    code, _, err = world.end(running)
    assert code == 0, err
    (log,) = logs_of(world.latest, "alpha")
    found = ticks(log)
    assert found == [*range(1, len(found) + 1)]
    assert len(found) > 10, "it went on while the engine was away"


@pytest.mark.parametrize("runtime", ["docker", "compose"])
def test_each_start_has_its_own_log_and_its_last_lines_are_told_once(
    world: World, client: APIClient, runtime: str
) -> None:
    dying = shell(
        "echo up; printf '\\033[31mred\\033[0m\\n'; until test -e /world/go; do sleep 0.02; done;"
        " rm /world/go; echo last words >&2; exit 3"
    )
    world.write(
        shell("touch /world/go; exec sleep 60"),
        ["true"],
        ["true"],
        backends=serving(dying),
        runtime=runtime,
    )
    code, out, err = world.end(world.run("--only", "e1"))
    assert code == 1, err
    assert "\033" not in out + err
    first, second = logs_of(world.latest, "alpha")
    assert [first.generation, second.generation] == [1, 2]
    assert read(first) == ["up", "\033[31mred\033[0m", "last words"]
    assert err.count("last words") == 2  # one start each
    for log in (first, second):
        assert err.count(f"(the whole log is {log.path.resolve()}):") == 1
    assert [one["generation"] for one in world.lines()] == [1, 2]


def test_a_server_that_ends_at_once_is_quoted_once_and_each_skipped_run_refers_to_it(
    world: World, client: APIClient
) -> None:
    world.write(*[["true"]] * 5, backends=serving(shell("echo no licence found; exit 4")))
    code, out, err = world.end(world.run())
    assert code == 2
    assert len(logs_of(world.latest, "alpha")) == 2
    assert err.count("no licence found") == 2
    assert "no licence found" not in out
    assert max(map(len, out.splitlines())) < 400


@pytest.mark.parametrize("runtime", ["docker", "compose"])
def test_what_is_written_after_the_death_of_the_controller_is_fetched_before_the_removal(
    world: World, client: APIClient, runtime: str
) -> None:
    assert_it_is_fetched(world, client, runtime)


def test_so_it_is_from_an_engine_elsewhere(world: World, client: APIClient) -> None:
    results = world.folder / "results"
    results.mkdir()
    with hidden_from_engine(results):
        assert_it_is_fetched(world, client, "docker")
        assert not [*state_folder("logs").iterdir()], "no note is left"


def assert_it_is_fetched(world: World, client: APIClient, runtime: str) -> None:
    world.write(UNTIL_TOLD, backends=serving(TICKS), runtime=runtime)
    with events(client, "exec_start") as started:
        running = world.run()
        started()
    networks = client.events(filters={"type": "network", "event": "destroy"}, decode=True)
    running.kill()
    ours = (one for one in networks if PROJECT in one["Actor"]["Attributes"]["name"])
    next(ours)  # the last that goes
    networks.close()
    running.communicate()
    (log,) = logs_of(world.latest, "alpha")
    assert read(log)[-1] == "goodbye"
    found = ticks(log)
    assert found == [*range(1, len(found) + 1)]


def test_who_takes_a_container_over_goes_on_in_its_log(world: World, client: APIClient) -> None:
    world.write(UNTIL_TOLD, ["true"], backends=serving(TICKS), on_controller_exit="keep")
    with events(client, "exec_start") as started:
        running = world.run()
        started()
    running.send_signal(signal.SIGKILL)
    running.communicate()
    (world.shared / "go").touch()
    code, out, err = world.end(world.run())
    assert code == 0, err
    assert "adopted" in out
    (log,) = logs_of(world.latest, "alpha")
    found = ticks(log)
    assert found == [*range(1, len(found) + 1)]


# From a program


Write = Callable[..., ContainerManager]


@pytest.fixture
def make(tmp_path: Path, client: APIClient) -> Write:
    """Makes a manager of one service, whose container runs a line of shell."""
    (tmp_path / "output").mkdir()

    def make(line: str, **more: object) -> ContainerManager:
        service = {"image": BASE_IMAGE, "stop_grace_period": "0s", **more}
        service["command"] = shell(line.replace("$", "$$"))
        file = tmp_path / "docker-compose.yml"
        file.write_text(json.dumps({"name": PROJECT, "services": {"alpha": service}}))
        policies = {"alpha": BackendPolicy(restart=RestartPolicy(max_restarts=0))}
        return ContainerManager(
            file, runtime="docker", output_dir=tmp_path / "output", policies=policies
        )

    return make


def only_log(tmp_path: Path) -> MainLog:
    (log,) = logs_of(tmp_path / "output", "alpha")
    return log


def test_a_container_that_writes_without_end_is_kept_within_bounds(
    make: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "HEAD_BYTES", 2**16)
    monkeypatch.setattr(writing, "TAIL_BYTES", 2**15)
    monkeypatch.setattr(follower, "_LAST_LINES", 2000)
    with make("yes $(seq 9 | tr -d '\\n')") as manager:
        manager.start_services(["alpha"])
        manager.execute("alpha", ["sleep", "1"])
    log = only_log(tmp_path)
    lines = read(log)
    assert 2**16 <= log.path.stat().st_size <= 2**16 + 2**15 + 2**17
    assert lines.count(CUT.decode().strip()) == 1
    assert {*lines} - {"123456789", "", CUT.decode().strip()} <= {
        lines[lines.index(CUT.decode().strip()) - 1]
    }


def test_it_comes_from_engines_elsewhere(make: Write, tmp_path: Path) -> None:
    with hidden_from_engine(tmp_path / "output"):
        with make("echo over there; exec sleep 600") as manager:
            manager.start_services(["alpha"])
            assert manager.execute("alpha", ["true"]).exit_code == 0
        assert read(only_log(tmp_path)) == ["over there"]


def test_it_comes_from_a_terminal(make: Write, tmp_path: Path) -> None:
    with make("echo at a terminal; exec sleep 600", tty=True) as manager:
        manager.start_services(["alpha"])
    assert read(only_log(tmp_path)) == ["at a terminal\r"]


def test_a_long_line_stays_one(make: Write, tmp_path: Path) -> None:
    with make("seq -s, 30000; exec sleep 600") as manager:
        manager.start_services(["alpha"])
    assert read(only_log(tmp_path)) == [",".join(map(str, range(1, 30001)))]


def test_an_engine_that_keeps_no_output_is_told(
    make: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with make("exec sleep 600", logging={"driver": "none"}) as manager:
        manager.start_services(["alpha"])
    assert read(only_log(tmp_path)) == []
    assert "its logging driver does not let it be read" in caplog.text


def test_what_does_not_start_is_quoted_in_the_error(make: Write, tmp_path: Path) -> None:
    with make("echo no licence found; exit 4") as manager, pytest.raises(StartError) as caught:
        manager.start_services(["alpha"])
    log = only_log(tmp_path)
    assert "no licence found" not in caught.value.reasons["alpha"]
    assert str(caught.value).count("no licence found") == 1
    assert f"{log.path}" in str(caught.value)
