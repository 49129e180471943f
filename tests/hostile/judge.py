"""What must hold after a play: each trick's own end, and that nothing else was reached."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from html.parser import HTMLParser
from typing import Any, Final

from attrs import frozen

from engine.runtimes.docker.daemon.client import connect
from engine.spool import SPOOL
from tests.hostile.outside import below
from tests.hostile.play import WITNESSED, Play
from tests.hostile.trick import Completes, Either, Expectation, Fails
from tests.hostile.tricks.words import STEERS

__all__ = ["Verdict", "judge", "untried"]

_TOLERANCE_S: Final = 2.0
"""A file's time is the kernel's coarse clock's, and the engine's events are late."""
_MOST_MEMORY_BYTES: Final = 600 * 2**20
_MOST_DISK_BYTES: Final = 200 * 2**20
_OPEN: Final = stat.S_IRWXG | stat.S_IRWXO | stat.S_ISUID | stat.S_ISGID
_LATE: Final = re.compile(r"^late$", re.MULTILINE)


def _in_its_container() -> Either:
    """What runs beside a hostile main process completes, or says why it did not."""
    return Either(Completes(), Fails("."))


Record = Mapping[str, Any]


@frozen
class Verdict:
    """What came of one play.

    Attributes:
        tried: how many tricks were.
        reached: the tricks that reached something outside, and what.
        faults: what else must not be.
    """

    tried: int
    reached: tuple[str, ...]
    faults: tuple[str, ...]

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.tried + other.tried,
            (*self.reached, *other.reached),
            (*self.faults, *other.faults),
        )

    def __str__(self) -> str:
        return f"{self.tried} tricks tried, {len(self.reached)} reached anything outside"


def judge(play: Play) -> Verdict:
    """Check everything."""
    reached = [
        *(change for outside in play.outside.values() for change in outside.changes()),
        *_leaks(play),
    ]
    faults = [*_commands(play), *_words(play)]
    faults += [f"left on the engine: {one}" for one in _left_on_the_engine(play)]
    faults += [
        f"the container {one.name} is gone, which is the user's" for one in play.foreign if one.gone
    ]
    if (play.results / "results.jsonl").exists():
        faults += [*_runs(play), *_files(play), *_page(play)]
    tried = len(play.outside) - 1
    return Verdict(tried, tuple(reached), tuple(faults))


def _leaks(play: Play) -> Iterator[str]:
    """Where anything stands that only the markers hold."""
    files = [path for path in below(play.folder) if play.folder / "outside" not in path.parents]
    written = {
        str(path): path.read_bytes()
        for path in files
        if not path.is_symlink() and path.is_file() and path.stat().st_blocks < 2**16
    }
    printed = {what: said.printed for what, said in play.said.items()}
    for where, text in (written | printed).items():
        for name, outside in play.outside.items():
            if outside.leaks_into(text):
                yield f"{name}: its markers can be read in {where}"


def _commands(play: Play) -> Iterator[str]:
    """Each command ends, with a proper exit code and no traceback."""
    expected = {"run": (0, 1)}
    for what, said in play.said.items():
        if said.exit_code is None:
            yield f"{what} hung: {said.text[-600:]}"
        elif said.exit_code not in expected.get(what, (0,)):
            yield f"{what} ended with exit code {said.exit_code}: {said.text[-600:]}"
        if "Traceback" in said.text:
            yield f"{what}: {said.text[said.text.index('Traceback') :][:3000]}"
        if said.most_memory_bytes > _MOST_MEMORY_BYTES:
            yield f"{what} took {said.most_memory_bytes / 2**20:.0f} MiB of memory"


def _words(play: Play) -> Iterator[str]:
    """Nothing that a container said steers a terminal."""
    for what, said in play.said.items():
        if found := STEERS.search(said.text):
            yield f"{what} printed {found.group()!r}"
        if what == "run":  # its own view steers the terminal, too
            continue
        lines = "\n\t" if what.startswith("logs") else "\n"  # a tab steers nothing
        odd = {one for one in said.text if not one.isprintable() and one not in lines}
        if "--format html" not in what and odd:
            yield f"{what} printed {sorted(odd)!r}"


def _runs(play: Play) -> Iterator[str]:
    records = play.records()
    by_run = {record["run"]: record for record in records}
    skipped = play.skipped()
    if len(by_run) != len(records):
        yield f"{len(records)} records of {len(by_run)} runs"
    for experiment in play.experiments:
        run = f"{experiment['backend']}-{experiment['name']}"
        if run not in by_run:
            yield from untried(run, skipped.get(run), play.unfit.get(experiment["backend"]))
            continue
        record = by_run[run]
        if experiment["backend"] in play.hostile:
            # What kills all that comes in has killed this one, too, and 137 is the truth of it.
            killed = (record["ending"], record["exit_code"]) == ("exited", 137)
            wanted: Expectation = Completes(137) if killed else _in_its_container()
        else:
            wanted = play.expects.get(run) or Completes(
                stdout=WITNESSED.format(request=record.get("request", f"{run}.1"))
            )
        wrong = wanted.wrong(record, play.output(record))
        yield from (f"{run}: {one}" for one in (wrong, _times(record)) if one)
    for record in records:
        if _LATE.search(play.output(record) or "") or _LATE.search(
            play.output(record, "stderr") or ""
        ):
            yield f"{record['run']}: what was written after its end stands in its output"


def untried(run: str, reason: str | None, may: str | None) -> Iterator[str]:
    """What is wrong with a run that has no record: a backend is given up for what its container did alone.

    Args:
        reason: why it was not tried; None where nothing says so.
        may: what that reason must say; None where it has to be tried.
    """
    if reason is None:
        yield f"{run} has no record"
    elif may is None or not re.search(may, reason):
        yield f"{run} has not been tried: {reason[:300]}"


def _times(record: Record) -> str:
    """A command did not run for longer than its attempt lasted, even if its files say so."""
    if record.get("ran_from") is None:
        return ""
    ran = [datetime.fromisoformat(record[name]) for name in ("ran_from", "ran_until")]
    lasted_s = (ran[1] - ran[0]).total_seconds()
    if 0 <= lasted_s <= (record["duration_s"] or 0) + _TOLERANCE_S:
        return ""
    return f"it ran from {ran[0]} to {ran[1]}, and its attempt lasted {record['duration_s']} s"


def _files(play: Play) -> Iterator[str]:
    """The results are files of the controller's user, which no other user can read, and take no more than they hold."""
    blocks = 0
    for path in below(play.results):
        at = path.lstat()
        name = path.relative_to(play.results)
        blocks += at.st_blocks
        if name.parts[0] == SPOOL:
            continue
        if stat.S_ISDIR(at.st_mode) or stat.S_ISREG(at.st_mode):
            if at.st_uid != play.user.uid:
                yield f"{name} belongs to user {at.st_uid}"
            # The report is where and as the user asks for it.
            if at.st_mode & _OPEN and name.name != "report.html":
                yield f"{name} has the mode {stat.S_IMODE(at.st_mode):o}"
            if stat.S_ISREG(at.st_mode) and at.st_nlink != 1:
                yield f"{name} has {at.st_nlink} names"
        else:
            yield f"{name} is no file and no folder"
    if blocks * 512 > _MOST_DISK_BYTES:
        yield f"the results take {blocks * 512 / 2**20:.0f} MiB"
    yield from _spool(play)


def _spool(play: Play) -> Iterator[str]:
    """Nothing is left of spools; what an ordinary user may not remove is at least closed to others."""
    spool = play.results / SPOOL
    if spool.exists():
        at = spool.stat()
        if play.user.uid == 0:
            yield f"left in {SPOOL}: {[str(path.relative_to(spool)) for path in below(spool, 2)][:9]}"
        if (at.st_uid, stat.S_IMODE(at.st_mode)) != (play.user.uid, 0o700):
            yield f"{SPOOL} belongs to user {at.st_uid} and has the mode {stat.S_IMODE(at.st_mode):o}"


def _page(play: Play) -> Iterator[str]:
    """No element of the report comes from a container."""
    page = play.said.get("report --format html")
    if page is None:
        return
    reader = _Elements()
    for file in play.results.glob("*.html"):
        reader.feed(file.read_text())
    reader.feed(page.text)
    yield from reader.found


class _Elements(HTMLParser):
    """Collects elements that no page of dockwarden has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "hostile" or any(
            "HOSTILE" in (value or "") and name.startswith("on") for name, value in attrs
        ):
            self.found.append(f"the report has an element <{tag}> of a container's")


def _left_on_the_engine(play: Play) -> list[str]:
    """Containers and networks of the play's project."""
    with closing(connect(play.engine.environment)) as client:
        filters = {"label": f"com.docker.compose.project={play.project}"}
        foreign = {one.id for one in play.foreign}
        found = [one["Id"] for one in client.containers(all=True, filters=filters)]
        return [
            *(one for one in found if one not in foreign),
            *(one["Id"] for one in client.networks(filters=filters)),
        ]
