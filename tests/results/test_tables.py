"""The table as others read it: spreadsheets, pandas, polars, DuckDB."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.errors import MissingExtra
from engine.results import Rows, load
from tests.results.written import folder, line

FORMULA = "=HYPERLINK(1)"
AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)


@pytest.fixture
def rows() -> Rows:
    """What a column may hold: numbers, some missing; several kinds in one; structures; formulas."""
    return Rows.of(
        [
            {"run": "a", "n": 1, "x": 0.5, "mixed": 8, "ok": True, "at": AT, "deep": {"b": [1]}},
            {"run": FORMULA, "n": None, "x": 2, "mixed": "auto", "ok": None, "big": 2**70},
        ]
    )


class TestCsv:
    def test_a_spreadsheet_reads_numbers_as_numbers_and_no_formula(self, rows: Rows) -> None:
        read = list(csv.DictReader(io.StringIO(rows.to_csv())))
        assert (read[0]["n"], read[0]["x"], read[0]["mixed"]) == ("1", "0.5", "8")
        assert (read[0]["ok"], read[0]["at"]) == ("true", "2026-01-31T10:15:00+00:00")
        assert read[0]["deep"] == '{"b":[1]}'
        assert read[1]["run"] == f"'{FORMULA}"
        assert (read[1]["n"], read[1]["big"]) == ("", str(2**70))

    def test_a_negative_number_stays_one(self) -> None:
        assert Rows.of([{"x": -0.5}]).to_csv() == "x\n-0.5\n"

    def test_a_column_whose_name_is_a_formula_runs_nothing(self) -> None:
        assert Rows.of([{"=1+1": 1}]).to_csv().startswith("'=1+1\n")

    def test_commas_quotes_and_line_breaks_stay_in_their_cell(self, tmp_path: Path) -> None:
        Rows.of([{"x": 'a,"b"\nc'}]).to_csv(tmp_path / "t.csv")
        with (tmp_path / "t.csv").open(newline="") as file:
            assert list(csv.reader(file)) == [["x"], ['a,"b" c']]


class TestJson:
    def test_a_list_of_objects(self, rows: Rows) -> None:
        read = json.loads(rows.to_json())
        assert read[0]["deep"] == {"b": [1]}
        assert read[0]["at"] == "2026-01-31T10:15:00+00:00"
        assert read[1]["x"] == 2

    def test_an_object_on_each_line(self, rows: Rows) -> None:
        assert [json.loads(one)["run"] for one in rows.to_json(lines=True).splitlines()] == [
            "a",
            FORMULA,
        ]

    def test_what_is_no_number_is_null(self) -> None:
        assert json.loads(Rows.of([{"x": float("nan")}]).to_json()) == [{"x": None}]

    def test_of_no_rows(self) -> None:
        assert json.loads(Rows.of([]).to_json()) == []


class TestLibraries:
    def test_pandas(self, rows: Rows) -> None:
        frame = rows.to_pandas()
        assert tuple(frame.columns) == rows.columns
        assert frame["n"].sum() == 1
        assert frame["x"].mean() == 1.25
        assert frame["mixed"].tolist() == ["8", "auto"]
        assert frame["at"][0] == AT
        assert frame["at"].isna().tolist() == [False, True]

    def test_polars(self, rows: Rows) -> None:
        frame = rows.to_polars()
        assert tuple(frame.columns) == rows.columns
        assert frame["n"].to_list() == [1, None]
        assert frame["x"].mean() == 1.25
        assert frame["at"].to_list() == [AT, None]

    def test_arrow(self, rows: Rows) -> None:
        table = rows.to_arrow()
        assert table.column("n").to_pylist() == [1, None]
        assert table.column("big").to_pylist() == [None, 2.0**70]

    def test_a_large_number_among_texts_is_written_as_json_writes_it(self) -> None:
        rows = Rows.of([{"x": 1e300}, {"x": 2.0}, {"x": "a"}, {"x": True}])
        assert rows.column("x") == ["1e+300", "2", "a", "true"]

    def test_a_number_of_hundreds_of_digits_is_text(self) -> None:
        table = Rows.of([{"x": 10**400}, {"x": 1}]).to_arrow()
        assert table.column("x").to_pylist() == [str(10**400), "1"]

    def test_duckdb_reads_the_parquet_file(self, rows: Rows, tmp_path: Path) -> None:
        import duckdb

        rows.to_parquet(tmp_path / "t.parquet")
        told = duckdb.sql(f"SELECT run, n, x, ok FROM '{tmp_path}/t.parquet' ORDER BY x").fetchall()
        assert told == [("a", 1, 0.5, True), (FORMULA, None, 2.0, None)]

    @pytest.mark.parametrize("method", ["to_pandas", "to_polars", "to_arrow"])
    def test_a_table_of_real_results(self, method: str, tmp_path: Path) -> None:
        made = folder(tmp_path / "r", [line("a-x", params={"m": "x"})], {"a-x": "completed"})
        assert len(getattr(load(made), method)()) == 1

    @pytest.mark.parametrize(
        ("method", "package", "extra"),
        [
            ("to_pandas", "pandas", "pandas"),
            ("to_polars", "polars", "polars"),
            ("to_arrow", "pyarrow", "parquet"),
        ],
    )
    def test_without_the_library_the_error_says_how_to_get_it(
        self, rows: Rows, method: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtra, match=f"pip install 'dockwarden\\[{extra}\\]'"):
            getattr(rows, method)()


def test_it_is_a_sequence(rows: Rows) -> None:
    told: list[Any] = [rows[0]["run"], len(rows), [row["run"] for row in rows], rows[1:][0]["run"]]
    assert told == ["a", 2, ["a", FORMULA], FORMULA]
    assert rows[:1].columns == rows.columns
