"""The page on the container of each run: each of its blocks does what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import Page, dockwarden

PAGE = Page("isolation.md")
EXIT_CODES = {"isolation": 0, "parameters": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return PAGE.write(tmp_path)


def shown() -> list[tuple[str, dict[str, Any]]]:
    """The records that the page shows, each with the campaign that stands before it."""
    found: list[tuple[str, dict[str, Any]]] = []
    campaign = ""
    for language, text in PAGE.blocks("yaml", "json"):
        if language == "yaml":
            campaign = text.split("\n", 1)[0].removeprefix("# ").removesuffix(".yml")
        else:
            found.append((campaign, json.loads(text)))
    return found


@pytest.mark.parametrize("campaign", sorted(EXIT_CODES))
def test_a_campaign_gives_the_records_that_are_shown(folder: Path, campaign: str) -> None:
    done = dockwarden(folder, "run", f"{campaign}.yml", "--runtime", "process")
    assert done.returncode == EXIT_CODES[campaign], done.stderr
    results = folder / "results" / campaign / "latest"
    lines = (results / "results.jsonl").read_text().splitlines()
    records = {one["run"]: one for one in map(json.loads, lines)}
    expected = [record for of, record in shown() if of == campaign]
    assert expected
    for record in expected:
        assert {name: records[record["run"]][name] for name in record} == record
    assert all(record["started_in_s"] > 0 for record in records.values())


def test_the_plan_is_the_one_that_is_shown(folder: Path) -> None:
    (text,) = PAGE.texts("console")
    command, plan = text.split("\n", 1)
    done = dockwarden(folder, *command.removeprefix("$ dockwarden ").split(), "--quiet")
    assert (done.returncode, done.stdout) == (0, plan)


def test_parameters_that_do_not_work_are_named_with_the_last_lines(folder: Path) -> None:
    (text,) = PAGE.texts("text")
    (run, parameters), (last, *_) = text.split("\n")[0].split(": "), text.split("\n")[1:]
    done = dockwarden(folder, "run", "parameters.yml", "--runtime", "process", "--json")
    runs = {one["run"]: one for one in json.loads(done.stdout)["runs"]}
    assert runs[run]["state"] == "skipped"
    assert runs[run]["reason"].startswith(parameters)
    assert re.search(r"; see server/_log/\d+-[\w-]+\.log", runs[run]["reason"])
    assert done.stderr.count(last) == 1
    states = [one["state"] for one in runs.values()]
    assert (states.count("completed"), states.count("skipped")) == (4, 2)
