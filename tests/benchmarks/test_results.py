"""What is kept of the benchmarks, and the page that shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.measure import Benchmark, Turn, at_most
from benchmarks.results import LATEST, PAGE, Outcome, markdown, merged
from benchmarks.table import BENCHMARKS


@contextmanager
def nothing() -> Iterator[Sequence[Turn]]:
    yield ()


OUTCOME = Outcome(
    Benchmark("one", "a title", nothing, 2, (at_most(1.5, "ours", "theirs"),), note="A bound."),
    ({"ours": 2.0, "theirs": 1.0}, {"ours": 4.0, "theirs": 2.0}),
)


def test_the_page_shows_what_was_measured_last() -> None:
    assert markdown(json.loads(LATEST.read_text())) in PAGE.read_text()


def test_every_benchmark_was_measured() -> None:
    assert list(json.loads(LATEST.read_text())) == [one.name for one in BENCHMARKS]


def test_a_goal_that_was_missed_is_said_to_be() -> None:
    table = markdown(merged({}, [OUTCOME], {}))
    assert "| `one`: ours | theirs | at most 1.5 x | 2 x (2 to 2) | **no** |  |" in table
    assert "- `one`: A bound." in table


def test_newer_figures_take_the_place_of_older_ones_and_leave_the_others() -> None:
    before = {"other": {"goals": []}, "one": {"goals": [], "on": {"at": "before"}}}
    results = merged(before, [OUTCOME], {"at": "now"})
    assert results["other"] == before["other"]
    assert results["one"]["on"] == {"at": "now"}
    assert results["one"]["rounds"] == [{"ours": 2.0, "theirs": 1.0}, {"ours": 4.0, "theirs": 2.0}]
    json.dumps(results)


def test_the_command_lists_all_and_refuses_what_it_does_not_know() -> None:
    listed = CliRunner().invoke(main, ["--list"])
    assert [line.split()[0] for line in listed.output.splitlines()] == [
        one.name for one in BENCHMARKS
    ]
    refused = CliRunner().invoke(main, ["speed"])
    assert refused.exit_code == 2
    assert "no benchmark named speed" in refused.output
