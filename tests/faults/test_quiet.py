"""A backend is looked at and checked before and after an experiment, and never while it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docker.api import APIClient

from engine.health import HealthPolicy
from engine.policy import BackendPolicy
from engine.runtimes.docker.daemon.client import engine_facts
from tests.faults.stage import PROJECT, Stage
from tests.lab.gpu.bench import Gpus, bench

EAGER = BackendPolicy(health=HealthPolicy(every_s=0.2, again_s=0.1))
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

    def until_checked(stage: Stage) -> None:
        with stage.events(event="exec_die") as another_one:
            another_one()

    before, during, after = execs(stage, until_checked)
    assert during == 0
    assert before >= 1
    assert after >= 1, "they go on"


def execs(stage: Stage, then: Callable[[Stage], None]) -> tuple[int, int, int]:
    """How many commands the engine ran in a container before, during and after an experiment of 3 seconds.

    Args:
        then: happens after it.
    """
    since = engine_facts(stage.client).time
    try:
        stage.start()
        assert stage.run("sleep 3").health_checks == 0
        then(stage)
    finally:
        stage.tear_down()
    filters = {
        "label": f"com.docker.compose.project={PROJECT}",
        "event": ["exec_create", "exec_start", "exec_die"],
    }
    until = engine_facts(stage.client).time + 1
    events = list(stage.client.events(since=since, until=until, filters=filters, decode=True))
    steps = [(e["Action"].partition(":")[0], e["Actor"]["Attributes"]["execID"]) for e in events]
    begun = [i for i, e in enumerate(events) if e["Action"].endswith("sh -c sleep 3 sh")]
    experiment = steps[begun[0]][1]
    first = steps.index(("exec_start", experiment))
    last = steps.index(("exec_die", experiment))
    starts = [name == "exec_start" for name, _ in steps]
    return sum(starts[:first]), len(steps[first + 1 : last]), sum(starts[last:])
