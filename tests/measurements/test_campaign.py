"""The measurements of experiments are shown in the summary, live view, metrics and report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from engine.campaign.config.load import load_campaign
from engine.campaign.model import Experiment
from engine.campaign.persistence.attempt_output import Written
from engine.campaign.snapshot import of_runner
from engine.errors import CampaignError
from engine.metrics import Metrics
from engine.model.measurements import MetricPattern
from engine.runtimes.base import Container, ExecRequest, ExecResult
from engine.spool import Spool
from engine.util.clock import utc_now
from engine.util.redaction import Secrets
from tests.campaign.stage import Stage
from tests.fake_runtime import FakeRuntime


class Measuring(FakeRuntime):
    """A runtime whose commands hand back the same."""

    async def execute(self, container: Container, request: ExecRequest) -> ExecResult:
        handed = request.folder / "handed"
        (handed / "metrics.json").write_text('{"rate": {"value": 7.5, "unit": "1/s"}, "bad": null}')
        (handed / "artifacts" / "a b.txt").write_text("text")
        return await super().execute(container, request)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.fake = Measuring()
    experiment = Experiment(
        "x", ("alpha",), ("run",), {"API_KEY": "hush-hush"}, params={"size": 8, "of": "hush-hush"}
    )
    stage.change(experiments=(experiment,))
    return stage


def test_the_summary_has_it_and_no_secrets(stage: Stage) -> None:
    stage.run()
    stage.runner.results.secrets = Secrets.of({"API_KEY": "hush-hush"})
    (run,) = stage.runner.summary().to_dict()["runs"]
    assert (run["metrics"], run["units"]) == ({"rate": 7.5}, {"rate": "1/s"})
    path = "alpha/alpha-x/attempt-1/artifacts/a b.txt"
    assert [*run["artifacts"]] == [{"path": path, "bytes": 4}]
    assert len(run["warnings"]) == 1
    assert run["params"] == {"size": 8, "of": "***"}
    assert (stage.campaign.results / "latest" / path).read_text() == "text"


def test_the_live_view_shows_the_last_values(stage: Stage) -> None:
    stage.run()
    (backend,) = of_runner(stage.runner, 0.0).backends
    assert backend.metrics == "x: rate 7.5 1/s"


def test_prometheus_gets_the_numbers_with_their_parameters(stage: Stage) -> None:
    metrics = Metrics()
    stage.run(metrics.event)
    labels = {"backend": "alpha", "experiment": "x", "metric": "rate", "unit": "1/s"}
    (sample,) = [
        one
        for family in metrics.registry.collect()
        for one in family.samples
        if one.name == "dockwarden_experiment_metric"
    ]
    assert (sample.labels | labels, sample.value) == (sample.labels, 7.5)
    assert "size=8" in sample.labels["params"]


def test_a_series_for_each_name_that_a_container_thinks_of_is_bounded(stage: Stage) -> None:
    stage.run()
    record = stage.runner.measured["alpha"]
    metrics = Metrics()
    for number in range(5):
        names = {f"m{number}-{one}": 1.0 for one in range(1000)}
        metrics._measured(evolve(record, metrics=names))
    (family,) = [one for one in metrics.registry.collect() if one.name.endswith("_metric")]
    assert len(family.samples) == 2000


def test_what_a_killed_controller_left_in_the_spool_is_collected(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "alpha")
    spool.make()
    slot = spool.begin("alpha-x.1")
    (slot.folder / "handed" / "metrics.json").write_text('{"n": 1}')
    (slot.folder / "handed" / "artifacts" / "file").write_text("12")
    (slot.folder / "stdout").write_text("loss 3\n")
    (slot.folder / "exit_code").write_text("0\n")
    slot.close()
    experiment = Experiment(
        "x", ("alpha",), ("run",), metrics={"loss": MetricPattern("loss (.*)")}, artifacts=("/o",)
    )
    written = Written(tmp_path, "alpha", "alpha-x.1", Path("alpha/alpha-x/attempt-1"))
    how = written.ended_alone(utc_now(), experiment)
    found = written.measured(experiment, how)
    assert how["ending"] == "exited"
    assert found["metrics"] == {"n": 1.0, "loss": 3.0}
    assert [one.bytes for one in found["artifacts"]] == [2]
    why, missing = found["warnings"]
    assert why.startswith("its container was not there any more")
    assert missing.endswith("/o")


def loaded(folder: Path, **experiment: Any) -> Experiment:
    file = folder / "campaign.yml"
    one = {"name": "x", "backend": "alpha", "command": ["run"], **experiment}
    file.write_text(json.dumps({"name": "c", "experiments": [one]}))
    (found,) = load_campaign(file).experiments
    return found


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ({"metrics": {"a": "("}}, "is no regular expression"),
        ({"metrics": {"a": "(x)(y)"}}, "name the one with the number"),
        ({"metrics": {"a": {"patern": "x"}}}, "did you mean 'pattern'"),
        ({"metrics": {"a": {"pattern": "x", "from": "std"}}}, "must be one of stdout, stderr"),
        ({"metrics": ["a"]}, "must be a mapping of names of metrics"),
        ({"metrics": {"": "x"}}, "no name of a metric"),
        ({"metrics_from": {"file": "a", "values": {"m": "a["}}}, "is no JMESPath"),
        ({"metrics_from": {"file": "a", "values": {"m": "$.a"}}}, "without the leading $"),
        ({"metrics_from": 3}, "must be text or a mapping"),
        ({"artifacts": ["../x"]}, "without '..'"),
        ({"artifacts": ["/*.json"]}, "begin with the name of a folder"),
        ({"artifacts": ["/a/**/b/**"]}, "** at most once"),
        ({"max_artifacts": "much"}, "is no size"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, written: dict[str, Any], what: str
) -> None:
    with pytest.raises(CampaignError) as refused:
        loaded(tmp_path, **written)
    assert what in str(refused.value)


def test_defaults_add_metrics_to_those_of_an_experiment(tmp_path: Path) -> None:
    file = tmp_path / "campaign.yml"
    one = {"name": "x", "backend": "alpha", "command": ["run"], "metrics": {"b": "y"}}
    defaults = {"metrics": {"a": "x"}, "artifacts": "/out"}
    file.write_text(json.dumps({"name": "c", "defaults": defaults, "experiments": [one]}))
    (found,) = load_campaign(file).experiments
    assert [*found.metrics] == ["a", "b"]
    assert found.measure.fetched == ("/out",)
