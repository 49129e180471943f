"""Secrets are planted wherever a campaign takes values, all goes wrong, and nothing that is written has one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from engine.util.redaction import HIDDEN
from tests.lab import BASE_IMAGE

PROJECT = "dockwarden-secrets"
SECRETS = {
    "process": "of-the-process-7c1",
    "dot env": "of-the-dot-env-7c2",
    "service": "of-the-service-7c3",
    "env file": "of-the-env-file-7c4",
    "experiment": 'of-the "experiment"-7c5',
    "defaults": "of-the-defaults-7c6",
    "marked": "marked-by-hand-7c7",
    "url": "in-a-url-7c8",
}
OWN_OUTPUT = {"stdout", "stderr", "health.log"}
"""What experiments, backends and their health checks write themselves; they stay as they are."""


def _is_own(file: Path) -> bool:
    return file.name in OWN_OUTPUT or file.parent.name == "_log"


TELL = "env; env >&2; "
"""What a careless program does."""


def shell(line: str) -> list[str]:
    return ["sh", "-c", line]


COMPOSE: dict[str, Any] = {
    "name": PROJECT,
    "services": {
        "works": {
            "env_file": "works.env",
            "environment": {
                "SERVICE_TOKEN": SECRETS["service"],
                "DATABASE": f"postgres://me:{SECRETS['url']}@db/x",
                "LAB": SECRETS["marked"],
            },
        },
        "ends": {
            "environment": {"SERVICE_TOKEN": SECRETS["service"], "LAB": SECRETS["marked"]},
            "command": shell(TELL + "echo ${PROCESS_TOKEN}; exit 3"),
        },
        "sick": {
            "environment": {"SERVICE_TOKEN": SECRETS["service"]},
            "command": ["sleep", "600"],
            "healthcheck": {
                "test": ["CMD-SHELL", TELL + "echo ${DOT_TOKEN}; exit 1"],
                "interval": "0.1s",
                "retries": 1,
            },
        },
        "missing": {
            "environment": {"API_KEY": SECRETS["service"]},
            "command": ["/no/such/${DOT_TOKEN}", SECRETS["service"]],
        },
    },
}
CAMPAIGN: dict[str, Any] = {
    "name": "leaky",
    "secrets": ["LAB"],
    "grace": "0s",
    "defaults": {"env": {"DEFAULT_PASSWORD": SECRETS["defaults"]}, "timeout": "30s"},
    "backends": {name: {"max_restarts": 0, "ready_within": "20s"} for name in COMPOSE["services"]},
    "retry": {"max_attempts": 2, "on": ["exit", "unstarted"]},
    "experiments": [
        {
            "name": "fails",
            "backend": "works",
            "env": {"HF_TOKEN": SECRETS["experiment"]},
            "command": [*shell(TELL + "exit 4"), "sh", "--token", SECRETS["experiment"]],
        },
        {
            "name": "unstarted",
            "backend": "works",
            "env": {"HF_TOKEN": SECRETS["experiment"]},
            "working_dir": f"/no/{SECRETS['service']}",
            "command": [f"/no/{SECRETS['url']}", SECRETS["marked"]],
        },
        {"name": "never", "backend": ["ends", "sick", "missing"], "command": ["true"]},
    ],
}


@frozen
class Leaky:
    """The campaign in a folder."""

    folder: Path
    runtime: str

    def dockwarden(self, *arguments: str) -> str:
        """Run a command; all that it prints."""
        done = subprocess.run(
            [sys.executable, "-c", "from engine.cli import main; main()", *arguments],
            env={**os.environ, "PROCESS_TOKEN": SECRETS["process"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def run(self, *options: str) -> str:
        file = str(self.folder / "campaign.yml")
        return self.dockwarden("run", file, "--runtime", self.runtime, *options)

    def written(self) -> Iterator[tuple[str, str]]:
        """Each file of the results that is not an experiment's own, and what it holds."""
        for file in sorted((self.folder / "results").rglob("*")):
            if file.is_file() and not file.is_symlink() and not _is_own(file):
                yield file.name, file.read_bytes().decode(errors="replace")


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def leaky(request: pytest.FixtureRequest, tmp_path: Path) -> Leaky:
    if request.param == "docker":
        request.getfixturevalue("engine")
    image = {"image": BASE_IMAGE, "init": True, "stop_grace_period": "0s"}
    services = {name: {**image, **one} for name, one in COMPOSE["services"].items()}
    (tmp_path / "docker-compose.yml").write_text(json.dumps({**COMPOSE, "services": services}))
    (tmp_path / ".env").write_text(f"DOT_TOKEN={SECRETS['dot env']}\n")
    (tmp_path / "works.env").write_text(f"FILE_SECRET={SECRETS['env file']}\n")
    (tmp_path / "campaign.yml").write_text(json.dumps(CAMPAIGN))
    return Leaky(tmp_path, request.param)


def leaks(text: str) -> list[str]:
    escaped = {where: json.dumps(secret)[1:-1] for where, secret in SECRETS.items()}
    return [where for where in SECRETS if SECRETS[where] in text or escaped[where] in text]


def test_no_secret_is_written_or_said(leaky: Leaky) -> None:
    said = {
        "dry run": leaky.run("--dry-run"),
        "dry run, JSON": leaky.run("--dry-run", "--json"),
        "run": leaky.run(),
        "run again, JSON": leaky.run("--fresh", "--json"),
        "history": leaky.dockwarden("history", str(leaky.folder / "results/leaky")),
        "history, JSON": leaky.dockwarden("history", "--json", str(leaky.folder / "results/leaky")),
    }
    written = list(leaky.written())
    assert {"results.jsonl", "summary.json", "journal.sqlite"} <= {name for name, _ in written}
    found = {where: leaks(text) for where, text in [*said.items(), *written]}
    assert {where: names for where, names in found.items() if names} == {}
    # It was not for want of anything to hide.
    assert all(HIDDEN in said[where] for where in ("dry run", "run", "history"))
    assert any(HIDDEN in text for name, text in written if name == "results.jsonl")

    # What an experiment writes itself stays as it is.
    attempt = leaky.folder / "results/leaky/latest/works/works-fails/attempt-1"
    told = {"service", "env file", "experiment", "defaults", "marked", "url"}
    assert set(leaks((attempt / "stdout").read_text())) == told
