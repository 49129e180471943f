"""A hostile container fails its own experiment at most, and reaches nothing else."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.hostile.judge import untried
from tests.hostile.outside import Outside, discard
from tests.hostile.suite import USERS, perform
from tests.hostile.trick import Completes, Either, Fails
from tests.hostile.tricks import IMAGES, MAINS, OWNERS, SERVERS, experiments
from tests.hostile.tricks.words import STEERS
from tests.lab import Engine

ROOT = Path(__file__).parents[2]
_FILES = 2_000

_long = partial(pytest.param, marks=pytest.mark.long)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A scratch folder that every user can pass through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="dockwarden-hostile-"))
    folder.chmod(0o755)
    yield folder
    discard(folder)


@pytest.mark.docker
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("kind", "user", "only", "tricks"),
    [
        _long("experiments", "user-077", "", len(experiments(1))),
        ("mains", "root", "folders", sum("folders" in one.name for one in MAINS)),
        _long("mains", "user", "same-user", sum("same-user" in one.name for one in MAINS)),
        _long(
            "mains", "root-077", "over-folders", sum("over-folders" in one.name for one in MAINS)
        ),
        ("kept", "user", "links-for", 1),
        _long("images", "user", "", len(IMAGES)),
        _long("guests", "root", "", len(OWNERS)),
        _long("servers", "user-077", "ready-", sum("ready-" in one.name for one in SERVERS)),
        ("servers", "user", "log-terminal", sum("log-terminal" in one.name for one in SERVERS)),
        _long("manager", "user", "folder-", sum("folder-" in one.name for one in experiments(1))),
        _long("controller", "root", "next-", sum("next-" in one.name for one in experiments(1))),
    ],
)
def test_nothing_outside_is_reached(
    *, kind: str, user: str, only: str, tricks: int, open_folder: Path, engine: Engine
) -> None:
    closed = [one for one in (ROOT, *ROOT.parents) if not one.stat().st_mode & stat.S_IXOTH]
    if USERS[user].uid and closed:
        pytest.skip(
            f"{closed[0]} is closed to other users; clone into a folder that is open to them"
        )
    folder = open_folder / f"{user}-{kind}"
    verdict = perform(kind, USERS[user], folder, engine, only=only, files=_FILES)
    print(verdict)
    assert verdict.tried >= tricks >= 1
    assert verdict.reached == ()
    assert verdict.faults == ()


# That the suite itself sees what it is there to see


@pytest.mark.parametrize(
    "reach",
    [
        lambda folder: (folder / "secret").chmod(0o644),
        lambda folder: (folder / "secret").write_text("other"),
        lambda folder: (folder / "folder").chmod(0o777),
        lambda folder: (folder / "folder/stdout").touch(),
        lambda folder: (folder / "empty").rmdir(),
        lambda folder: (folder / "twin").hardlink_to(folder / "readable"),
        lambda folder: (folder / "pipe").unlink(),
    ],
)
def test_a_marker_that_is_touched_is_seen(reach, tmp_path: Path) -> None:
    outside = Outside(tmp_path / "markers")
    outside.make(os.getuid(), os.getgid())
    assert outside.changes() == []
    reach(outside.folder)
    assert outside.changes() != []


def _record(ending: str, exit_code: int | None, reason: str = "") -> dict[str, object]:
    return {"ending": ending, "exit_code": exit_code, "reason": reason}


def test_an_end_that_is_not_the_true_one_is_seen() -> None:
    true = Completes(3, stdout="said\n")
    assert not true.wrong(_record("exited", 3), "said\n")
    assert true.wrong(_record("exited", 0), "said\n")
    assert true.wrong(_record("exited", 3), "forged\n")
    assert true.wrong(_record("lost", None, "why"), "said\n")


def test_a_failure_has_to_name_its_cause() -> None:
    named = Fails("link")
    assert not named.wrong(_record("output", 0, "its stdout is a symbolic link"), None)
    assert named.wrong(_record("output", 0, "failed"), None)
    assert named.wrong(_record("exited", 0), None)
    either = Either(Completes(), named)
    assert not either.wrong(_record("exited", 0), None)
    assert not either.wrong(_record("lost", None, "a link"), None)
    assert either.wrong(_record("lost", None, "failed"), None)


def test_a_backend_that_was_given_up_for_another_reason_is_seen() -> None:
    assert not [*untried("run", "exhausted: its container took the spool away", "its container")]
    assert [*untried("run", "exhausted: no space is left", "its container")]
    assert [*untried("run", "exhausted: its container took the spool away", None)]
    assert [*untried("run", None, "its container")]


@pytest.mark.parametrize(
    "said", ["\x1b]0;HOSTILE", "\x1b[7777mHOSTILE", "\x9b7777mHOSTILE", "\u202eHOSTILE"]
)
def test_words_that_steer_are_seen(said: str) -> None:
    assert STEERS.search(f"some words {said} and others")
    assert not STEERS.search("some words HOSTILE and others")
