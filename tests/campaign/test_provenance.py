"""Where results come from is written once for each session, and each record names its session."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.campaign.persistence.provenance import begin_session, provenance, sessions
from engine.errors import RuntimeFault
from engine.util.redaction import Secrets
from tests.campaign.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "docker-compose.yml").write_text("services: {}")
    return Stage(tmp_path)


def test_a_campaign_has_an_entry_and_its_records_name_it(stage: Stage) -> None:
    stage.run()
    (entry,) = sessions(stage.runner.results.folder)
    assert {record["session"] for record in stage.records} == {0}
    assert entry["engine"] == {"runtime": stage.fake.name, "description": stage.fake.description}
    assert entry["machine"]["cores"] >= 1
    digest = entry["files"][str(stage.folder / "docker-compose.yml")]
    assert len(digest) == 64


def test_what_the_runtime_runs_on_is_recorded(stage: Stage) -> None:
    async def facts(services: Sequence[str]) -> Mapping[str, Any]:
        return {"engine": {"api": "1.48"}, "images": {name: {"id": "x"} for name in services}}

    stage.fake.facts = facts  # type: ignore[attr-defined]
    stage.run()
    (entry,) = sessions(stage.runner.results.folder)
    assert entry["engine"] == {
        "runtime": stage.fake.name,
        "description": stage.fake.description,
        "api": "1.48",
    }
    assert set(entry["images"]) == set(stage.runner.services)


def test_a_runtime_that_cannot_say_what_it_is_costs_no_result(stage: Stage) -> None:
    async def facts(_services: Sequence[str]) -> Mapping[str, Any]:
        raise RuntimeFault("", "the engine is away")

    stage.fake.facts = facts  # type: ignore[attr-defined]
    stage.run()
    assert stage.records
    (entry,) = sessions(stage.runner.results.folder)
    assert entry["images"] == {}


def origin(folder: Path) -> dict[str, Any]:
    return provenance("docker", "an engine", folder, [folder / "campaign.yml"])


def test_the_commit_and_changes_of_the_folder(tmp_path: Path) -> None:
    assert origin(tmp_path)["git"] is None
    (tmp_path / "campaign.yml").write_text("name: x")

    def git(*command: str) -> str:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        done = subprocess.run(
            ["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init")
    git("add", ".")
    git("commit", "-m", "x")
    assert origin(tmp_path)["git"] == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    before = origin(tmp_path)["files"]
    (tmp_path / "campaign.yml").write_text("name: y")
    assert origin(tmp_path)["git"]["dirty"]
    assert origin(tmp_path)["files"] != before


def test_programs_that_a_repository_names_are_not_run(tmp_path: Path) -> None:
    subprocess.run(["git", "init"], cwd=tmp_path, check=True, capture_output=True)
    command = ["git", "config", "core.fsmonitor", f"touch {tmp_path}/marker; false"]
    subprocess.run(command, cwd=tmp_path, check=True)
    origin(tmp_path)
    assert not (tmp_path / "marker").exists()


def test_each_session_adds_an_entry(tmp_path: Path) -> None:
    assert [begin_session(tmp_path, {"n": n}, Secrets()) for n in range(3)] == [0, 1, 2]
    assert [one["n"] for one in sessions(tmp_path)] == [0, 1, 2]
    assert (tmp_path / "provenance.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("written", ["{", "[" * 10**5, "3", "[1, null]"])
def test_a_file_that_cannot_be_read_is_begun_again(tmp_path: Path, written: str) -> None:
    (tmp_path / "provenance.json").write_text(written)
    assert begin_session(tmp_path, {"n": 0}, Secrets()) == 0


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("[]")
    (tmp_path / "provenance.json").symlink_to(tmp_path / "other")
    begin_session(tmp_path, {"n": 0}, Secrets())
    assert (tmp_path / "other").read_text() == "[]"


def test_secrets_are_hidden(tmp_path: Path) -> None:
    secrets = Secrets.of({"TOKEN": "hush-hush"})
    begin_session(tmp_path, {"engine": "tcp://me:hush-hush@host"}, secrets)
    assert "hush-hush" not in json.dumps(sessions(tmp_path))
