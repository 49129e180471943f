"""From what a command left behind to numbers: all that can be used, and a warning for the rest."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import Any

import pytest

from engine.measurements import measure
from engine.model.measurements import (
    Declared,
    Measurements,
    MetricPath,
    MetricPattern,
    MetricsFile,
)

WITHIN = PurePath("alpha/run/attempt-1")


class Left:
    """The folder of a command that has ended."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / WITHIN
        (self.folder / "artifacts").mkdir(parents=True)

    def write(self, name: str, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_bytes(data)

    def measure(self, *, succeeded: bool = True, **declared: Any) -> Measurements:
        return measure(self.root, WITHIN, Declared(**declared), succeeded=succeeded)


@pytest.fixture
def left(tmp_path: Path) -> Left:
    return Left(tmp_path)


class TestTheCommandsOwnFile:
    def test_numbers_with_and_without_units_and_nested_names(self, left: Left) -> None:
        left.write(
            "metrics.json",
            '{"tps": {"value": 43.1, "unit": "tokens/s"}, "n": 3, "ttft": {"p50": 1, "p99": {"value": 2}}}',
        )
        found = left.measure()
        assert found.metrics == {"tps": 43.1, "n": 3.0, "ttft.p50": 1.0, "ttft.p99": 2.0}
        assert (found.units, found.warnings) == ({"tps": "tokens/s"}, ())

    @pytest.mark.parametrize(
        ("written", "what"),
        [
            ("NaN", "NaN"),
            ("Infinity", "infinite"),
            ("-1e999", "infinite"),
            ("1" + "0" * 400, "too large"),
            ("true", "true or false"),
            ('"43"', "text"),
            ("null", "null"),
            ("[1]", "a list"),
        ],
    )
    def test_a_value_that_is_no_number_is_named_and_the_others_count(
        self, left: Left, written: str, what: str
    ) -> None:
        left.write("metrics.json", f'{{"bad": {written}, "good": 1}}')
        found = left.measure()
        (warning,) = found.warnings
        assert "bad" in warning
        assert what in warning
        assert found.metrics == {"good": 1.0}

    @pytest.mark.parametrize(
        "written",
        [
            "",
            "{",
            "[1, 2]",
            "43",
            b"\xff\xfe",
            "9" * 10_000,
            "[" * 100_000,
            '{"a": ' * 100_000,
            '{"a": ' * 100 + "1" + "}" * 100,
        ],
        ids=lambda written: repr(written[:10]),
    )
    def test_a_text_that_is_no_mapping_of_numbers_is_one_warning(
        self, left: Left, written: str | bytes
    ) -> None:
        left.write("metrics.json", written)
        found = left.measure()
        (warning,) = found.warnings
        assert warning.startswith("DOCKWARDEN_METRICS")
        assert found.metrics == {}

    def test_a_million_metrics_are_cut(self, left: Left) -> None:
        left.write("metrics.json", json.dumps({f"m{n}": n for n in range(60_000)}))
        found = left.measure()
        assert (len(found.metrics), len(found.warnings)) == (1000, 21)

    @pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
    def test_a_name_that_cannot_be_shown(self, left: Left, name: str) -> None:
        left.write("metrics.json", json.dumps({name: 1}))
        found = left.measure()
        assert (len(found.warnings), dict(found.metrics)) == (1, {})
        assert found.warnings[0].isprintable()


class TestPatterns:
    def test_the_last_line_that_matches_counts(self, left: Left) -> None:
        left.write("stdout", "loss 3\nloss 2\nloss 1.5e0\ndone\n")
        found = left.measure(patterns={"loss": MetricPattern(r"loss (\S+)", "nats")})
        assert (found.metrics, found.units) == ({"loss": 1.5}, {"loss": "nats"})

    def test_the_group_called_value_is_the_number(self, left: Left) -> None:
        left.write("stdout", "step 7: loss 2\n")
        pattern = MetricPattern(r"step (\d+): loss (?P<value>\d+)")
        assert left.measure(patterns={"loss": pattern}).metrics == {"loss": 2.0}

    def test_a_stream_is_chosen_or_both_are_searched(self, left: Left) -> None:
        left.write("stdout", "x 1\n")
        left.write("stderr", "x 2\ny 3\n")
        found = left.measure(
            patterns={
                "first": MetricPattern(r"x (\d)"),
                "second": MetricPattern(r"x (\d)", stream="stderr"),
                "third": MetricPattern(r"y (\d)"),
            }
        )
        assert found.metrics == {"first": 1.0, "second": 2.0, "third": 3.0}

    def test_a_progress_bar_is_as_many_lines_as_it_was_drawn_times(self, left: Left) -> None:
        left.write("stdout", "10% 5 it/s\r50% 6 it/s\r100% 7 it/s\n")
        assert left.measure(patterns={"its": MetricPattern(r"(\d+) it/s")}).metrics == {"its": 7.0}

    def test_what_is_missing_is_a_warning_only_where_the_command_succeeded(
        self, left: Left
    ) -> None:
        left.write("stdout", "Traceback\n")
        patterns = {"loss": MetricPattern(r"loss (\S+)")}
        assert len(left.measure(patterns=patterns).warnings) == 1
        assert left.measure(patterns=patterns, succeeded=False).warnings == ()

    def test_what_matches_and_is_no_number(self, left: Left) -> None:
        left.write("stdout", "loss inf\n")
        found = left.measure(patterns={"loss": MetricPattern(r"loss (\S+)")})
        assert (len(found.warnings), dict(found.metrics)) == (1, {})

    def test_a_line_without_end_is_searched_at_its_beginning(self, left: Left) -> None:
        left.write("stdout", "x 1 " + "y" * 10**6)
        assert left.measure(patterns={"x": MetricPattern(r"x (\d)")}).metrics == {"x": 1.0}


class TestPatternsThatTakeForEver:
    def test_they_end_with_a_warning(self, left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("engine.measurements.lines._SEARCHING_S", 0.2)
        left.write("stdout", "a" * 40 + "b\n")
        left.write("metrics.json", '{"good": 1}')
        found = left.measure(patterns={"bad": MetricPattern(r"(a|aa)+$")})
        assert found.metrics == {"good": 1.0}
        (warning,) = found.warnings
        assert "bad takes too long" in warning

    def test_they_take_no_time_of_the_others(
        self, left: Left, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("engine.measurements.lines._SEARCHING_S", 0.5)
        left.write("stdout", f"x 1\n{'a' * 40}b\n")
        bad, good = MetricPattern(r"(a|aa)+$"), MetricPattern(r"x (\d)")
        found = left.measure(patterns={"bad": bad, "worse": bad, "good": good})
        assert found.metrics == {"good": 1.0}
        assert len(found.warnings) == 2


class TestFiles:
    def test_each_number_of_a_file_without_warnings_of_the_rest(self, left: Left) -> None:
        left.write(
            "artifacts/out/r.json", '{"tps": 5, "model": "m", "each": [1, 2], "lat": {"p50": 1}}'
        )
        found = left.measure(files=(MetricsFile("/out/r.json"),))
        assert (found.metrics, found.warnings) == ({"tps": 5.0, "lat.p50": 1.0}, ())

    def test_values_by_expressions(self, left: Left) -> None:
        left.write("artifacts/r.json", '{"runs": [{"ms": 1}, {"ms": 3}]}')
        values = {"mean": MetricPath("avg(runs[].ms)", "ms"), "first": MetricPath("runs[0].ms")}
        found = left.measure(files=(MetricsFile("*.json", values),))
        assert (found.metrics, found.units) == ({"mean": 2.0, "first": 1.0}, {"mean": "ms"})

    @pytest.mark.parametrize("path", ["missing", "runs", "avg(name)", "name"])
    def test_an_expression_that_gives_no_number(self, left: Left, path: str) -> None:
        left.write("artifacts/r.json", '{"runs": [1], "name": "x"}')
        found = left.measure(files=(MetricsFile("r.json", {"bad": MetricPath(path)}),))
        assert (len(found.warnings), dict(found.metrics)) == (1, {})

    def test_one_file_has_to_match(self, left: Left) -> None:
        left.write("artifacts/a.json", "{}")
        left.write("artifacts/b.json", "{}")
        for file in ("*.json", "c.json"):
            (warning,) = left.measure(files=(MetricsFile(file),)).warnings
            assert "name one" in warning

    def test_artifacts_that_are_not_there_are_a_warning_where_the_command_succeeded(
        self, left: Left
    ) -> None:
        left.write("artifacts/out/a.json", "{}")
        patterns = ("out/*.json", "/out", "*.csv")
        found = left.measure(artifacts=patterns).warnings
        assert found == ("no file is collected of the artifacts *.csv",)
        assert left.measure(artifacts=patterns, succeeded=False).warnings == ()

    def test_a_broken_file_is_a_warning(self, left: Left) -> None:
        left.write("artifacts/a.json", "[" * 10**6)
        (warning,) = left.measure(files=(MetricsFile("a.json"),)).warnings
        assert warning == "a.json is nested too deeply"


def test_what_is_declared_outdoes_the_commands_own_file(left: Left) -> None:
    left.write("metrics.json", '{"a": 1, "b": 1, "c": 1}')
    left.write("artifacts/r.json", '{"b": 2, "c": 2}')
    left.write("stdout", "c 3\n")
    found = left.measure(files=(MetricsFile("r.json"),), patterns={"c": MetricPattern(r"c (\d)")})
    assert found.metrics == {"a": 1.0, "b": 2.0, "c": 3.0}


def test_artifacts_are_listed_with_their_sizes(left: Left) -> None:
    left.write("artifacts/b", "12")
    left.write("artifacts/a/c", "1")
    found = [(one.path, one.bytes) for one in left.measure().artifacts]
    root = f"{WITHIN}/artifacts"
    assert found == [(f"{root}/a/c", 1), (f"{root}/b", 2)]
