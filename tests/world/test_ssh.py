"""A campaign on an engine that is reached by SSH, through a real SSH server."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

import pytest
from docker.api import APIClient

from tests.world.world import PATIENCE_S, PROJECT, World, shell

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(300)]


def test_a_campaign_runs_there_and_is_cleared_away(
    world: World, client: APIClient, ssh_engine: Mapping[str, str]
) -> None:
    world.environment = ssh_engine
    world.write(shell("echo out; echo err >&2; exit 3"), shell("sleep 600 & echo two"))
    code, out, err = world.end(world.run())
    assert code == 1, err
    assert "alpha-e1 failed: exit code 3" in out
    first, second = world.lines()
    assert (first["stdout_lines"], first["stderr_lines"]) == (["out"], ["err"])
    assert (second["ending"], second["exit_code"]) == ("exited", 0)
    assert [one["command"] for one in second["left"]] == ["sleep 600"]
    assert first["container_id"] == second["container_id"]


def test_the_watchdog_finds_its_way_there(
    world: World, client: APIClient, ssh_engine: Mapping[str, str]
) -> None:
    world.environment = ssh_engine
    world.write(["sleep", "600"])
    first = world.run()
    world.await_line(first, "alpha-e1 started")
    first.kill()
    first.communicate()
    filters = {"label": f"com.docker.compose.project={PROJECT}"}
    until_s = monotonic() + PATIENCE_S
    while client.containers(all=True, filters=filters) or client.networks(filters=filters):
        assert monotonic() < until_s


def test_an_unknown_host_key_is_refused_with_what_to_do(
    world: World, client: APIClient, ssh_engine: Mapping[str, str]
) -> None:
    world.environment = {**ssh_engine, "HOME": str(world.folder)}
    world.write(["true"], runtime="docker")
    code, _, err = world.end(world.run())
    assert code == 2, err
    assert "Traceback" not in err
    assert "not found in known_hosts" in err
    assert "connect to it once by ssh" in err
