"""What is written of a campaign."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path, PurePath

import pytest
from attrs import evolve

from engine.campaign.model import Campaign, Experiment
from engine.campaign.persistence.fingerprints import digests
from engine.campaign.persistence.results import Results, last_lines, read_records
from engine.campaign.runs.attempt_record import AttemptRecord, record_of
from engine.campaign.runs.plan import PlannedRun, plan
from engine.errors import SetupError
from engine.model.spec import Project, ServiceSpec
from engine.util.redaction import Secrets

AT = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)

RECORD = AttemptRecord(
    campaign="c",
    experiment="x",
    run="a-x",
    backend="a",
    cycle=1,
    repeat=1,
    attempt=1,
    command=("run", "\udc80"),
    ending="exited",
    exit_code=0,
    reason="",
    started_at=AT,
    ended_at=AT,
    duration_s=0.0,
)


class TestTheFolder:
    def test_each_run_has_its_own_and_nothing_is_lost(self, tmp_path: Path) -> None:
        for _ in range(3):
            with Results.create(tmp_path / "deep" / "results", AT) as results:
                results.write(RECORD)
        made = sorted(path.name for path in (tmp_path / "deep" / "results").iterdir())
        assert made == ["20260131T101500Z", "20260131T101500Z-2", "20260131T101500Z-3", "latest"]
        assert (tmp_path / "deep" / "results" / "latest").resolve() == results.folder

    def test_it_is_its_owners_alone(self, tmp_path: Path) -> None:
        with Results.create(tmp_path, AT) as results:
            assert results.folder.stat().st_mode & 0o777 == 0o700

    def test_what_the_user_called_latest_stays(self, tmp_path: Path) -> None:
        (tmp_path / "latest").mkdir()
        with Results.create(tmp_path, AT):
            assert not (tmp_path / "latest").is_symlink()

    def test_a_place_where_nothing_can_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(SetupError, match="--results"):
            Results.create(tmp_path / "file" / "results", AT)


def test_a_record_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    with Results.create(tmp_path, AT) as results:
        results.write(RECORD)
        (line,) = (results.folder / "results.jsonl").read_text().splitlines()
        assert json.loads(line)["run"] == "a-x"
        assert json.loads(line)["started_at"] == "2026-01-31T10:15:00+00:00"


class TestWhatAnExperimentWasAbout:
    """Parameters, keys and variables stand in each record, so that results need no campaign file."""

    EXPERIMENT = Experiment(
        "serve-8",
        ("a",),
        ("run",),
        {"SIZE": "8", "HF_TOKEN": "abc", "MARKED": "own", "URL": "http://me:hush-hush@host/"},
        keys={"model": "m"},
        params={"batch": 8, "rate": 0.5, "shape": {"rows": [1, 2]}},
        entry="serve",
    )

    @property
    def record(self) -> AttemptRecord:
        campaign = Campaign(
            "c.yml", "c", Path("/c.yml"), Path("/r"), (self.EXPERIMENT,), secrets=("MARKED",)
        )
        how = {"ending": "exited", "exit_code": 0, "reason": "", "duration_s": 1.0}
        run = PlannedRun("a-serve-8", self.EXPERIMENT, "a")
        return record_of(campaign, run, 1, {**how, "started_at": AT, "ended_at": AT})

    def test_numbers_and_structures_stay_what_they_are(self) -> None:
        read = AttemptRecord.from_json(self.record.to_json())
        assert read.to_json() == self.record.to_json()
        assert (read.entry, read.keys) == ("serve", {"model": "m"})
        assert read.params == {"batch": 8, "rate": 0.5, "shape": {"rows": [1, 2]}}

    def test_secret_variables_are_hidden_however_short(self) -> None:
        assert self.record.environment == {
            "SIZE": "8",
            "HF_TOKEN": "***",
            "MARKED": "***",
            "URL": "http://me:***@host/",
        }

    def test_a_secret_that_turns_up_in_a_parameter_is_hidden(self) -> None:
        quoting = evolve(self.record, params={"of": ["hush-hush"]}, warnings=("hush-hush",))
        hidden = quoting.without(Secrets.of(self.EXPERIMENT.environment))
        assert (hidden.params, hidden.warnings) == ({"of": ["***"]}, ("***",))

    def test_records_of_earlier_versions_are_read(self) -> None:
        told = json.loads(RECORD.to_json())
        for name in ("entry", "params", "keys", "environment", "metrics", "units", "artifacts"):
            del told[name]
        assert AttemptRecord.from_json(json.dumps(told)).to_json() == RECORD.to_json()


def test_what_an_experiment_does_not_choose_leaves_its_digest_as_earlier_versions_wrote_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "c.yml").touch()
    experiment = Experiment("n", ("b",), ("c",), {"A": "b"}, keys={"k": "v"})

    def digest(experiment: Experiment) -> str:
        campaign = Campaign(str(tmp_path / "c.yml"), "c", tmp_path, tmp_path, (experiment,))
        project = Project("p", tmp_path, (), {"b": ServiceSpec("b")})
        return digests(campaign, project, plan(campaign))["experiment b-" + experiment.name]

    written = "6fdb953fedf858adc28ec3ba8054679d7a4521e030bb8165de970e580c58195c"
    assert digest(experiment) == written
    assert digest(evolve(experiment, params={"batch": 8})) != written


def lines_of(folder: Path, name: str) -> tuple[str, ...]:
    (lines,) = last_lines(folder, PurePath(), (name,), Secrets())
    return lines


class TestLastLines:
    @pytest.mark.parametrize(
        ("written", "lines"),
        [
            (b"", ()),
            (b"\n", ("",)),
            (b"a\nb\n", ("a", "b")),
            (b"a\nb", ("a", "b")),
            (b"a\x0cb\n", ("a\x0cb",)),
            (b"\xff\n", ("\ufffd",)),
        ],
    )
    def test_of_a_short_file(self, tmp_path: Path, written: bytes, lines: tuple[str, ...]) -> None:
        (tmp_path / "out").write_bytes(written)
        assert lines_of(tmp_path, "out") == lines

    def test_at_most_a_hundred(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("".join(f"{n}\n" for n in range(1000)))
        found = lines_of(tmp_path, "out")
        assert (len(found), found[0], found[-1]) == (100, "900", "999")

    def test_of_one_endless_line_only_its_end(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_bytes(b"x" * 10**6)
        assert len(lines_of(tmp_path, "out")[0]) == 16 * 1024

    def test_a_link_or_pipe_that_an_experiment_put_there_is_not_followed(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_text("hush")
        (tmp_path / "link").symlink_to(tmp_path / "secret")
        os.mkfifo(tmp_path / "pipe")
        assert lines_of(tmp_path, "link") == lines_of(tmp_path, "pipe") == ()
        assert lines_of(tmp_path, "none") == ()


@pytest.mark.parametrize("instead", ["link", "pipe"])
def test_what_is_in_the_place_of_the_records_is_neither_read_nor_written(
    tmp_path: Path, instead: str
) -> None:
    """Containers of version 0.1 could write to results folders."""
    other = tmp_path / "other"
    other.write_text("not whole")
    file = tmp_path / "results.jsonl"
    file.symlink_to(other) if instead == "link" else os.mkfifo(file)
    with pytest.raises(SetupError):
        Results.reopen(tmp_path)
    with pytest.raises(OSError, match=r"link|pipe"):
        list(read_records(file))
    assert other.read_text() == "not whole"


def test_a_line_that_is_longer_than_any_record_is_passed_over(tmp_path: Path) -> None:
    with Results.create(tmp_path, AT) as results:
        results.write(RECORD)
    file = results.folder / "results.jsonl"
    file.write_text("x" * (2**24 + 5) + "\n" + file.read_text())
    assert [record.run for record in read_records(file)] == ["a-x"]
