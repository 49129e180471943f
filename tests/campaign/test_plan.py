"""From a campaign to its runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.campaign.model import Campaign, Experiment, Order, Pauses
from engine.campaign.runs.plan import pause_s, plan, queues


def campaign(*experiments: Experiment, **more: Any) -> Campaign:
    folder = Path("/c")
    return Campaign("c.yml", "c", folder / "compose.yml", folder / "results", experiments, **more)


def one(name: str, *backends: str, repeat: int = 1) -> Experiment:
    return Experiment(name, backends, ("run", name), repeat=repeat)


X_ON_BOTH = one("x", "a", "b", repeat=2)
Y_ON_A = one("y", "a")

campaigns = st.builds(
    lambda lists, order, seed, cycles, parallel: campaign(
        *(one(f"e{n}", *backends, repeat=repeat) for n, (backends, repeat) in enumerate(lists)),
        order=order,
        seed=seed,
        cycles=cycles,
        parallel=parallel,
    ),
    st.lists(
        st.tuples(st.lists(st.sampled_from("abc"), min_size=1, unique=True), st.integers(1, 3)),
        max_size=5,
    ),
    st.sampled_from(Order),
    st.integers(0, 99),
    st.integers(1, 3),
    st.booleans(),
)


def ids(runs: Any) -> list[str]:
    return [run.id for run in runs]


def test_grouped_by_backend_with_repetitions_side_by_side() -> None:
    assert ids(plan(campaign(X_ON_BOTH, Y_ON_A))) == ["a-x-r1", "a-x-r2", "a-y", "b-x-r1", "b-x-r2"]


def test_interleaved_takes_turns_and_repeats_last() -> None:
    planned = plan(campaign(X_ON_BOTH, Y_ON_A, order=Order.INTERLEAVED))
    assert ids(planned) == ["a-x-r1", "b-x-r1", "a-y", "b-x-r2", "a-x-r2"]


def test_shuffled_differs_by_seed_and_by_cycle_and_is_the_same_again() -> None:
    many = [one(f"e{n}", "a") for n in range(8)]
    planned = [
        ids(plan(campaign(*many, order=Order.SHUFFLED, seed=seed, cycles=2))) for seed in (1, 1, 2)
    ]
    assert planned[0] == planned[1] != planned[2]
    first, second = planned[0][:8], planned[0][8:]
    assert [name.removesuffix("-c1") for name in first] != [n.removesuffix("-c2") for n in second]


def test_cycles_go_through_the_list_again() -> None:
    assert ids(plan(campaign(Y_ON_A, cycles=2))) == ["a-y-c1", "a-y-c2"]


@given(campaigns)
def test_in_any_order_the_same_runs_each_once(of: Campaign) -> None:
    planned = plan(of)
    assert len({*ids(planned)}) == len(planned)
    assert sorted(ids(planned)) == sorted(ids(plan(campaign(*of.experiments, cycles=of.cycles))))
    assert [run.cycle for run in planned] == sorted(run.cycle for run in planned)


@given(campaigns)
def test_queues_keep_the_order_and_lose_nothing(of: Campaign) -> None:
    planned = plan(of)
    split = queues(of, planned)
    assert sorted(ids(run for queue in split for run in queue)) == sorted(ids(planned))
    for queue in split:
        assert list(queue) == [run for run in planned if run in queue]
        assert not of.parallel or len({run.backend for run in queue}) == 1


class TestPauses:
    RUNS = plan(campaign(one("x", "a", repeat=2), one("y", "a"), cycles=2))

    @pytest.mark.parametrize(
        ("pauses", "expected"),
        [
            (Pauses(), [0, 0, 0, 0, 0]),
            (Pauses(1), [1, 1, 1, 1, 1]),
            (Pauses(1, 2), [1, 2, 2, 1, 2]),
            (Pauses(1, 2, 3), [1, 2, 3, 1, 2]),
            (Pauses(between_cycles_s=3), [0, 0, 3, 0, 0]),
        ],
    )
    def test_the_widest_boundary_decides(self, pauses: Pauses, expected: list[float]) -> None:
        found = [
            pause_s(pauses, before, after)
            for before, after in zip(self.RUNS, self.RUNS[1:], strict=False)
        ]
        assert found == expected
