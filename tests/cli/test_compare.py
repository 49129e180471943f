"""``dockwarden results`` and ``dockwarden compare``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.program import invoke
from tests.results.written import folder, line

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the results of a small campaign."""
    lines = [
        line(
            f"{backend}-x{n}",
            metrics={"tokens_per_s": speed * n, "ttft_ms": 100 / speed},
            params={"batch": n},
        )
        for backend, speed in (("vllm", 2.0), ("pytorch", 1.0))
        for n in (1, 2, 3)
    ]
    folder(tmp_path / "kernels/1", lines, {one["run"]: "completed" for one in lines})

    def call(*arguments: str) -> tuple[int, str, str]:
        code = invoke([one.replace("RUN", str(tmp_path / "kernels")) for one in arguments])
        return code, *capfd.readouterr()

    return call


class TestResults:
    def test_csv_is_the_default(self, call: Call) -> None:
        code, out, _ = call("results", "RUN")
        read = list(csv.DictReader(io.StringIO(out)))
        assert (code, len(read), read[1]["params.batch"]) == (0, 6, "2")

    def test_only_what_is_selected(self, call: Call) -> None:
        _, out, _ = call("results", "RUN", "--format", "jsonl", "--where", "batch=2,vllm")
        assert [json.loads(one)["run"] for one in out.splitlines()] == ["vllm-x2"]

    def test_into_a_file(self, call: Call, tmp_path: Path) -> None:
        code, _, err = call("results", "RUN", "--format", "parquet", "-o", f"{tmp_path}/x.parquet")
        assert (code, (tmp_path / "x.parquet").read_bytes()[:4]) == (0, b"PAR1")
        assert "(6 rows)" in err

    @pytest.mark.parametrize(
        ("name", "begins"),
        [("x.parquet", b"PAR1"), ("x.JSON", b"["), ("x.jsonl", b"{"), ("x.txt", b"camp")],
    )
    def test_the_name_of_the_file_says_what_to_write(
        self, call: Call, tmp_path: Path, name: str, begins: bytes
    ) -> None:
        assert call("results", "RUN", "-o", str(tmp_path / name))[0] == 0
        assert (tmp_path / name).read_bytes().startswith(begins)

    def test_what_is_asked_for_goes_before_the_name(self, call: Call, tmp_path: Path) -> None:
        call("results", "RUN", "--format", "csv", "-o", str(tmp_path / "x.json"))
        assert (tmp_path / "x.json").read_bytes().startswith(b"campaign,")

    @pytest.mark.parametrize("library", ["pandas", "polars"])
    def test_the_printed_snippet_runs(
        self, call: Call, library: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        _, out, _ = call("results", "RUN", "--snippet", library)
        exec(compile(out, "snippet", "exec"), {})
        assert "vllm" in capfd.readouterr()[0]

    def test_the_printed_snippet_for_duckdb_runs(
        self,
        call: Call,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        call("results", "RUN", "--format", "parquet", "-o", "results.parquet")
        _, out, _ = call("results", "RUN", "--snippet", "duckdb")
        exec(compile(out, "snippet", "exec"), {})
        assert "vllm" in capfd.readouterr()[0]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["results", "nowhere"], "is no folder of results"),
            (["results", "RUN", "--format", "parquet"], "name a file with -o"),
            (["results", "RUN", "--where", "btch=1"], "did you mean 'batch'?"),
            (["results", "RUN", "-o", "/nowhere/x.csv"], "cannot be written"),
            (["results"], "Missing argument"),
        ],
    )
    def test_what_cannot_be_is_refused(self, call: Call, arguments: list[str], said: str) -> None:
        code, _, err = call(*arguments)
        assert (code, said in err, "Traceback" in err) == (2, True, False), err


class TestCompare:
    def test_a_table(self, call: Call) -> None:
        code, out, _ = call(
            *("compare", "RUN", "--by", "backend", "--metric", "tokens_per_s"),
            *("--baseline", "backend=pytorch"),
        )
        assert code == 0
        assert "| vllm    |   3 |      4 |" in out
        assert "Counted is the last attempt of each completed run: 6." in out

    @pytest.mark.parametrize("form", ["md", "csv", "json", "html"])
    def test_each_format(self, call: Call, form: str, tmp_path: Path) -> None:
        code, out, _ = call("compare", "RUN", "--format", form)
        assert (code, "duration_s" in out) == (0, True)
        call("compare", "RUN", "--format", form, "-o", f"{tmp_path}/x")
        assert (tmp_path / "x").read_text() == out

    def test_pictures(self, call: Call, tmp_path: Path) -> None:
        code, out, err = call(
            *(
                "compare",
                "RUN",
                "--by",
                "backend",
                "--metric",
                "tokens_per_s",
                "--metric",
                "ttft_ms",
            ),
            *("--plot", f"{tmp_path}/x.png", "--plot", f"{tmp_path}/x.svg", "--theme", "dark"),
        )
        assert (code, (tmp_path / "x.png").exists(), (tmp_path / "x.svg").exists()) == (
            0,
            True,
            True,
        )
        assert out.startswith("## tokens_per_s")
        assert err.count("written: ") == 2

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--by", "bakend"], "did you mean 'backend'?"),
            (["--metric", "tokens"], "did you mean 'tokens_per_s'?"),
            (["--better", "tokens_per_s=up"], "write NAME=higher or NAME=lower"),
            (["--plot", "x.gif"], "does not end in .png"),
            (["--where", "outcome=failed"], "has nothing whose outcome is 'failed'"),
        ],
    )
    def test_what_cannot_be_is_refused(self, call: Call, arguments: list[str], said: str) -> None:
        code, _, err = call("compare", "RUN", *arguments)
        assert (code, said in err, "Traceback" in err) == (2, True, False), err

    def test_where_nothing_counts_it_says_why(self, call: Call, tmp_path: Path) -> None:
        made = folder(tmp_path / "failed", [line("a-x", exit_code=1)], {"a-x": "failed"})
        code, _, err = call("compare", str(made))
        assert (code, "Not counted: 1 failed runs." in err) == (2, True)
