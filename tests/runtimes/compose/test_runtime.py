"""What real Compose brings, on a real engine, through the manager that users have."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient
from python_on_whales import DockerClient

from engine import ContainerManager
from engine.errors import ComposeError, OwnedElsewhere, StartError
from engine.model.secrets import project_secrets
from engine.policy import BackendPolicy
from engine.runtimes.selection import read_project
from tests.lab import BASE_IMAGE
from tests.runtimes.compose.conftest import PROJECT

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

BASE: dict[str, Any] = {"image": BASE_IMAGE}

Compose = Callable[..., Path]


def manager(file: Path, **options: Any) -> ContainerManager:
    return ContainerManager(file, runtime="compose", **options)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def said(containers: ContainerManager, service: str, *command: str) -> str:
    ended = containers.execute(service, command)
    assert ended.exit_code == 0, ended.stderr.read_text()
    return ended.stdout.read_text()


@pytest.mark.usefixtures("nothing_left")
def test_everything_that_compose_can_is_there(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets, configs, hooks, builds from inline files, include, extends, profiles, more files."""
    monkeypatch.setenv("OF_ENVIRONMENT", "from the environment")
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    (tmp_path / "secret.txt").write_text("of a file")
    compose({"helper": {**BASE, "environment": {"INCLUDED": "yes"}}}, name="included.yml")
    compose({"base": {"environment": {"EXTENDED": "yes", "DOLLAR": "a$$b"}}}, name="common.yml")
    first = compose(
        {
            "alpha": {
                **BASE,
                "extends": {"file": "common.yml", "service": "base"},
                "profiles": ["special"],
                "secrets": ["file", "environment"],
                "configs": [{"source": "content", "target": "/etc/content"}],
                "post_start": [{"command": ["sh", "-c", "echo hooked >/tmp/hook"]}],
                "networks": {"inner": {"aliases": ["first"]}},
            },
            "beta": {"build": {"context": "."}, "networks": ["inner"]},
        },
        include=["included.yml"],
        secrets={"file": {"file": "secret.txt"}, "environment": {"environment": "OF_ENVIRONMENT"}},
        configs={"content": {"content": "of the file itself"}},
        networks={"inner": {}},
    )
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nENV BUILT=yes\n")
    second = tmp_path / "second.yml"
    second.write_text('{"services": {"alpha": {"environment": {"SECOND": "yes"}}}}')
    with ContainerManager([first, second], runtime="compose") as containers:
        containers.start_services(["alpha", "beta", "helper"])
        assert said(containers, "alpha", "cat", "/run/secrets/file") == "of a file"
        assert (
            said(containers, "alpha", "cat", "/run/secrets/environment") == "from the environment"
        )
        assert said(containers, "alpha", "cat", "/etc/content") == "of the file itself"
        assert said(containers, "alpha", "cat", "/tmp/hook") == "hooked\n"
        line = 'echo "$EXTENDED $SECOND $DOLLAR"'
        assert said(containers, "alpha", "sh", "-c", line) == "yes yes a$b\n"
        assert said(containers, "beta", "printenv", "BUILT") == "yes\n"
        assert said(containers, "helper", "printenv", "INCLUDED") == "yes\n"
        assert said(containers, "beta", "getent", "hosts", "first")
        assert containers.restart_service("alpha")
        assert (
            said(containers, "alpha", "cat", "/run/secrets/environment") == "from the environment"
        )
    run("docker", "rmi", "-f", f"{PROJECT}-beta")


@pytest.mark.usefixtures("nothing_left")
def test_of_containers_named_alike_the_one_that_is_needed_is_made(compose: Compose) -> None:
    alike = {**BASE, "container_name": f"{PROJECT}-one"}
    file = compose(
        {
            "cpu": {**alike, "profiles": ["cpu"]},
            "gpu": {**alike, "profiles": ["gpu"], "depends_on": ["db"]},
            "db": {**BASE, "command": ["sleep", "1000"], "profiles": ["gpu", "data"]},
        }
    )
    with manager(file) as containers:
        containers.start_services(["gpu", "db"])
        assert said(containers, "gpu", "echo", "up") == "up\n"


@pytest.mark.usefixtures("nothing_left")
def test_text_beyond_the_basic_plane_comes_through_and_is_known_as_secret(compose: Compose) -> None:
    token = "\N{ROCKET}token\N{ROCKET}"
    file = compose({"alpha": {**BASE, "environment": {"API_TOKEN": token}}})
    policy = BackendPolicy(keep_alive=("sh", "-c", "sleep 1000 # \N{ROCKET}"))
    with manager(file, policies={"alpha": policy}) as containers:
        containers.start_services(["alpha"])
        assert said(containers, "alpha", "printenv", "API_TOKEN") == f"{token}\n"
    secrets = project_secrets(read_project("compose", file))
    assert token not in secrets.hide(f"it is {token}")


@pytest.mark.usefixtures("nothing_left")
def test_what_is_ours_is_added_and_nothing_else(compose: Compose, api: APIClient) -> None:
    """No restarts but ours, an init process unless the file says no, and the user's own labels stay."""
    file = compose(
        {
            "alpha": {
                **BASE,
                "restart": "always",
                "deploy": {"restart_policy": {"condition": "any"}, "replicas": 3},
                "labels": {"mine": "kept"},
            },
            "beta": {
                **BASE,
                "init": False,
                "command": ["sleep", "infinity"],
                "stop_grace_period": "0.5s",  # nothing hears TERM there
            },
            "gamma": BASE,
        }
    )
    policy = BackendPolicy(keep_alive=("sh", "-c", "sleep $((1000 * 1000))"))
    with manager(file, policies={"gamma": policy}) as containers:
        containers.start_services(["alpha", "beta", "gamma"])
        made = {name: api.inspect_container(f"{PROJECT}-{name}-1") for name in containers.states}
        assert (
            len(api.containers(all=True, filters={"label": f"dockwarden.project={PROJECT}"})) == 3
        )
    hosts = {name: found["HostConfig"] for name, found in made.items()}
    assert {host["RestartPolicy"]["Name"] for host in hosts.values()} == {"no"}
    assert (hosts["alpha"]["Init"], hosts["beta"]["Init"]) == (True, False)
    assert hosts["alpha"]["PortBindings"] in ({}, None)
    assert made["alpha"]["Config"]["Labels"]["mine"] == "kept"
    assert made["alpha"]["Config"]["Labels"]["dockwarden.owner.pid"] == str(os.getpid())
    assert made["alpha"]["Config"]["Cmd"] == ["sleep", "infinity"]
    assert made["gamma"]["Config"]["Cmd"][-1] == "sleep $((1000 * 1000))"


@pytest.mark.usefixtures("nothing_left")
def test_our_file_lies_outside_of_the_users_folders_and_goes(
    compose: Compose, api: APIClient, tmp_path: Path
) -> None:
    modes: list[int] = []

    class Looking(DockerClient):
        @property
        def docker_compose_cmd(self) -> Any:
            ours = Path(str(self.client_config.compose_files[-1]))
            modes.append(stat.S_IMODE(ours.stat().st_mode))
            return super().docker_compose_cmd

    file = compose({"alpha": BASE})
    before = sorted(tmp_path.iterdir())
    with manager(file) as containers:
        containers.start_services(["alpha"])
        assert sorted(tmp_path.iterdir()) == before
        labels = api.inspect_container(f"{PROJECT}-alpha-1")["Config"]["Labels"]
    *theirs, ours = labels["com.docker.compose.project.config_files"].split(",")
    assert theirs == [str(file)]
    assert not Path(ours).exists()
    assert labels["com.docker.compose.project.working_dir"] == str(tmp_path)


@pytest.mark.parametrize("runtime", ["docker", "compose"])
@pytest.mark.usefixtures("nothing_left")
def test_composes_own_commands_work_on_what_we_made(
    compose: Compose, api: APIClient, runtime: Any
) -> None:
    file = compose({"alpha": {**BASE, "command": ["sh", "-c", "echo begun; sleep infinity"]}})
    theirs = ("docker", "compose", "-f", str(file))
    with ContainerManager(file, runtime=runtime) as containers:
        containers.start_services(["alpha"])
        (line,) = run(*theirs, "ps", "--format", "json").splitlines()
        assert (json.loads(line)["Service"], json.loads(line)["State"]) == ("alpha", "running")
        assert "begun" in run(*theirs, "logs", "alpha")
        assert run(*theirs, "exec", "-T", "alpha", "echo", "inside") == "inside\n"
        run(*theirs, "down", "--timeout", "0")
        label = {"label": f"com.docker.compose.project={PROJECT}"}
        assert api.containers(all=True, filters=label) == []


@pytest.mark.usefixtures("nothing_left")
def test_a_client_of_the_users_own_is_used(compose: Compose, api: APIClient) -> None:
    """Its engine, its compose files and its project name hold; the runtime need not be named."""
    used: list[str] = []

    class Recording(DockerClient):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            used.extend(map(str, self.client_config.compose_files))

    file = compose({"alpha": BASE}, name="mine.yml", project="another-name")
    mine = Recording(compose_files=[str(file)], compose_project_name=PROJECT)
    with ContainerManager(docker_client=mine) as containers:
        containers.start_services(["alpha"])
        assert said(containers, "alpha", "echo", "hello") == "hello\n"
        assert api.inspect_container(f"{PROJECT}-alpha-1")["State"]["Running"]
    assert used.count(str(file)) > 1


FAILS: dict[str, tuple[dict[str, Any], str]] = {
    "an image that cannot be had": (
        {"image": "nobody.invalid/nothing:1"},
        "its image, networks or volumes could not be had: Error response from daemon",
    ),
    "a command that is not in the image": (
        {**BASE, "command": ["no-such-program"], "init": False},
        "its command cannot be run in its image: check command, entrypoint and keep_alive",
    ),
    "a secret whose file is not there": (
        {**BASE, "secrets": ["absent"]},
        "a folder that it mounts is not there",
    ),
    "a GPU that is not there": (
        {**BASE, "gpus": [{"driver": "no-such-driver", "count": 1}]},
        "it asks for a GPU and this engine offers none",
    ),
}


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(("service", "reason"), FAILS.values(), ids=FAILS)
def test_what_cannot_start_is_told_with_its_mend(
    compose: Compose, service: dict[str, Any], reason: str
) -> None:
    file = compose({"alpha": service}, secrets={"absent": {"file": "absent.txt"}})
    with manager(file) as containers:
        with pytest.raises(StartError) as caught:
            containers.start_services(["alpha"])
        assert reason in caught.value.reasons["alpha"]


def test_a_file_that_compose_does_not_accept_is_told_in_its_words(compose: Compose) -> None:
    file = compose({"alpha": {**BASE, "no_such_key": 1}})
    with pytest.raises(ComposeError, match=r"Compose says: .*no_such_key"):
        manager(file)


def test_a_container_that_is_not_ours_is_never_touched(compose: Compose, api: APIClient) -> None:
    file = compose({"alpha": {**BASE, "command": ["sleep", "infinity"]}})
    run("docker", "compose", "-f", str(file), "up", "--detach")
    try:
        before = api.inspect_container(f"{PROJECT}-alpha-1")["Id"]
        with (
            manager(file) as containers,
            pytest.raises(OwnedElsewhere, match="was not made by dockwarden"),
        ):
            containers.start_services(["alpha"])
        assert api.inspect_container(f"{PROJECT}-alpha-1")["Id"] == before
    finally:
        run("docker", "compose", "-f", str(file), "down", "--timeout", "0")


@pytest.mark.usefixtures("nothing_left")
def test_networks_that_are_there_already_stay_as_they_are(compose: Compose, api: APIClient) -> None:
    """A network of the user is neither recreated nor removed, and its containers stay on it."""
    kept = {**BASE, "command": ["sleep", "infinity"]}
    file = compose({"alpha": kept, "beta": BASE})
    run("docker", "compose", "-f", str(file), "up", "--detach", "alpha")
    (before,) = api.networks(names=[f"{PROJECT}_default"])
    with manager(file) as containers:
        containers.start_services(["beta"])
        assert said(containers, "beta", "getent", "hosts", "alpha")
    (after,) = api.networks(names=[f"{PROJECT}_default"])
    assert after["Id"] == before["Id"]
    assert api.inspect_container(f"{PROJECT}-alpha-1")["State"]["Running"]
    run("docker", "compose", "-f", str(file), "down", "--timeout", "0")
