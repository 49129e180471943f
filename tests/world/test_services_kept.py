"""A controller is killed under a run whose backend's own server has parameters of the run."""

from __future__ import annotations

import os
from typing import Any

import pytest
from docker.api import APIClient

from engine.runtimes.exit_status import noted
from tests.world.world import PROJECT, World, shell

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

TALKS_TO_US = shell("echo $N; echo >/world/up; read _ </world/go")


def experiment(number: int, command: list[str], parameter: str) -> dict[str, Any]:
    return {
        "name": f"e{number}",
        "backend": "alpha",
        "command": command,
        "service_env": {"N": parameter},
    }


@pytest.fixture
def kept(world: World, client: APIClient) -> World:
    """e1 and e2 need one server, e3 another; containers outlive their controller, which is killed under e1."""
    world.environment = {"XDG_STATE_HOME": str(world.folder / "state")}
    for pipe in ("up", "go"):
        os.mkfifo(world.folder / pipe)
    tells = shell("echo $N")
    experiments = [
        experiment(1, TALKS_TO_US, "one"),
        experiment(2, tells, "one"),
        experiment(3, tells, "two"),
    ]
    world.write(on_controller_exit="keep", experiments=experiments)
    first = world.run()
    (world.folder / "up").read_text()
    first.kill()
    first.communicate()
    return world


def test_its_container_is_taken_over_for_the_runs_that_need_it(
    kept: World, client: APIClient
) -> None:
    second = kept.run()
    kept.await_line(second, "alpha: adopted container ")
    kept.await_line(second, "alpha-e1 outlived its controller (attempt 1): re-attached to it")
    (kept.folder / "go").write_text("\n")
    code, _, err = kept.end(second)
    assert code == 0, err
    one, two, three = kept.lines()
    assert [one["attempt"], two["attempt"], three["attempt"]] == [1, 1, 1]
    assert [line["stdout_lines"] for line in (one, two, three)] == [["one"], ["one"], ["two"]]
    assert one["container_id"] == two["container_id"] != three["container_id"]
    assert three["restart_cause"] == "another service: N=two"
    assert three["service"] == {"env": {"N": "two"}}


def test_a_container_with_other_parameters_is_not_taken_over(
    kept: World, client: APIClient
) -> None:
    filters = {"label": f"com.docker.compose.project={PROJECT}"}
    (container,) = client.containers(filters=filters)
    ends = {"type": "container", "event": "exec_die", "container": container["Id"]}
    (kept.folder / "go").write_text("\n")
    next(client.events(since=0, filters=ends, decode=True))
    assert noted(kept.shared / "alpha-e1.1") is not None
    second = kept.run("--only", "e3")
    code, out, err = kept.end(second)
    assert code == 0, err
    assert "alpha: adopted container " not in out
    one, three = kept.lines()
    assert [one["ending"], three["stdout_lines"]] == ["exited", ["two"]]
    assert one["container_id"] != three["container_id"]
