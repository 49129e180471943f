"""What an experiment asks of its backend's container: a fresh one, or one with other parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from engine.campaign.config.load import load_campaign
from engine.campaign.model import Campaign, Experiment, Isolation, Order
from engine.campaign.persistence.fingerprints import _of_experiment
from engine.campaign.runs.containers import Renewals, renewals
from engine.campaign.runs.plan import plan
from engine.errors import CampaignError, ContainerLost, InputError, NotReady, StartError
from engine.model.results import Transition
from engine.model.service_change import ServiceChange
from tests.campaign.stage import Stage
from tests.fake_runtime import FakeRuntime

ONE, TWO = ServiceChange({"N": "1"}), ServiceChange({"N": "2"})
BAD = ServiceChange(command=("serve", "--bad"))


def experiment(
    name: str,
    service: ServiceChange | None = None,
    *,
    isolation: Isolation = Isolation.REUSE,
    repeat: int = 1,
) -> Experiment:
    command = ("run", name)
    return Experiment(
        name, ("alpha",), command, isolation=isolation, service=service, repeat=repeat
    )


def requests(stage: Stage) -> list[tuple[str, str]]:
    """What was asked of the backend besides faults, and why."""
    steps = [event for event in stage.events if isinstance(event, Transition)]
    return [(e.event, e.reason) for e in steps if e.event in ("restart", "reset", "recover")]


# How fresh the container is


def test_each_run_has_a_container_of_its_own_where_it_asks_for_one(stage: Stage) -> None:
    alone = Isolation.RECREATE
    stage.change(experiments=(experiment("x", isolation=alone, repeat=3),))
    assert set(stage.run().values()) == {"completed"}
    assert len({record["container_id"] for record in stage.records}) == 3
    assert requests(stage) == [("restart", "a new container for the run")] * 2
    assert {record["isolation"] for record in stage.records} == {"recreate"}
    assert stage.runner.controller.backends["alpha"].restarts_left == 2


def test_the_summary_tells_renewals_from_restarts_because_of_faults(stage: Stage) -> None:
    stage.change(experiments=(experiment("x", isolation=Isolation.RECREATE, repeat=3),))
    stage.fake.will("execute", "alpha", 0, ContainerLost("alpha", "it went away"))
    stage.run()
    (alpha,) = stage.runner.summary().backends
    assert (alpha.restarts, alpha.renewals) == (1, 3)


def test_a_restart_in_place_leaves_files_so_a_new_container_is_made_all_the_same(
    stage: Stage,
) -> None:
    stage.change(
        experiments=(
            experiment("x"),
            experiment("y", isolation=Isolation.RESTART),
            experiment("z", isolation=Isolation.RECREATE),
        )
    )
    stage.run()
    x, y, z = [record["container_id"] for record in stage.records]
    assert x == y != z


def test_every_attempt_of_a_run_has_its_own_container(stage: Stage) -> None:
    stage.change(experiments=(experiment("x", isolation=Isolation.RECREATE),))
    stage.change(retry=evolve(stage.campaign.retry, exit_codes=frozenset({1})))
    stage.fake.will("execute", "alpha", 1)
    assert stage.run() == {"alpha-x": "completed"}
    first, second = [record["container_id"] for record in stage.records]
    assert first != second


# Its own parameters


def test_a_backend_is_recreated_once_for_all_runs_with_the_same_service(stage: Stage) -> None:
    stage.change(
        experiments=(experiment("a1", ONE), experiment("b", TWO), experiment("a2", ONE)), cycles=2
    )
    assert set(stage.run().values()) == {"completed"}
    assert stage.fake.made["alpha"] == [ONE, TWO, ONE]
    assert [one.removeprefix("alpha-") for one in stage.started] == [
        *("a1-c1", "a2-c1", "b-c1"),
        *("b-c2", "a1-c2", "a2-c2"),
    ]
    assert [record["service"]["env"]["N"] for record in stage.records] == list("112211")
    assert requests(stage) == [
        ("restart", "another service: N=2"),
        ("restart", "another service: N=1"),
    ]
    assert renewals(plan(stage.campaign)) == {"alpha": Renewals(recreated=2)}


def test_interleaving_keeps_every_run_once_before_any_is_repeated(stage: Stage) -> None:
    stage.change(
        experiments=tuple(
            experiment(name, service, repeat=2)
            for name, service in (("a", ONE), ("b", TWO), ("c", ONE))
        ),
        order=Order.INTERLEAVED,
    )
    stage.run()
    assert [one.removeprefix("alpha-") for one in stage.started] == [
        *("a-r1", "c-r1", "b-r1"),
        *("b-r2", "a-r2", "c-r2"),
    ]
    assert stage.fake.made["alpha"] == [ONE, TWO, ONE]


def test_a_service_that_does_not_start_costs_the_others_nothing(stage: Stage) -> None:
    stage.change(
        experiments=(
            experiment("good", ONE),
            experiment("bad", BAD, repeat=2),
            experiment("last", TWO),
        )
    )
    ended = "its container ended at once with exit code 2; its last lines: no such option --bad"
    stage.fake.will("gate", "alpha", None, NotReady("alpha", ended))
    assert stage.run() == {
        "alpha-good": "completed",
        "alpha-bad-r1": "skipped",
        "alpha-bad-r2": "skipped",
        "alpha-last": "completed",
    }
    why = f"with command serve --bad, its backend is exhausted: {ended}"
    assert {stage.reasons[f"alpha-bad-r{n}"] for n in (1, 2)} == {why}
    assert stage.fake.made["alpha"] == [ONE, BAD, TWO]
    assert stage.runner.controller.backends["alpha"].restarts_left == 2


def test_the_first_service_of_all_may_be_the_bad_one(stage: Stage) -> None:
    stage.change(experiments=(experiment("bad", BAD), experiment("good", ONE)))
    stage.fake.will("gate", "alpha", NotReady("alpha", "ended with exit code 2"))
    assert stage.run() == {"alpha-bad": "skipped", "alpha-good": "completed"}
    assert requests(stage)[-1] == ("reset", "another service: N=1")


def test_where_every_service_is_bad_the_start_has_failed(stage: Stage) -> None:
    stage.change(experiments=(experiment("a", BAD), experiment("b", ONE)))
    stage.fake.will("gate", "alpha", *[NotReady("alpha", "ended with exit code 2")] * 2)
    with pytest.raises(StartError, match="exit code 2"):
        stage.run()
    assert stage.is_down()


def test_a_service_that_kills_its_container_spends_no_budget_of_the_next_one(stage: Stage) -> None:
    stage.change(experiments=(experiment("deadly", ONE, repeat=4), experiment("good", TWO)))

    def die(_event: object) -> None:
        backend = stage.runner.controller.backends.get("alpha")
        if backend is not None and backend.state == "busy" and stage.fake.changes["alpha"] == ONE:
            stage.fake.die("alpha")

    states = stage.run(die)
    assert states.pop("alpha-good") == "completed"
    assert states["alpha-deadly-r4"] == "skipped"
    assert ("reset", "another service: N=2") in requests(stage)


def test_the_record_tells_how_long_a_start_took(stage: Stage) -> None:
    stage.change(experiments=(experiment("x", ONE), experiment("y", TWO)))
    stage.run()
    assert all(record["started_in_s"] >= 0 for record in stage.records)


class Unchangeable(FakeRuntime):
    """A runtime of another package, which knows nothing of changes."""

    change = None  # type: ignore[assignment]


def test_a_runtime_that_cannot_change_services_is_refused_before_anything_starts(
    stage: Stage,
) -> None:
    stage.fake = Unchangeable()
    stage.change(experiments=(experiment("x", ONE),))
    with pytest.raises(InputError, match="the runtime fake cannot change what a service"):
        stage.run()
    assert stage.fake.called("prepare") == 0


def test_secret_parameters_are_in_no_record_and_no_reason(stage: Stage) -> None:
    secret = ServiceChange({"HF_TOKEN": "hf_abcdef"})
    stage.change(experiments=(experiment("x"), experiment("y", secret)))
    stage.run()
    assert stage.records[1]["service"] == {"env": {"HF_TOKEN": "***"}}
    assert requests(stage) == [("restart", "another service: HF_TOKEN=***")]


# As it is written


def written(folder: Path, entry: str, top: str = "") -> Campaign:
    file = folder / "campaign.yml"
    file.write_text(
        f"name: c\n{top}\nexperiments:\n  - {{name: x, backend: alpha, command: [run], {entry}}}\n"
    )
    return load_campaign(file)


@pytest.mark.parametrize(
    ("entry", "top", "isolation"),
    [
        ("repeat: 1", "", Isolation.REUSE),
        ("isolation: recreate", "", Isolation.RECREATE),
        ("cold_start: true", "", Isolation.RESTART),
        ("cold_start: false", "defaults: {isolation: recreate}", Isolation.REUSE),
        ("isolation: reuse", "defaults: {cold_start: true}", Isolation.REUSE),
        ("repeat: 1", "defaults: {isolation: restart}", Isolation.RESTART),
    ],
)
def test_how_isolation_is_chosen(
    tmp_path: Path, entry: str, top: str, isolation: Isolation
) -> None:
    (found,) = written(tmp_path, entry, top).experiments
    assert found.isolation is isolation


def test_the_parameters_of_a_service_add_to_the_defaults(tmp_path: Path) -> None:
    top = "defaults: {service_env: {A: '1', B: '1'}, service_command: [serve]}"
    (found,) = written(tmp_path, "service_env: {B: '2'}", top).experiments
    assert found.service == ServiceChange({"A": "1", "B": "2"}, ("serve",))


@pytest.mark.parametrize(
    ("entry", "top", "complaint"),
    [
        ("isolation: fresh", "", "must be one of reuse, restart, recreate"),
        ("isolation: reuse, cold_start: true", "", "old spelling of isolation: restart"),
        ("service_env: {N: 1}", "", "N must be text"),
        ("service_command: serve", "", "service_command"),
        ("service_env: {N: '1'}", "adopt: compose", "takes containers over as they are"),
        ("isolation: recreate", "adopt: compose", "takes containers over as they are"),
        (
            "service_env: {N: '1'}, targets: beta",
            "",
            "changes alpha, .* and not beta, which it meas",
        ),
        (
            "service_command: [serve]",
            "backends: {alpha: {keep_alive: [sleep, '9']}}",
            "takes the place of the command that x gives the service",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, entry: str, top: str, complaint: str) -> None:
    with pytest.raises(CampaignError, match=complaint):
        written(tmp_path, entry, top)


def test_experiments_of_earlier_versions_have_the_digests_that_they_had() -> None:
    plain = "b5e45d4028d06f55fabafc77817e15afa119324be2043033c7e4948afc724d27"
    cold_start = "bb246684528cc4a71cf28a8029e9fb964a39a08649373a0001f325c94cee504b"
    one = Experiment("x", ("alpha",), ("run",))
    assert _of_experiment(one) == plain
    assert _of_experiment(evolve(one, isolation=Isolation.RESTART)) == cold_start


def test_a_changed_service_is_another_experiment_to_a_resumed_campaign() -> None:
    digests = {_of_experiment(experiment("x", service)) for service in (None, ONE, TWO, BAD)}
    assert len(digests) == 4
