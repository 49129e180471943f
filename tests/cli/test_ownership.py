"""Results belong to the user who started the campaign, and no other user can read them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import BASE_IMAGE, Engine

pytestmark = pytest.mark.docker

USER = 4711
# An ordinary user, but for reading where Python is installed, which may be in root's home.
READS = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *READS)
TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture
def open_engine(engine: Engine) -> Iterator[Engine]:
    """The engine, for a user who may use its socket."""
    before = engine.socket.stat().st_gid
    os.chown(engine.socket, -1, USER)
    yield engine
    os.chown(engine.socket, -1, before)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the user's own; pytest's are closed to all but root."""
    with tempfile.TemporaryDirectory(prefix="dockwarden-owned-") as name:
        os.chown(name, USER, USER)
        yield Path(name)


@pytest.mark.parametrize("inside", ["root", "65534"])
@pytest.mark.usefixtures("open_engine")
def test_results_belong_to_the_user_who_ran_it(folder: Path, inside: str) -> None:
    service = {"image": BASE_IMAGE, "user": inside, "stop_grace_period": "0s"}
    compose = {"name": "dockwarden-owned", "services": {"alpha": service}}
    (folder / "docker-compose.yml").write_text(json.dumps(compose))
    experiment = {"name": "x", "backend": "alpha", "command": ["sh", "-c", "id -u; echo why >&2"]}
    campaign = folder / "campaign.yml"
    campaign.write_text(json.dumps({"name": "owned", "experiments": [experiment]}))

    done = subprocess.run(
        [*AS_USER, sys.executable, "-c", "from engine.cli import main; main()", "run", campaign],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = folder / "results"
    attempt = results / "owned/latest/alpha/alpha-x/attempt-1"
    assert (attempt / "stdout").read_text() == ("0\n" if inside == "root" else "65534\n")
    found = {path: path.lstat() for path in results.rglob("*")}
    assert {one.st_uid for one in found.values()} == {USER}
    run = (results / "owned/latest").resolve()
    assert not found[run].st_mode & TO_OTHERS  # so no other user reaches what is below
    ours = [run / name for name in ("results.jsonl", "summary.json", "journal.sqlite")]
    assert {stat.S_IMODE(found[file].st_mode) for file in ours} == {0o600}
