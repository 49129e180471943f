"""What runs in a container: its image's own command where it stays up, and a keep-alive elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("client")]

PROJECT: Final = f"dockwarden-own-{os.getpid()}"

ENTER: Final = 'export ENTERED=yes\nexec "$@"'
"""An entrypoint as many images have: it prepares, and becomes what it is given."""

SERVE: Final = '["python3", "-c", "import signal; print(1); signal.pause()"]'
SHAPES: Final = {
    "server": f"CMD {SERVE}",
    "shell": 'CMD ["/bin/bash"]',
    "interpreter": 'CMD ["python3"]',
    "help": 'CMD ["python3", "--help"]',
    "entered": f'ENTRYPOINT ["/enter"]\nCMD {SERVE}',
    "entered-help": 'ENTRYPOINT ["/enter"]\nCMD ["python3", "--version"]',
    "crash": 'CMD ["sh", "-c", "echo no model >&2; exit 3"]',
    "slow-end": 'ENTRYPOINT ["sh", "-c", "sleep 0.5; exec sh"]',
}
"""Images, by what their own command is."""

SLEEP: Final = ["sleep", "infinity"]


@pytest.fixture(scope="module")
def client(lab: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[APIClient]:
    """A client of an engine that has the images; in the end no resource is left on it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in lab.environment.items():
            patch.setenv(name, value)
        client = connect()
        folder = tmp_path_factory.mktemp("images")
        (folder / "enter").write_text(f"#!/bin/sh\n{ENTER}\n")
        (folder / "enter").chmod(0o755)
        for name, lines in SHAPES.items():
            (folder / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nCOPY enter /enter\n{lines}\n")
            built = client.build(path=str(folder), tag=f"{PROJECT}/{name}", rm=True, decode=True)
            assert not [step for step in built if "error" in step]
        yield client
        filters = {"label": f"com.docker.compose.project={PROJECT}"}
        assert client.containers(all=True, filters=filters) == []
        for name in SHAPES:
            client.remove_image(f"{PROJECT}/{name}", force=True)
        client.close()


@frozen
class Ran:
    """A campaign that was run."""

    code: int
    folder: Path
    told: str

    @property
    def records(self) -> list[dict[str, Any]]:
        lines = (self.folder / "results/test/latest/results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def only(self) -> dict[str, Any]:
        (record,) = self.records
        return record


Run = Callable[..., Ran]


@pytest.fixture(params=["docker", pytest.param("compose", marks=pytest.mark.long)])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Run a campaign of one experiment on a backend of an image."""

    def run(
        image: str,
        command: list[str],
        *options: str,
        service: dict[str, Any] | None = None,
        **policy: Any,
    ) -> Ran:
        alpha = {
            "image": f"{PROJECT}/{image}",
            "stop_grace_period": "0s",
            "pull_policy": "never",
            **(service or {}),
        }
        compose = {"name": PROJECT, "services": {"alpha": alpha}}
        (tmp_path / "docker-compose.yml").write_text(json.dumps(compose))
        campaign = {
            "name": "test",
            "runtime": request.param,
            "backends": {"alpha": {"max_restarts": 0, **policy}},
            "experiments": [{"name": "one", "backend": "alpha", "command": command}],
        }
        (tmp_path / "campaign.yml").write_text(json.dumps(campaign))
        argv = [sys.executable, "-m", "dockwarden", "run", str(tmp_path / "campaign.yml")]
        done = subprocess.run([*argv, *options], capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        return Ran(done.returncode, tmp_path, done.stdout + done.stderr)

    return run


LISTED: Final = ["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]


@pytest.mark.parametrize("image", ["server", "entered"])
def test_the_own_server_of_an_image_runs(run: Run, image: str) -> None:
    ran = run(image, LISTED)
    assert ran.code == 0
    assert "signal.pause()" in " ".join(ran.only["stdout_lines"])
    assert ran.only["main"]["keep_alive"] is None


@pytest.mark.parametrize("image", ["shell", "interpreter"])
def test_a_bare_shell_is_kept_up_without_being_tried(run: Run, image: str) -> None:
    ran = run(image, ["true"])
    assert ran.code == 0
    assert ran.only["main"]["keep_alive"] == SLEEP
    assert "bare shell or interpreter" in ran.only["main"]["reason"]


@pytest.mark.parametrize("image", ["help", "entered-help", "slow-end"])
def test_what_ends_at_once_is_kept_up_free_of_charge(run: Run, image: str) -> None:
    ran = run(image, ["true"])
    assert ran.code == 0
    assert ran.only["main"]["keep_alive"] == SLEEP
    assert "ended at once with exit code 0" in ran.only["main"]["reason"]
    assert (ran.only["generation"], ran.only["restart_cause"]) == (1, None)


def test_a_server_that_crashes_is_not_masked(run: Run) -> None:
    ran = run("crash", ["true"])
    assert ran.code != 0
    assert "ended at once with exit code 3" in ran.told
    assert "no model" in ran.told
    assert "keep_alive: always" in ran.told


def test_always_replaces_a_server(run: Run) -> None:
    ran = run("server", LISTED, keep_alive="always")
    assert ran.code == 0
    assert "signal.pause()" not in " ".join(ran.only["stdout_lines"])
    assert ran.only["main"]["keep_alive"] == SLEEP


def test_never_leaves_what_ends_to_end(run: Run) -> None:
    ran = run("help", ["true"], keep_alive="never")
    assert ran.code != 0
    assert "ended at once with exit code 0" in ran.told


def test_a_command_of_the_file_that_ends_at_once_is_kept_up_as_well(run: Run) -> None:
    ran = run("server", ["true"], service={"command": ["echo", "done"]})
    assert ran.code == 0
    assert ran.only["main"]["keep_alive"] == SLEEP


@pytest.mark.parametrize("image", ["entered", "entered-help"])
def test_experiments_go_through_the_entrypoint_where_that_is_asked_for(
    run: Run, image: str
) -> None:
    told = ["sh", "-c", "echo ${ENTERED:-no}"]
    assert run(image, told).only["stdout_lines"] == ["no"]
    through = run(image, told, "--fresh", through_entrypoint=True).only
    assert (through["stdout_lines"], through["through_entrypoint"]) == (["yes"], True)


def test_a_dropped_entrypoint_is_said(run: Run) -> None:
    ran = run("entered-help", ["true"])
    assert ran.only["main"]["dropped_entrypoint"] == ["/enter"]


def test_a_restart_keeps_to_what_was_decided(run: Run) -> None:
    ran = run("help", ["true"], restart_every=1)
    again = run("help", ["true"], "--rerun", "all", restart_every=1)
    assert (ran.code, again.code) == (0, 0)
    assert {one["main"]["keep_alive"][0] for one in again.records} == {"sleep"}


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("server", "its own command runs: its image's command"),
        ("shell", "sleep infinity keeps it up: its image's command is a bare shell"),
    ],
)
def test_the_plan_says_what_the_image_will_have_run(run: Run, image: str, said: str) -> None:
    assert f"alpha: {said}" in run(image, ["true"], "--dry-run").told


def test_the_plan_says_which_entrypoint_does_not_run(run: Run) -> None:
    told = run("entered", ["true"], "--dry-run", keep_alive="always").told
    assert "its entrypoint /enter does not run (through_entrypoint: true" in told
