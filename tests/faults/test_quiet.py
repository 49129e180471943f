"""A backend is checked before and after an experiment, and never while it runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from docker.api import APIClient

from engine.health import HealthPolicy
from engine.policy import BackendPolicy, HealthChecks
from engine.runtimes.docker.daemon.client import engine_facts
from tests.faults.stage import PROJECT, Stage
from tests.lab.gpu.bench import Gpus, bench

EAGER = BackendPolicy(health=HealthPolicy(every_s=0.2, again_s=0.1))
LONG_S: Final = int(os.environ.get("QUIET_S", "4"))
"""How long the experiment takes beside a check of every second: ``make quiet`` has it take a minute."""

GPUS = {"gpus": [{"driver": "nvidia", "count": -1}]}
CHECKED = {"healthcheck": {"test": "true", "interval": "0.2s"}}


def test_no_exec_of_ours_enters_a_container_while_an_experiment_runs(
    tmp_path: Path, client: APIClient
) -> None:
    seen = bench()
    seen.show(Gpus())
    before, during, after = execs(Stage(tmp_path, client, seen, GPUS, EAGER), Stage.look)
    assert during == 0
    assert before >= 1
    assert after >= 1


def test_the_health_check_of_a_file_is_not_run_while_an_experiment_runs(
    tmp_path: Path, client: APIClient
) -> None:
    stage = Stage(tmp_path, client, bench(), CHECKED, BackendPolicy())
    before, during, after = execs(stage, until_checked)
    assert during == 0
    assert before >= 1
    assert after >= 1, "they go on"


def until_checked(stage: Stage) -> None:
    with stage.events(event="exec_die") as another_one:
        another_one()


def test_a_check_of_every_second_waits_for_the_end_of_an_experiment(
    tmp_path: Path, client: APIClient
) -> None:
    service = {"healthcheck": {"test": "true", "interval": "1s"}}
    stage = Stage(tmp_path, client, bench(), service, BackendPolicy())
    before, during, after = execs(stage, until_checked, seconds=LONG_S)
    assert during == 0
    assert before >= 1
    assert after >= 1, "they go on"


def test_what_the_engine_checks_beside_an_experiment_is_counted(
    tmp_path: Path, client: APIClient
) -> None:
    by_the_engine = BackendPolicy(health=HealthPolicy(checks=HealthChecks.ENGINE))
    stage = Stage(tmp_path, client, bench(), CHECKED, by_the_engine)
    since = engine_facts(client).time
    try:
        stage.start()
        ended = stage.run("sleep 2")
        stage.run("true")
    finally:
        stage.tear_down()
    begun = [
        e["Action"] for e in exec_events(client, since) if e["Action"].startswith("exec_start")
    ]
    first, second = (
        i for i, action in enumerate(begun) if action.endswith((" sleep 2 sh", " true sh"))
    )
    assert ended.health_checks is not None
    assert ended.health_checks >= 2
    assert abs(ended.health_checks - len(begun[first + 1 : second])) <= 1, "as its events say"


def exec_events(client: APIClient, since: int) -> list[dict[str, Any]]:
    """What the engine tells of commands in containers of the project from a moment on."""
    filters = {
        "label": f"com.docker.compose.project={PROJECT}",
        "event": ["exec_create", "exec_start", "exec_die"],
    }
    until = engine_facts(client).time + 1
    return list(client.events(since=since, until=until, filters=filters, decode=True))


def execs(stage: Stage, then: Callable[[Stage], None], *, seconds: int = 3) -> tuple[int, int, int]:
    """How many commands the engine ran in a container before, during and after an experiment.

    Args:
        then: happens after it.
        seconds: how long the experiment takes.
    """
    since = engine_facts(stage.client).time
    try:
        stage.start()
        assert stage.run(f"sleep {seconds}").health_checks == 0
        then(stage)
    finally:
        stage.tear_down()
    events = exec_events(stage.client, since)
    steps = [(e["Action"].partition(":")[0], e["Actor"]["Attributes"]["execID"]) for e in events]
    begun = [i for i, e in enumerate(events) if e["Action"].endswith(f"sh -c sleep {seconds} sh")]
    experiment = steps[begun[0]][1]
    first = steps.index(("exec_start", experiment))
    last = steps.index(("exec_die", experiment))
    starts = [name == "exec_start" for name, _ in steps]
    return sum(starts[:first]), len(steps[first + 1 : last]), sum(starts[last:])
