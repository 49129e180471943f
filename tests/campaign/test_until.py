"""Repeats that go on until a metric is known well enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.campaign.model import Until
from engine.campaign.runs.until import enough, is_needless, t_quantile
from engine.cli import main
from tests.campaign.sweep.conftest import Findings, Load, findings, load

__all__ = ["findings", "load"]  # fixtures

WRITTEN = """
name: known
experiments:
  - {name: x, backend: a, command: [x], until: UNTIL}
"""


@pytest.mark.parametrize(
    ("freedom", "published"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (10, 2.228), (30, 2.042), (120, 1.980)],
)
def test_quantiles_are_those_of_published_tables(freedom: int, published: float) -> None:
    assert t_quantile(freedom) == pytest.approx(published, abs=6e-4)


class TestTheVerdict:
    UNTIL = Until("m", 0.02, 20)

    @pytest.mark.parametrize(
        ("values", "known"),
        [
            ([], False),
            ([10, 10], False),
            ([10, 10, 10], True),
            ([10, 11, 12], False),
            ([10, 10.01, 10.02], True),
            ([-10, -10.01, -10.02], True),
            ([0, 0, 0], True),
            ([-1, 0, 1], False),
        ],
    )
    def test_narrow_enough(self, values: list[float], known: bool) -> None:  # noqa: FBT001
        assert bool(enough(self.UNTIL, values)) == known

    def test_its_reason_says_what_is_known(self) -> None:
        reason = enough(self.UNTIL, [100, 101, 100, 101])
        assert reason == "not needed: m is 100.5 within 0.91% after 4 repeats"
        assert is_needless("skipped", reason)
        assert not is_needless("failed", reason)

    @given(st.lists(st.floats(1, 1e6), min_size=3, max_size=9), st.floats(0.001, 0.5))
    def test_a_wider_interval_never_needs_more(self, values: list[float], ci: float) -> None:
        if enough(Until("m", ci, 20), values):
            assert enough(Until("m", ci * 2, 20), values)


class TestInAFile:
    def test_the_most_repeats_are_planned(self, load: Load) -> None:
        (one,) = load(WRITTEN.replace("UNTIL", "{metric: m, ci: 2 %, at_most: 7}")).experiments
        assert (one.until, one.repeat) == (Until("m", 0.02, 7, 3), 7)

    def test_the_entry_has_the_last_word(self, load: Load) -> None:
        until = "{metric: m, ci: 2%, at_most: 7}"
        ours = WRITTEN.replace("until: UNTIL", "repeat: 2") + f"defaults: {{until: {until}}}\n"
        theirs = WRITTEN.replace("UNTIL", until) + "defaults: {repeat: 2}\n"
        assert [load(one).experiments[0].repeat for one in (ours, theirs)] == [2, 7]
        assert load(ours).experiments[0].until is None

    @pytest.mark.parametrize(
        ("until", "what"),
        [
            ("5", "must be a mapping"),
            ("{metric: m, ci: 2 %}", "needs at_most"),
            ("{metric: m, ci: 2, at_most: 9}", "with its sign, such as 2 %"),
            ("{metric: m, ci: 0 %, at_most: 9}", "with its sign, such as 2 %"),
            ("{metric: m, ci: 2 %, at_most: 1}", "its at_most must be from 2"),
            ("{metric: m, ci: 2 %, at_most: 4, at_least: 5}", "its at_least must be from 2 to 4"),
            ("{metric: m, ci: 2 %, at_mst: 4}", "did you mean 'at_most'?"),
            ("{metric: m, ci: 2 %, at_most: 4}, repeat: 3", "remove repeat, or until"),
        ],
    )
    def test_what_cannot_be_meant(self, findings: Findings, until: str, what: str) -> None:
        assert what in findings(WRITTEN.replace("UNTIL", until))["experiments[0].until"]


Run = Callable[..., tuple[int, dict[str, Any], str]]


class TestInARun:
    @pytest.fixture
    def run(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
        """Runs a campaign whose repeats print the next number of a list."""

        def run(values: str, *arguments: str) -> tuple[int, dict[str, Any], str]:
            (tmp_path / "docker-compose.yml").write_text("services: {a: {image: none}}\n")
            (tmp_path / "values").write_text(values.replace(" ", "\n"))
            here = tmp_path
            script = f"head -n1 {here}/values; sed -i 1d {here}/values"
            (tmp_path / "campaign.yml").write_text(
                "name: known\nruntime: process\nexperiments:\n"
                f"  - {{name: x, backend: a, command: [sh, -c, '{script}'], metrics: {{m: 'm=(.*)'}},"
                " until: {metric: m, ci: 5 %, at_most: 6}}\n"
            )
            with pytest.raises(SystemExit) as exited:
                main(["run", str(tmp_path / "campaign.yml"), "--json", *arguments])
            out, err = capfd.readouterr()
            assert isinstance(exited.value.code, int)
            return exited.value.code, json.loads(out), err

        return run

    def test_it_ends_once_the_metric_is_known(self, run: Run) -> None:
        code, summary, _ = run("m=9.5 m=10 m=10 m=10 m=10 m=10")
        states = [one["state"] for one in summary["runs"]]
        assert states == ["completed"] * 4 + ["skipped"] * 2
        assert summary["runs"][-1]["reason"].startswith("not needed: m is 9.875 within 4.03%")
        assert (code, summary["total"], summary["counts"]["skipped"]) == (0, 4, 0)

    def test_what_was_not_needed_is_not_run_again(self, run: Run) -> None:
        run("m=1 m=1 m=1")
        code, _, err = run("", "--rerun", "skipped")
        assert code == 0
        assert "3 completed, 3 not needed" in err

    def test_repeats_of_earlier_sessions_count(self, run: Run) -> None:
        assert run("m=1", "--only", "repeat=1")[1]["counts"]["completed"] == 1
        code, summary, _ = run("m=1 m=1 m=1 m=1")
        assert (code, summary["resumed"], summary["counts"]["completed"]) == (0, True, 3)

    def test_without_the_metric_it_goes_on_to_the_end_and_says_so(self, run: Run) -> None:
        code, summary, err = run("a b c d e f")
        assert (code, summary["counts"]["completed"]) == (0, 6)
        assert "x: until waits for m, which none of 3 repeats recorded" in err
