"""One campaign, on three runtimes: the same outcomes, attempts, output and transitions of each backend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.journal import FILE_NAME, JournalReader
from engine.model.results import Transition
from tests.lab import BASE_IMAGE

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

RUNTIMES = ("docker", "compose", "process")

EXPERIMENTS: list[dict[str, Any]] = [
    {
        "name": "passes",
        "backend": ["alpha", "beta"],
        "command": ["sh", "-c", "echo done; echo x >&2"],
    },
    {"name": "fails", "backend": ["alpha"], "command": ["sh", "-c", "echo no; exit 3"]},
    {"name": "tried-again", "backend": ["beta"], "command": ["sh", "-c", "exit 75"]},
    {"name": "not-there", "backend": ["alpha"], "command": ["no-such-command"]},
    {"name": "too-long", "backend": ["beta"], "command": ["sleep", "600"], "timeout": "1s"},
    {"name": "cold", "backend": ["alpha", "beta"], "command": ["true"], "cold_start": True},
]


def carried_out(runtime: str, folder: Path) -> dict[str, Any]:
    """What comes of the campaign on a runtime, as its summary, records and journal tell."""
    folder.mkdir()
    service = {"image": BASE_IMAGE, "stop_grace_period": "1s", "command": ["sleep", "infinity"]}
    compose = {"name": "dockwarden-same", "services": {"alpha": service, "beta": service}}
    (folder / "docker-compose.yml").write_text(json.dumps(compose))
    campaign = {
        "name": "same",
        "runtime": runtime,
        "experiments": EXPERIMENTS,
        "retry": {"max_attempts": 2, "on": ["lost"], "exit_codes": [75]},
        "backends": {name: {"look_at_gpus": False} for name in ("alpha", "beta")},
        "grace": "1s",
    }
    file = folder / "campaign.yml"
    file.write_text(json.dumps(campaign))
    with pytest.raises(SystemExit) as exited:
        main(["run", str(file), "--quiet"])
    latest = folder / "results" / "same" / "latest"
    with JournalReader.read(latest / FILE_NAME) as journal:
        transitions = {
            name: [edge(step.transition) for step in journal.transitions(name)]
            for name in journal.backends()
        }
        outcomes = {one.run: one.state for one in journal.outcomes()}
        attempts = [(one.run, one.number, one.ending, one.exit_code) for one in journal.attempts()]
    output = {
        str(found.relative_to(latest)): found.read_text()
        for found in sorted(latest.glob("*/*passes*/attempt-1/std*"))
    }
    return {
        "exit code": exited.value.code,
        "outcomes": outcomes,
        "attempts": sorted(attempts, key=str),
        "transitions": transitions,
        "output": output,
    }


def edge(step: Transition) -> tuple[str, str, str]:
    return step.event, step.source, step.target


def test_the_same_campaign_takes_the_same_course_on_each_runtime(tmp_path: Path) -> None:
    courses = {name: carried_out(name, tmp_path / name) for name in RUNTIMES}
    course = courses["docker"]
    assert courses["compose"] == course
    assert courses["process"] == course
    # And it is the course that was asked for.
    assert course["exit code"] == 1
    assert len(course["outcomes"]) == 8
    assert len(course["attempts"]) == 9
    assert course["output"]["alpha/alpha-passes/attempt-1/stdout"] == "done\n"
    assert [step for step in course["transitions"]["alpha"] if step[0] == "restart"] == [
        ("restart", "ready", "restarting")
    ]
    for steps in course["transitions"].values():
        assert steps[0] == ("start", "stopped", "starting")
        assert steps[-1][2] == "stopped"
