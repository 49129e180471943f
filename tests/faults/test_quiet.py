"""A backend with GPUs is looked at before and after an experiment, and never while it runs."""

from __future__ import annotations

from pathlib import Path

from docker.api import APIClient

from engine.health import HealthPolicy
from engine.policy import BackendPolicy
from engine.runtimes.docker.daemon.client import engine_facts
from tests.faults.stage import PROJECT, Stage
from tests.lab.gpu.bench import Gpus, bench

EAGER = BackendPolicy(health=HealthPolicy(every_s=0.2, again_s=0.1))
GPUS = {"gpus": [{"driver": "nvidia", "count": -1}]}


def test_no_exec_of_ours_enters_a_container_while_an_experiment_runs(
    tmp_path: Path, client: APIClient
) -> None:
    seen = bench()
    seen.show(Gpus())
    since = engine_facts(client).time
    stage = Stage(tmp_path, client, seen, GPUS, EAGER)
    try:
        stage.start()
        stage.run("sleep 3")
        stage.look()
    finally:
        stage.tear_down()
    filters = {
        "label": f"com.docker.compose.project={PROJECT}",
        "event": ["exec_create", "exec_start", "exec_die"],
    }
    until = engine_facts(client).time + 1
    events = list(client.events(since=since, until=until, filters=filters, decode=True))
    steps = [(e["Action"].partition(":")[0], e["Actor"]["Attributes"]["execID"]) for e in events]
    begun = [i for i, e in enumerate(events) if e["Action"].endswith("sh -c sleep 3 sh")]
    experiment = steps[begun[0]][1]
    first = steps.index(("exec_start", experiment))
    last = steps.index(("exec_die", experiment))
    assert steps[first + 1 : last] == []
    assert len([step for step in steps[:first] if step[0] == "exec_die"]) >= 1
    assert len([step for step in steps[last:] if step[0] == "exec_create"]) >= 1
