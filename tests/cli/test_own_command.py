"""What runs as the main process of a backend without containers, and what is said of it before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Dockwarden = Callable[..., subprocess.CompletedProcess[str]]

TOLD = ["sh", "-c", "echo ${ENTERED:-no}"]
ENTER = ["sh", "-c", 'export ENTERED=yes; exec "$@"', "enter"]


@pytest.fixture
def dockwarden(tmp_path: Path) -> Dockwarden:
    """Give a command a campaign of one experiment, on local processes."""

    def given(
        *command: str, service: dict[str, Any], **policy: Any
    ) -> subprocess.CompletedProcess[str]:
        compose = {"name": "own", "services": {"alpha": {"image": "unused", **service}}}
        (tmp_path / "docker-compose.yml").write_text(json.dumps(compose))
        campaign = {
            "name": "test",
            "runtime": "process",
            "backends": {"alpha": {"max_restarts": 0, **policy}},
            "experiments": [{"name": "one", "backend": "alpha", "command": TOLD}],
        }
        (tmp_path / "campaign.yml").write_text(json.dumps(campaign))
        done = subprocess.run(
            [sys.executable, "-m", "dockwarden", *command, str(tmp_path / "campaign.yml")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    return given


def record(tmp_path: Path) -> dict[str, Any]:
    (line,) = (tmp_path / "results/test/latest/results.jsonl").read_text().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_command_that_ends_at_once_is_kept_up_free_of_charge(
    dockwarden: Dockwarden, tmp_path: Path
) -> None:
    assert dockwarden("run", service={"command": ["true"]}).returncode == 0
    one = record(tmp_path)
    assert one["main"]["keep_alive"] == ["sleep", "infinity"]
    assert "ended at once with exit code 0" in one["main"]["reason"]
    assert (one["generation"], one["restart_cause"]) == (1, None)


def test_a_resumed_campaign_keeps_to_what_was_decided(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    service = {"image": "unused", "command": ["sh", "-c", f"echo one >>{starts}"]}
    compose = {"name": "own", "services": {"alpha": service}}
    experiments = [{"name": name, "backend": "alpha", "command": ["true"]} for name in "ab"]
    campaign = {"name": "test", "runtime": "process", "experiments": experiments}
    (tmp_path / "docker-compose.yml").write_text(json.dumps(compose))
    (tmp_path / "campaign.yml").write_text(json.dumps(campaign))
    for more in (["--only", "a"], []):
        command = [sys.executable, "-m", "dockwarden", "run", "campaign.yml", *more]
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert starts.read_text() == "one\n", "the second session does not try its own command again"
    sessions = json.loads((tmp_path / "results/test/latest/provenance.json").read_text())
    told = [session["main"]["alpha"] for session in sessions]
    assert [one["keep_alive"] for one in told] == [["sleep", "infinity"]] * 2
    assert "ended at once" in told[1]["reason"]


def test_a_command_that_fails_at_once_is_shown(dockwarden: Dockwarden) -> None:
    done = dockwarden("run", service={"command": ["sh", "-c", "echo no model; exit 3"]})
    assert done.returncode != 0
    assert "exit code 3" in done.stdout + done.stderr
    assert "no model" in done.stdout + done.stderr


def test_never_leaves_what_ends_to_end(dockwarden: Dockwarden) -> None:
    done = dockwarden("run", service={"command": ["true"]}, keep_alive="never")
    assert done.returncode != 0
    assert "exit code 0" in done.stdout + done.stderr


@pytest.mark.parametrize(("through", "printed"), [(False, "no"), (True, "yes")])
def test_experiments_go_through_the_entrypoint_of_the_file(
    dockwarden: Dockwarden, tmp_path: Path, *, through: bool, printed: str
) -> None:
    served = {"entrypoint": ENTER, "command": ["sleep", "infinity"]}
    assert dockwarden("run", service=served, through_entrypoint=through).returncode == 0
    one = record(tmp_path)
    assert (one["stdout_lines"], one["through_entrypoint"]) == ([printed], through)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"keep_alive": "never"}, "keep_alive: never has its own command run"),
        ({"through_entrypoint": True}, "through_entrypoint needs an entrypoint"),
    ],
)
def test_what_only_an_image_could_say_is_refused(
    dockwarden: Dockwarden, policy: dict[str, Any], said: str
) -> None:
    done = dockwarden("run", service={}, **policy)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("service", "policy", "said"),
    [
        ({}, {}, "its file gives no command"),
        ({"command": ["bash"]}, {}, "is a bare shell or interpreter (bash)"),
        ({"command": ["serve"]}, {"keep_alive": "always"}, "sleep infinity keeps it up"),
        (
            {"entrypoint": ENTER, "command": ["serve"]},
            {"keep_alive": "always"},
            "its entrypoint sh -c",
        ),
    ],
)
def test_the_plan_and_the_doctor_say_what_keeps_a_backend_up(
    dockwarden: Dockwarden, service: dict[str, Any], policy: dict[str, Any], said: str
) -> None:
    plan = dockwarden("run", "--dry-run", service=service, **policy)
    doctor = dockwarden("doctor", service=service, **policy)
    assert "  alpha: sleep infinity keeps it up" in plan.stdout
    assert said in plan.stdout
    assert said in doctor.stdout


def test_the_plan_says_nothing_of_a_command_of_the_file(dockwarden: Dockwarden) -> None:
    assert (
        "keeps it up" not in dockwarden("run", "--dry-run", service={"command": ["serve"]}).stdout
    )
