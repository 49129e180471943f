"""What a report says, and its plain formats."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.campaign.persistence.results import RESULTS
from engine.cli.program import cli
from engine.errors import MissingExtra
from engine.journal import FILE_NAME, Journal, JournalReader, Run
from engine.report import Report, gather, to_csv, to_html, to_json, to_markdown
from engine.report.diagram import HEIGHT, WIDTH, picture
from engine.report.model import Quoted
from engine.report.palette import PAGE_INKS, RESULT_INKS, STATE_INKS
from states import BACKEND, EXPERIMENT
from states.diagram import draw
from tests.report.written import HOSTILE, campaign


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return campaign(tmp_path_factory.mktemp("report"), 90)


@pytest.fixture
def told(journal: Path) -> Report:
    with JournalReader.read(journal) as reader:
        return gather(reader)


class TestWhatIsTold:
    def test_outcomes(self, told: Report) -> None:
        assert (told.campaign, dict(told.counts)) == ("small", {"completed": 78, "failed": 12})
        assert len(told.attempts) == 92

    def test_backends_with_their_restarts(self, told: Report) -> None:
        restarts = {one.name: (one.faults, one.renewals) for one in told.backends}
        assert restarts == {"pytorch": (1, 0), "tensorrt": (0, 0), "vllm": (1, 0)}
        (vllm,) = (one for one in told.backends if one.name == "vllm")
        assert (vllm.state, vllm.restarts_left) == ("stopped", 99)
        (restart,) = vllm.restarts
        assert restart.event == "recover"
        assert restart.reason == "its container was killed from outside"

    def test_bands_follow_each_other_and_a_stop_is_told(self, told: Report) -> None:
        for backend in told.backends:
            for one, next_one in zip(backend.bands, backend.bands[1:], strict=False):
                assert one.until_at == next_one.from_at
            assert backend.bands[0].state == "starting"
            assert backend.bands[-1].state == "stopping"

    def test_an_attempt_with_its_overhead_and_output(self, told: Report) -> None:
        (run,) = (one for one in told.runs if one.run == "pytorch-x39")
        lost, second = run.attempts
        assert (lost.result, second.result, run.state) == ("lost", "succeeded", "completed")
        assert second.handed_over_s == pytest.approx(0.04)
        assert second.noticed_s == pytest.approx(0.03)
        assert second.overhead_s == pytest.approx(0.07)
        assert lost.overhead_s is None
        assert second.quoted.stdout_lines[0] == "loss 39"

    def test_memory_and_its_baseline(self, told: Report) -> None:
        for backend in told.backends:
            assert all(look.baseline_bytes == 2**30 for look in backend.looks)
        assert sum(len(backend.looks) for backend in told.backends) == 93

    def test_edges_add_up(self, told: Report, journal: Path) -> None:
        with JournalReader.read(journal) as reader:
            assert sum(edge.count for edge in told.edges) == len(list(reader.transitions()))

    def test_the_diagram_counts_what_was_taken(self, told: Report) -> None:
        shown = picture(draw(BACKEND, told.course))
        assert {box.name for box in shown.boxes} == {*BACKEND.states}
        labels = {line.label for line in shown.lines if line.label}
        assert {
            "start \N{MULTIPLICATION SIGN}3",
            "dispatch \N{MULTIPLICATION SIGN}92",
            "finish \N{MULTIPLICATION SIGN}90",
            "fault \N{MULTIPLICATION SIGN}2",
        } <= labels
        for box in shown.boxes:
            assert box.width / 2 <= box.x <= WIDTH - box.width / 2
            assert box.height / 2 <= box.y <= HEIGHT - box.height / 2

    def test_no_two_arrows_of_the_diagram_say_it_at_the_same_place(self, told: Report) -> None:
        lines = picture(draw(BACKEND, told.course)).lines
        places = [(line.x, line.y) for line in lines]
        assert all(math.dist(*pair) > 14 for pair in itertools.combinations(places, 2))

    def test_a_journal_under_way_or_cut_short(self, tmp_path: Path) -> None:
        with Journal.create(tmp_path / FILE_NAME, campaign="c") as journal:
            assert gather(journal).runs == ()
            journal.plan([Run("alpha-x", "x", "alpha")])
            journal.attempt_begun("alpha-x", 1, backend="alpha", request="r", folder="alpha/1")
            told = gather(journal)
            assert dict(told.counts) == {"unfinished": 1}
            assert told.attempts[0].result == "running"
            for render in (to_html, to_json, to_csv, to_markdown):
                assert "alpha" in render(told)

    def test_output_is_quoted_from_the_records_alone(self, tmp_path: Path) -> None:
        path = campaign(tmp_path, 1)
        output = tmp_path / "pytorch" / "pytorch-x0" / "attempt-1" / "stdout"
        output.parent.mkdir(parents=True)
        output.write_text("a secret")
        with JournalReader.read(path) as reader:
            assert gather(reader).attempts[0].quoted.stdout_lines == ("loss 0", "")
            assert gather(reader, lines=0).attempts[0].quoted.stdout_lines == ()
            (tmp_path / RESULTS).unlink()
            assert gather(reader).attempts[0].quoted == Quoted()

    def test_records_that_are_none_are_passed_over(self, tmp_path: Path) -> None:
        path = campaign(tmp_path, 1)
        record = json.loads((tmp_path / RESULTS).read_text())
        lines = ["half a li", "[]", json.dumps({**record, "stdout_lines": 3, "command": None})]
        (tmp_path / RESULTS).write_text("\n".join(lines))
        with JournalReader.read(path) as reader:
            assert gather(reader).attempts[0].quoted.stdout_lines == ()

    def test_much_output_is_cut(self, tmp_path: Path) -> None:
        path = campaign(tmp_path, 1)
        record = json.loads((tmp_path / RESULTS).read_text())
        (tmp_path / RESULTS).write_text(json.dumps({**record, "stdout_lines": ["x" * 15_000]}))
        with JournalReader.read(path) as reader:
            assert len("".join(gather(reader).attempts[0].quoted.stdout_lines)) == 4000


class TestFormats:
    def test_json_has_all_of_it(self, told: Report) -> None:
        plain = json.loads(to_json(told))
        assert plain["counts"] == {"completed": 78, "failed": 12}
        assert plain["runs"][39]["attempts"][1]["overhead_s"] == pytest.approx(0.07)
        assert plain["sessions"][0]["software"]["dockwarden"] == "0.1.0"

    def test_csv_has_a_line_for_each_attempt(self, told: Report) -> None:
        rows = list(csv.DictReader(io.StringIO(to_csv(told))))
        assert len(rows) == 92
        assert rows[6]["result"] == "failed"
        assert rows[6]["exit_code"] == "3"

    def test_csv_gives_a_spreadsheet_no_formulas(self, tmp_path: Path) -> None:
        with Journal.create(tmp_path / FILE_NAME, campaign="c") as journal:
            journal.plan([Run("=cmd()", "@x", "-alpha")])
            assert "'=cmd(),'@x,'-alpha" in to_csv(gather(journal))

    def test_markdown_is_short_and_names_what_failed(self, told: Report) -> None:
        text = to_markdown(told)
        assert "78 completed, 12 failed, of 90" in text
        assert "- pytorch-x6 failed: exit code 3" in text
        assert "| overhead of the dispatch: to its start, and from its end | 90 | 0.070 |" in text

    def test_markdown_of_hostile_words_is_words(self, tmp_path: Path) -> None:
        with JournalReader.read(campaign(tmp_path, 45, hostile=True)) as reader:
            text = to_markdown(gather(reader))
        outside = [line for line in text.splitlines() if not line.startswith("      ")]
        assert not any(re.search(r"(?<!\\)<|\x1b", line) for line in outside)
        assert HOSTILE not in text


class TestCommand:
    def run(self, *arguments: object) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["report", *map(str, arguments)], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        return done.return_value, done.output

    def test_the_page_lies_beside_the_journal(self, journal: Path) -> None:
        code, said = self.run(journal)
        assert (code, said) == (0, f"written: {journal.with_name('report.html')}\n")
        assert journal.with_name("report.html").read_text().startswith("<!doctype html>")

    @pytest.mark.parametrize("form", ["json", "csv", "md"])
    def test_the_other_formats_are_printed(self, journal: Path, form: str) -> None:
        assert "pytorch-x6" in self.run(journal, "--format", form)[1]

    def test_a_folder_of_results_and_a_file_of_ones_own(
        self, journal: Path, tmp_path: Path
    ) -> None:
        self.run(journal.parent, "--format", "csv", "-o", tmp_path / "attempts.csv")
        assert (tmp_path / "attempts.csv").read_text().startswith("run,")

    def test_without_the_extra_it_says_what_to_install(
        self, told: Report, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "plotly.offline", None)
        with pytest.raises(MissingExtra, match=r"pip install 'dockwarden\[report\]'"):
            to_html(told)


def test_every_state_and_result_has_its_colour() -> None:
    assert {*BACKEND.states} - {BACKEND.initial} <= STATE_INKS.keys()
    assert {state for state in EXPERIMENT.states if state in EXPERIMENT.final} <= RESULT_INKS.keys()


@pytest.mark.parametrize("ink", [*STATE_INKS.values(), *RESULT_INKS.values()])
def test_every_colour_stands_out_from_the_page(ink: object) -> None:
    for scheme in ("light", "dark"):
        assert contrast(getattr(ink, scheme), getattr(PAGE_INKS["page"], scheme)) >= 3


def contrast(one: str, other: str) -> float:
    """By WCAG 2.1's definition."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
