"""Orders that measure well: balanced, with warm-ups, and after what experiments depend on."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from engine.campaign.events import Event, RunSettled
from engine.campaign.model import Campaign, Experiment, Order
from engine.campaign.runs.order import latin_row
from engine.campaign.runs.plan import plan
from engine.cli import main
from tests.campaign.stage import Stage
from tests.campaign.sweep.conftest import Findings, Load, findings, load

__all__ = ["findings", "load"]  # fixtures


def campaign(*experiments: Experiment, **more: Any) -> Campaign:
    folder = Path("/c")
    return Campaign("c.yml", "c", folder / "compose.yml", folder / "results", experiments, **more)


def one(name: str, *backends: str, **more: Any) -> Experiment:
    return Experiment(name, backends or ("a",), ("run", name), **more)


def ids(of: Campaign) -> list[str]:
    return [run.id for run in plan(of)]


class TestBalanced:
    @given(st.integers(1, 9))
    def test_each_has_each_place_and_each_predecessor_equally_often(self, size: int) -> None:
        rows = [latin_row(size, row) for row in range(2 * size)]
        places = Counter((place, number) for row in rows for place, number in enumerate(row))
        followed = Counter(pair for row in rows for pair in pairwise(row))
        assert set(places.values()) == {2}
        assert len(places) == size * size
        assert len(followed) == size * (size - 1)
        assert set(followed.values()) <= {2}

    def test_a_round_is_a_repeat_of_every_experiment(self) -> None:
        experiments = [one(name, repeat=4) for name in "wxyz"]
        found = ids(campaign(*experiments, order=Order.BALANCED))
        rounds = [found[at : at + 4] for at in range(0, 16, 4)]
        assert all({run[-3:] for run in each} == {f"-r{n}"} for n, each in enumerate(rounds, 1))
        for place in range(4):
            assert {each[place][2] for each in rounds} == set("wxyz")

    def test_cycles_go_on_with_the_square(self) -> None:
        found = ids(campaign(one("x"), one("y"), order=Order.BALANCED, cycles=2))
        assert found == ["a-x-c1", "a-y-c1", "a-y-c2", "a-x-c2"]

    def test_one_queue_balances_backends_too(self) -> None:
        both = [one(name, "a", "b", repeat=2) for name in "xy"]
        side_by_side = ids(campaign(*both, order=Order.BALANCED))
        one_queue = ids(campaign(*both, order=Order.BALANCED, parallel=False))
        assert [run[0] for run in side_by_side] == list("aaaabbbb")
        assert sorted(one_queue) == sorted(side_by_side)
        assert [run[0] for run in one_queue] != list("aaaabbbb")


class TestWarmUps:
    def test_they_go_before_the_first_that_counts(self) -> None:
        found = plan(campaign(one("x", warmup=2, repeat=2), one("y")))
        assert [run.id for run in found] == ["a-x-w1", "a-x-w2", "a-x-r1", "a-x-r2", "a-y"]
        assert [run.warmup for run in found] == [True, True, False, False, False]

    @pytest.mark.parametrize("order", Order)
    def test_in_every_order_and_cycle(self, order: Order) -> None:
        experiments = [one(name, "a", "b", warmup=1, repeat=3) for name in "xyz"]
        found = ids(campaign(*experiments, order=order, cycles=2, seed=3))
        for backend in "ab":
            for name in "xyz":
                for cycle in "12":
                    prefix = f"{backend}-{name}-c{cycle}-"
                    mine = [run for run in found if run.startswith(prefix)]
                    assert mine[0] == f"{prefix}w1"
                    assert len(mine) == 4
                    assert found.index(mine[1]) == found.index(mine[0]) + 1

    def test_they_are_recorded_and_count_for_nothing(self, stage: Stage) -> None:
        experiments = tuple(evolve(each, warmup=1) for each in stage.campaign.experiments)
        stage.change(experiments=experiments, stop_at_failure_share=0.1)
        stage.fake.will("execute", "alpha", 3)
        states = stage.run()
        assert states["alpha-x-w1"] == "failed"
        assert Counter(states.values()) == {"completed": 7, "failed": 1}
        warm = {record["run"]: record["warmup"] for record in stage.records}
        assert warm == {run: run.endswith("-w1") for run in states}
        summary = stage.runner.summary()
        assert (summary.counts["completed"], summary.counts["failed"]) == (4, 0)
        assert summary.all_completed
        assert "alpha-x-w1 failed: exit code 3 (a warm-up, not counted)" in summary.to_text()

    def test_one_that_fails_leaves_the_exit_code_alone(self, tmp_path: Path) -> None:
        (tmp_path / "docker-compose.yml").write_text("services: {a: {image: none}}\n")
        script = f"test -e {tmp_path}/warm || {{ touch {tmp_path}/warm; exit 3; }}"
        (tmp_path / "campaign.yml").write_text(
            "name: warm\nruntime: process\nexperiments:\n"
            f"  - {{name: x, backend: a, warmup: 1, command: [sh, -c, '{script}']}}\n"
        )
        with pytest.raises(SystemExit) as exited:
            main(["run", str(tmp_path / "campaign.yml")])
        assert exited.value.code == 0


class TestAfter:
    def test_a_run_goes_behind_all_that_it_comes_after(self) -> None:
        first = one("x", after=("y",))
        assert ids(campaign(first, one("y", "b", repeat=2))) == ["b-y-r1", "b-y-r2", "a-x"]

    @given(st.sampled_from(Order), st.integers(0, 5), st.booleans())
    def test_in_every_order(self, order: Order, seed: int, parallel: bool) -> None:  # noqa: FBT001
        chain = [one("z", "a", "b", after=("y",)), one("y", "b", after=("x",)), one("x", "a")]
        found = ids(campaign(*chain, order=order, seed=seed, parallel=parallel, cycles=2))
        for cycle in "12":
            places = {run[2]: found.index(run) for run in found if run.endswith(cycle)}
            assert places["x"] < places["y"] < places["z"]

    def test_across_backends_that_run_side_by_side(self, stage: Stage) -> None:
        x, y = stage.campaign.experiments
        stage.change(experiments=(evolve(x, backends=("alpha",), after=("y",)), y))
        settled: list[str] = []

        def note(event: Event) -> None:
            if isinstance(event, RunSettled):
                settled.append(event.run.id)

        assert set(stage.run(note).values()) == {"completed"}
        assert settled[-1] == "alpha-x"
        assert stage.started[-1] == "alpha-x"

    def test_where_one_fails_what_comes_after_it_is_skipped_with_the_reason(
        self, stage: Stage
    ) -> None:
        x, y = stage.campaign.experiments
        stage.change(experiments=(x, evolve(y, backends=("beta",), after=("x",))))
        stage.fake.will("execute", "alpha", 3)
        assert stage.run() == {"alpha-x": "failed", "beta-x": "completed", "beta-y": "skipped"}
        assert stage.reasons["beta-y"] == "it comes after x, and alpha-x failed"

    ENTRIES = """
    name: chain
    experiments:
      - {name: x, backend: a, command: [x], after: AFTER}
      - {name: y, backend: b, command: ["{{ n }}"], sweep: {matrix: {n: [1, 2]}}, after: [z]}
      - {name: z, backend: a, command: [z]}
    """

    def test_an_entry_of_a_sweep_stands_for_all_its_experiments(self, load: Load) -> None:
        assert ids(load(self.ENTRIES.replace("AFTER", "y"))) == ["a-z", "b-y-n1", "b-y-n2", "a-x"]

    @pytest.mark.parametrize(
        ("after", "path", "what"),
        [
            ("yy", "experiments[0].after", "did you mean 'y'?"),
            ("x", "experiments[0].after", "leads back to x"),
        ],
    )
    def test_what_cannot_be(self, findings: Findings, after: str, path: str, what: str) -> None:
        assert what in findings(self.ENTRIES.replace("AFTER", after))[path]

    def test_a_circle_names_each_link(self, findings: Findings) -> None:
        written = self.ENTRIES.replace("AFTER", "y").replace(
            "command: [z]", "command: [z], after: x"
        )
        found = findings(written)
        assert [*found] == [f"experiments[{index}].after" for index in (0, 1, 2)]
