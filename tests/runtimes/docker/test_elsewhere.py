"""On an engine that does not see this machine's files commands behave as everywhere, and nothing is lost."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient
from python_on_whales import DockerClient

from engine import ContainerManager
from engine.errors import RuntimeUnavailable
from engine.model.results import Ending
from engine.runtimes.docker.daemon.client import connect
from engine.testing.conformance import CommandBehaviour, HandingBackBehaviour
from tests.lab import BASE_IMAGE, Engine
from tests.lab.elsewhere import behind_tcp, hidden_from_engine
from tests.runtimes.harnesses import DockerHarness, Elsewhere

pytestmark = pytest.mark.docker

PROJECT = f"dockwarden-elsewhere-{os.getpid()}"
CONTEXT = "faraway"
BASE: dict[str, Any] = {"image": BASE_IMAGE}


class TestCommandsElsewhere(Elsewhere, DockerHarness):
    """Those of the suite's tests in which output could be lost; ``make conformance`` runs all of it."""

    test_apart = CommandBehaviour.test_stdout_and_stderr_come_apart
    test_bytes = CommandBehaviour.test_binary_output_comes_byte_for_byte
    test_much = CommandBehaviour.test_much_output_is_complete
    test_silent = CommandBehaviour.test_a_silent_command_leaves_empty_files
    test_meanwhile = CommandBehaviour.test_output_is_in_the_file_while_the_command_runs
    test_death = CommandBehaviour.test_the_death_of_the_container_under_a_command_is_told
    test_kill = CommandBehaviour.test_kill_ends_the_whole_tree
    test_handed = (
        HandingBackBehaviour.test_what_a_command_hands_back_is_in_its_slot_when_it_has_ended
    )
    test_empty = HandingBackBehaviour.test_each_command_begins_with_an_empty_folder
    test_odd = HandingBackBehaviour.test_links_pipes_and_what_is_too_large_are_told_and_left
    fetched = HandingBackBehaviour.fetched


@pytest.fixture
def host(engine: Engine, tmp_path: Path) -> Iterator[str]:
    """The address of an engine that finds nothing in the folder ``output``."""
    (tmp_path / "output").mkdir()
    with ExitStack() as stack:
        stack.enter_context(hidden_from_engine(tmp_path / "output"))
        yield stack.enter_context(behind_tcp(engine))


@pytest.fixture
def context(engine: Engine, host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The name of a context that leads there; no variable does."""
    config = tmp_path / "docker-config"
    config.mkdir()
    (config / "cli-plugins").symlink_to(engine.docker_config / "cli-plugins")
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    create = ["docker", "context", "create", CONTEXT, "--docker", f"host={host}"]
    subprocess.run(create, check=True, capture_output=True)
    return CONTEXT


def _mounted(seen: list[dict[str, Any]]) -> set[str]:
    """The names of the volumes that containers of the project have mounted."""
    made = (one["Actor"] for one in seen if (one["Type"], one["Action"]) == ("container", "create"))
    label = "com.docker.compose.project"
    ours = {actor["ID"] for actor in made if actor["Attributes"].get(label) == PROJECT}
    mounted = (one["Actor"] for one in seen if (one["Type"], one["Action"]) == ("volume", "mount"))
    return {actor["ID"] for actor in mounted if actor["Attributes"].get("container") in ours}


@pytest.fixture
def nothing_left(engine: Engine) -> Iterator[APIClient]:
    """Nothing of the project is left afterwards, no volume either."""
    client = connect({"DOCKER_HOST": engine.docker_host})
    seen: list[dict[str, Any]] = []
    events = client.events(filters={"event": ["create", "mount"]}, decode=True)
    following = threading.Thread(target=lambda: seen.extend(events), daemon=True)
    following.start()
    yield client
    label = {"label": f"com.docker.compose.project={PROJECT}"}
    assert (client.containers(all=True, filters=label), client.networks(filters=label)) == ([], [])
    events.close()
    following.join()
    volumes = _mounted(seen)
    assert volumes, "no container of the project has mounted a volume"
    assert volumes.isdisjoint(one["Name"] for one in client.volumes()["Volumes"] or ())
    client.close()


Make = Callable[..., ContainerManager]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(service: dict[str, Any], **options: Any) -> ContainerManager:
        file = tmp_path / "docker-compose.yml"
        file.write_text(json.dumps({"name": PROJECT, "services": {"alpha": {**BASE, **service}}}))
        return ContainerManager(
            file, output_dir=tmp_path / "output", **{"runtime": "docker", **options}
        )

    return make


SOCKET = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"

LOUD = """
import random, sys, time
source = random.Random(7)
for _ in range(24):
    sys.stdout.buffer.write(source.randbytes(2**20))
    sys.stdout.buffer.flush()
    time.sleep(0.1)
sys.stderr.write("no newline")
"""


@pytest.mark.usefixtures("nothing_left")
def test_large_and_odd_output_comes_whole_and_leaves_no_trace_there(
    make: Make, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it grows, into a container that is read-only and runs as another user."""
    import random

    monkeypatch.setenv("DOCKER_HOST", host)
    with make({"read_only": True, "user": "12345:12345"}) as containers:
        containers.start_services(["alpha"])
        ended = containers.execute("alpha", ["python3", "-c", LOUD])
        assert (ended.exit_code, ended.stderr.read_text()) == (0, "no newline")
        expected = random.Random(7).randbytes(24 * 2**20)
        written = ended.stdout.read_bytes()
        assert hashlib.sha256(written).digest() == hashlib.sha256(expected).digest()
        used = containers.execute("alpha", ["du", "-sk", "/run/dockwarden"])
        assert int(used.stdout.read_text().split()[0]) < 1024


@pytest.mark.usefixtures("nothing_left")
def test_a_silent_command_is_ended_and_a_talking_one_is_not(
    make: Make, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with make({}) as containers:
        containers.start_services(["alpha"])
        talks = "for n in 1 2 3 4 5 6 7; do echo $n; sleep 1; done"
        talking = containers.execute("alpha", ["sh", "-c", talks], silence_s=5)
        assert (talking.ending, talking.exit_code) == (Ending.EXITED, 0)
        silent = containers.execute("alpha", ["sh", "-c", "echo begun; sleep 600"], silence_s=4)
        assert (silent.ending, silent.stdout.read_text()) == (Ending.SILENCE, "begun\n")


@pytest.mark.usefixtures("nothing_left")
def test_a_time_limit_holds_while_output_is_brought(
    make: Make, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setattr("engine.runtimes.docker.commands.output._HURRY_S", 0.0)
    with make({}) as containers:
        containers.start_services(["alpha"])
        ended = containers.execute("alpha", ["yes"], timeout_s=2, max_output_bytes=2**40)
        assert ended.ending is Ending.TIMEOUT
        assert "its stdout was still being brought 0 s after it was ended" in ended.reason
        assert containers.execute("alpha", ["echo", "after"]).stdout.read_text() == "after\n"


@pytest.mark.usefixtures("nothing_left")
def test_what_is_put_in_the_place_of_output_fails_its_own_command(
    make: Make, host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    slot = "S=$(readlink /proc/$$/fd/1); S=${S%/stdout}"
    with make({}) as containers:
        containers.start_services(["alpha"])
        for trick, reason in (
            ("ln -s /etc/hostname $S/stdout", "was replaced: it is a symbolic link"),
            ("mkfifo $S/stdout", "was replaced: it is a pipe"),
            (f"python3 -c '{SOCKET}' $S/stdout", "was replaced: it is a socket"),
            ("mkdir $S/stdout", "was replaced: it is a folder"),
            (
                "ln -s $S/stdout $S/stdout",
                "was replaced: it cannot be reached, as where a link leads to itself",
            ),
            (
                "rm -r $S; ln -s $S $S",
                "was replaced: it cannot be reached, as where a link leads to itself",
            ),
            ("rm -r $S; touch $S", "was replaced: it cannot be reached"),
            ("true", "was removed"),
        ):
            ended = containers.execute("alpha", ["sh", "-c", f"{slot}; rm $S/stdout; {trick}"])
            assert (ended.ending, ended.exit_code) == (Ending.OUTPUT, 0), trick
            assert f"its stdout {reason}" in ended.reason
            assert ended.stdout.read_bytes() == b""
        sparse = containers.execute("alpha", ["sh", "-c", f"{slot}; truncate -s 64M $S/stdout"])
        assert sparse.succeeded
        assert (sparse.stdout.stat().st_size, sparse.stdout.stat().st_blocks) == (2**26, 0)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("runtime", ["docker", "compose"])
def test_a_context_is_followed_by_name(
    make: Make, context: str, monkeypatch: pytest.MonkeyPatch, runtime: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", context)
    with make({}, runtime=runtime) as containers:
        containers.start_services(["alpha"])
        assert containers.execute("alpha", ["echo", "hello"]).stdout.read_text() == "hello\n"


def test_a_clients_context_holds_whatever_the_environment_says(
    make: Make, context: str, nothing_left: APIClient, tmp_path: Path
) -> None:
    """For Compose, for the SDK, and for the companion that cleans up."""
    client = DockerClient(context=context)
    with make({}, runtime="compose", docker_client=client) as containers:
        containers.start_services(["alpha"])
        assert nothing_left.inspect_container(f"{PROJECT}-alpha-1")["State"]["Running"]
        assert containers.execute("alpha", ["echo", "hello"]).stdout.read_text() == "hello\n"


def test_a_context_that_is_not_there_is_an_error(
    make: Make, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "misspelt")
    with (
        make({}) as containers,
        pytest.raises(RuntimeUnavailable, match=r"'misspelt' is not there.*docker context ls"),
    ):
        containers.start_services(["alpha"])
