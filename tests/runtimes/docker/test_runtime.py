"""What is special to the docker runtime, on a real engine, through the manager that users have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine import ContainerManager, Transition
from engine.errors import OwnedElsewhere, StartError
from engine.model.results import Ending
from engine.policy import BackendPolicy, RestartPolicy
from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

PROJECT = f"dockwarden-test-{os.getpid()}"
BASE: dict[str, Any] = {"image": BASE_IMAGE}


@pytest.fixture
def client(engine: Engine) -> Iterator[APIClient]:
    client = connect()
    yield client
    client.close()


@pytest.fixture
def nothing_left(client: APIClient) -> Iterator[None]:
    """No resource of dockwarden is there before, and none afterwards."""

    def ours() -> tuple[list[Any], list[Any]]:
        label = {"label": f"com.docker.compose.project={PROJECT}"}
        return client.containers(all=True, filters=label), client.networks(filters=label)

    assert ours() == ([], [])
    yield
    assert ours() == ([], [])


Compose = Callable[..., Path]


@pytest.fixture
def compose(tmp_path: Path) -> Compose:
    def write(services: dict[str, Any], **top: Any) -> Path:
        file = tmp_path / "docker-compose.yml"
        file.write_text(json.dumps({"name": PROJECT, "services": services, **top}))
        return file

    return write


def manager(file: Path, **options: Any) -> ContainerManager:
    return ContainerManager(file, runtime="docker", **options)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def until_event(client: APIClient, filters: dict[str, Any], act: Callable[[], None]) -> None:
    """Do something and wait until the engine has reported its effect."""
    events = client.events(filters=filters, decode=True)
    act()
    next(iter(events))
    events.close()


@pytest.mark.usefixtures("nothing_left")
def test_compose_sees_our_containers_as_its_own(compose: Compose) -> None:
    file = compose({"alpha": BASE, "beta": BASE, "gamma": BASE})
    with manager(file) as containers:
        containers.start_services(["alpha", "gamma"])
        listed = run("docker", "compose", "-p", PROJECT, "ps", "--format", "json")
        services = {json.loads(line)["Service"] for line in listed.splitlines()}
        assert services == {"alpha", "gamma"}
        assert f"{PROJECT}-alpha-1" in listed


@pytest.mark.usefixtures("nothing_left")
def test_secrets_and_configs_are_there_as_real_compose_hands_them(
    compose: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HANDED", "from a variable")
    (tmp_path / "file").write_text("from a file\n")
    service = {
        **BASE,
        "command": ["sleep", "infinity"],
        "secrets": ["file", {"source": "variable", "uid": "7", "mode": 0o400}],
        "configs": [{"source": "text", "target": "/deep/in/it"}],
    }
    secrets = {"file": {"file": "./file"}, "variable": {"environment": "HANDED"}}
    file = compose({"alpha": service}, secrets=secrets, configs={"text": {"content": "a text"}})
    look = "cd /; for f in run/secrets/file run/secrets/variable deep/in/it; do cat $f; stat -c %u,%a $f; done"

    with manager(file) as containers:
        containers.start_services(["alpha"])
        ours = containers.execute("alpha", ["sh", "-c", look]).stdout.read_text()
    run("docker", "compose", "-f", str(file), "up", "-d")
    theirs = run("docker", "exec", f"{PROJECT}-alpha-1", "sh", "-c", look)
    run("docker", "compose", "-f", str(file), "down", "-t", "0")

    assert "from a variable7,400" in ours
    assert ours == theirs


@pytest.mark.long
@pytest.mark.usefixtures("nothing_left")
def test_long_silent_large_and_odd_output_come_back_whole(compose: Compose) -> None:
    """Silent for longer than the SDK's read timeout of 60 s; 100 MB; no newline; any byte."""
    file = compose({"silent": BASE, "loud": BASE})
    with manager(file) as containers:
        containers.start_services(["silent", "loud"])
        codes: dict[str, int | None] = {}

        def be_silent() -> None:
            ended = containers.execute("silent", ["sh", "-c", "sleep 75; exit 3"])
            codes["silent"] = ended.exit_code

        patient = threading.Thread(target=be_silent)
        patient.start()
        loud = "import sys; sys.stdout.buffer.write(bytes(range(256)) * (100 * 2**20 // 256))"
        ended = containers.execute("loud", ["python3", "-c", loud])
        assert ended.exit_code == 0
        assert ended.stdout.stat().st_size == 100 * 2**20
        with ended.stdout.open("rb") as output:
            assert all(chunk == bytes(range(256)) for chunk in iter(lambda: output.read(256), b""))
        assert (
            containers.execute("loud", ["printf", "no newline"]).stdout.read_text() == "no newline"
        )
        patient.join()
        assert codes == {"silent": 3}


@pytest.mark.usefixtures("nothing_left")
def test_output_belongs_to_the_user_whoever_the_container_runs_as(compose: Compose) -> None:
    with manager(compose({"alpha": {**BASE, "user": "12345:12345"}})) as containers:
        containers.start_services(["alpha"])
        ended = containers.execute("alpha", ["id", "-u"])
        assert ended.stdout.read_text() == "12345\n"
        assert {ended.stdout.stat().st_uid, ended.stderr.stat().st_uid} == {os.getuid()}


@pytest.mark.usefixtures("nothing_left")
def test_one_exec_for_each_experiment_and_none_while_it_runs(
    compose: Compose, client: APIClient
) -> None:
    with manager(compose({"alpha": BASE})) as containers:
        containers.start_services(["alpha"])
        since = client.info()["SystemTime"]
        for _ in range(5):
            containers.execute("alpha", ["sleep", "1"])
        events = run(
            *("docker", "events", "--since", since, "--until", client.info()["SystemTime"]),
            *("--filter", "event=exec_create", "--format", "{{json .}}"),
            *("--filter", f"label=com.docker.compose.project={PROJECT}"),
        )
        assert len(events.splitlines()) == 5


@pytest.mark.usefixtures("nothing_left")
def test_a_container_killed_under_its_experiment_is_a_loss_and_comes_back(
    compose: Compose, client: APIClient
) -> None:
    taken: list[Transition] = []
    with manager(compose({"alpha": BASE}), on_transition=taken.append) as containers:
        containers.start_services(["alpha"])
        started = {"event": "exec_start", "label": f"com.docker.compose.project={PROJECT}"}
        lost: list[Any] = []
        work = threading.Thread(
            target=lambda: lost.append(containers.execute("alpha", ["sleep", "600"]))
        )
        until_event(client, started, work.start)
        client.kill(f"{PROJECT}-alpha-1")
        work.join()
        assert lost[0].ending is Ending.LOST
        again = containers.execute("alpha", ["true"])
        assert (again.exit_code, again.generation) == (0, 2)
    assert [step.target for step in taken if step.event in ("fault", "recover")] == [
        "unhealthy",
        "restarting",
    ]


@pytest.mark.usefixtures("nothing_left")
def test_networks_go_volumes_stay_and_what_is_not_ours_is_untouched(
    compose: Compose, client: APIClient
) -> None:
    foreign = f"{PROJECT}-foreign"
    client.create_network(foreign)
    try:
        file = compose(
            {
                "alpha": {**BASE, "networks": ["inner", "outer"], "volumes": ["cache:/cache"]},
                "beta": {**BASE, "networks": ["inner"]},
            },
            networks={"inner": {}, "outer": {"external": True, "name": foreign}},
            volumes={"cache": {}},
        )
        with manager(file) as containers:
            containers.start_services(["alpha", "beta"])
            found = containers.execute("beta", ["getent", "hosts", "alpha"])
            assert found.exit_code == 0
            containers.execute("alpha", ["sh", "-c", "echo kept >/cache/file"])
        with manager(file) as containers:
            containers.start_services(["alpha"])
            assert (
                containers.execute("alpha", ["cat", "/cache/file"]).stdout.read_text() == "kept\n"
            )
        assert client.networks(names=[foreign])
    finally:
        client.remove_network(foreign)
        client.remove_volume(f"{PROJECT}_cache")


@pytest.mark.usefixtures("nothing_left")
def test_dependencies_and_one_shots_start_first_and_go_too(
    compose: Compose, client: APIClient
) -> None:
    file = compose(
        {
            "alpha": {
                **BASE,
                "depends_on": {
                    "base": {"condition": "service_completed_successfully"},
                    "store": {"condition": "service_healthy"},
                },
            },
            "base": {**BASE, "command": ["true"]},
            "store": {
                **BASE,
                "command": ["sleep", "infinity"],
                "healthcheck": {"test": ["CMD", "true"], "interval": "1s"},
            },
            "unneeded": {"image": "this/is-not-there"},
        }
    )
    with manager(file) as containers:
        containers.start_services(["alpha"])
        assert containers.states == {"alpha": "ready", "store": "ready"}
        label = {"label": f"com.docker.compose.project={PROJECT}"}
        assert len(client.containers(all=True, filters=label)) == 3


@pytest.mark.usefixtures("nothing_left")
def test_an_image_is_built_where_the_file_says_how(compose: Compose, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE_IMAGE} AS one\nARG WORD=none\nENV WORD=$WORD\nFROM one AS two\nENV TWO=yes\n"
    )
    build = {"context": ".", "target": "one", "args": {"WORD": "built"}}
    with manager(compose({"alpha": {"build": build}})) as containers:
        containers.start_services(["alpha"])
        ended = containers.execute("alpha", ["sh", "-c", 'echo "$WORD $TWO"'])
        assert ended.stdout.read_text() == "built \n"
    connect().remove_image(f"{PROJECT}-alpha", force=True)


FAILS: dict[str, tuple[dict[str, Any], str]] = {
    "an image that cannot be had": (
        {"image": "nobody.invalid/nothing:1"},
        "its image nobody.invalid/nothing:1 is not on this engine and could not be pulled",
    ),
    "an image that must not be pulled": (
        {"image": "nobody.invalid/nothing:1", "pull_policy": "never"},
        "pull_policy is never: docker pull nobody.invalid/nothing:1",
    ),
    "a command that is not in the image": (
        {**BASE, "command": ["no-such-program"]},
        "its command cannot be run in its image: check command, entrypoint and keep_alive",
    ),
    "a GPU that is not there": (
        {**BASE, "gpus": [{"driver": "no-such-driver", "count": 1}]},
        "it asks for a GPU and this engine offers none",
    ),
    "a runtime that the engine does not know": (
        {**BASE, "runtime": "no-such-runtime"},
        "the engine does not know the runtime that the compose file names",
    ),
}


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(("service", "reason"), FAILS.values(), ids=FAILS)
def test_what_cannot_start_is_told_with_its_mend(
    compose: Compose, service: dict[str, Any], reason: str
) -> None:
    with manager(compose({"alpha": service})) as containers:
        with pytest.raises(StartError) as caught:
            containers.start_services(["alpha"])
        assert reason in caught.value.reasons["alpha"]


@pytest.mark.usefixtures("nothing_left")
def test_to_wait_for_the_health_of_a_service_without_a_check_is_an_error(compose: Compose) -> None:
    waiting = {**BASE, "depends_on": {"beta": {"condition": "service_healthy"}}}
    with manager(compose({"alpha": waiting, "beta": BASE})) as containers:
        with pytest.raises(StartError) as caught:
            containers.start_services(["alpha"])
        assert "it waits for 'beta' to be healthy" in caught.value.reasons["alpha"]


@pytest.mark.usefixtures("nothing_left")
def test_the_check_of_an_image_is_one(compose: Compose, client: APIClient, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE_IMAGE}\nHEALTHCHECK --interval=100ms CMD true\nCMD sleep infinity\n"
    )
    image = f"{PROJECT}/checked"
    list(client.build(path=str(tmp_path), tag=image, rm=True))
    waiting = {**BASE, "depends_on": {"beta": {"condition": "service_healthy"}}}
    with manager(compose({"alpha": waiting, "beta": {**BASE, "image": image}})) as containers:
        containers.start_services(["alpha"])
    client.remove_image(image, force=True)


@pytest.mark.usefixtures("nothing_left")
def test_the_settings_of_the_docker_cli_hold(
    compose: Compose, client: APIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies reach the container; a credential helper that is not installed stops neither pull nor build."""
    settings = {"credsStore": "absent", "proxies": {"default": {"httpProxy": "http://p:3128"}}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE_IMAGE}\nRUN test $http_proxy = http://p:3128\n"
    )
    built = {"build": str(tmp_path), "command": ["sleep", "infinity"], "pull_policy": "build"}
    with manager(compose({"alpha": built, "beta": {"image": "localhost:1/none"}})) as containers:
        containers.start_services(["alpha"])
        ended = containers.execute("alpha", ["sh", "-c", "echo $HTTP_PROXY"])
        assert ended.stdout.read_text() == "http://p:3128\n"
        with pytest.raises(StartError, match="could not be pulled") as caught:
            containers.start_services(["beta"])
        assert "redential" not in str(caught.value)
    client.remove_image(f"{PROJECT}-alpha", force=True)


@pytest.mark.usefixtures("nothing_left")
def test_a_port_that_is_taken_is_told_with_its_mend(compose: Compose) -> None:
    service = {**BASE, "ports": ["127.0.0.1:18080:80"]}
    with manager(compose({"alpha": service, "beta": service})) as containers:
        with pytest.raises(StartError) as caught:
            containers.start_services(["alpha", "beta"])
        (reason,) = caught.value.reasons.values()
        assert "a port that it publishes is taken" in reason


@pytest.mark.usefixtures("nothing_left")
def test_what_never_gets_healthy_is_told_with_what_the_check_said(compose: Compose) -> None:
    check = {"test": "echo the model is missing; exit 1", "interval": "0.1s", "retries": 2}
    with manager(compose({"alpha": {**BASE, "healthcheck": check}})) as containers:
        with pytest.raises(StartError) as caught:
            containers.start_services(["alpha"])
        assert "the restart budget is spent" in caught.value.reasons["alpha"]
        assert (
            "its health check fails: exit code 1: the model is missing"
            in caught.value.reasons["alpha"]
        )


def test_a_container_that_is_not_ours_is_never_touched(compose: Compose, client: APIClient) -> None:
    config = client.create_container_config(BASE_IMAGE, ["sleep", "infinity"])
    made = client.create_container_from_config(config, name=f"{PROJECT}-alpha-1")
    try:
        with (
            manager(compose({"alpha": BASE})) as containers,
            pytest.raises(OwnedElsewhere, match="was not made by dockwarden"),
        ):
            containers.start_services(["alpha"])
        assert client.inspect_container(made["Id"])["Id"] == made["Id"]
    finally:
        client.remove_container(made["Id"], force=True)


ORPHAN = """
import os, signal, sys
from engine import ContainerManager
manager = ContainerManager(sys.argv[1], runtime="docker", on_controller_exit="keep")
manager.start_services(["alpha"])
print("started", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.usefixtures("nothing_left")
def test_what_a_living_controller_holds_is_refused_and_a_dead_ones_is_taken_over(
    compose: Compose,
) -> None:
    file = compose({"alpha": BASE})
    other = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "started\n"
    with (
        manager(file) as containers,
        pytest.raises(OwnedElsewhere, match=f"belongs to process {other.pid} on"),
    ):
        containers.start_services(["alpha"])
    other.stdin.close()
    other.wait()
    with manager(file) as containers:
        containers.start_services(["alpha"])
        assert containers.execute("alpha", ["true"]).exit_code == 0


@pytest.mark.usefixtures("nothing_left")
def test_what_is_killed_in_its_start_is_said_to_have_been_killed(
    compose: Compose, client: APIClient
) -> None:
    never = {"test": ["CMD", "false"], "interval": "1h", "start_interval": "1h"}
    file = compose({"alpha": {**BASE, "command": ["sleep", "infinity"], "healthcheck": never}})
    policy = BackendPolicy(restart=RestartPolicy(max_restarts=0))
    with manager(file, policies={"alpha": policy}) as containers:
        ours = {"label": f"com.docker.compose.project={PROJECT}", "event": "start"}
        events = client.events(filters=ours, decode=True)
        containers.start_services(["alpha"], wait=False)
        client.kill(next(iter(events))["id"])
        events.close()
        with pytest.raises(StartError) as caught:
            containers.start_services(["alpha"])
        assert "was killed while it started" in caught.value.reasons["alpha"]
        assert "keep_alive" not in caught.value.reasons["alpha"]
