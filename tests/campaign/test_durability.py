"""What a loss of power leaves: only what has been synced. Before each command it is enough."""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import define, field

from engine.campaign.events import Event, RunSettled
from engine.campaign.execution.runner import CampaignRunner
from engine.campaign.model import Pauses
from engine.campaign.persistence import recorder
from engine.campaign.persistence.results import RESULTS, Results, read_records
from engine.campaign.resumption.resume import journaled
from engine.campaign.runs.plan import plan
from engine.errors import DockwardenError, JournalUnwritable, SetupError
from engine.journal import FILE_NAME, Journal
from engine.runtimes.base import ExecRequest
from engine.runtimes.simulated import SimulatedRuntime
from engine.runtimes.simulated.processes import Process, Program, lasting
from engine.runtimes.simulated.programs import EachLasts
from engine.util import virtual_clock
from engine.util.clock import now_s
from tests.campaign.stage import Stage

WAL = f"{FILE_NAME}-wal"
PAUSE_S = 60.0


@define
class Disk:
    """Takes note of what each file held when it was last synced.

    Attributes:
        synced: those bytes, by the file's name.
        fails: files whose sync fails from now on.
    """

    synced: dict[str, bytes] = field(factory=dict)
    moments_s: dict[str, list[float]] = field(factory=dict)
    fails: set[str] = field(factory=set)

    def fsync(self, descriptor: int) -> None:
        file = Path(f"/proc/self/fd/{descriptor}").readlink()
        if file.name in self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if file.is_file():
            self.synced[file.name] = file.read_bytes()
            self.moments_s.setdefault(file.name, []).append(now_s())

    def after_power_loss(self, folder: Path, into: Path) -> Path:
        """A run's folder as it would be found: what has not been synced is not there."""
        into.mkdir()
        shutil.copy(folder / FILE_NAME, into)  # SQLite syncs it by itself
        for name in (WAL, RESULTS):
            (into / name).write_bytes(self.synced.get(name, b""))
        return into


class Told(EachLasts):
    """Commands that say when they begin."""

    def __init__(self, begins: Callable[[str], None]) -> None:
        super().__init__()
        self._begins = begins

    def experiment(self, service: str, request: ExecRequest) -> Program:
        program = lasting(0.0)

        async def told(process: Process) -> int:
            self._begins(request.id)
            return await program(process)

        return told


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    return disk


def carry_out(
    stage: Stage,
    *,
    begins: Callable[[str], None] = lambda _request: None,
    on_event: Callable[[Event], None] = lambda _event: None,
    at_the_end: Callable[[Path], object] = lambda _folder: None,
) -> Path:
    """Run the stage's campaign; returns the run's folder."""
    runs = plan(stage.campaign)

    async def session(results: Results, journal: Journal) -> None:
        runtime = SimulatedRuntime(stage.project, commands=Told(begins))
        stage.runner = CampaignRunner(
            stage.campaign, stage.project, runtime, runs, results, journal
        )
        stage.runner.on_event(on_event)
        await stage.runner.run()

    with (
        Results.create(stage.campaign.results, datetime.now(UTC)) as results,
        Journal.create(results.folder / FILE_NAME, campaign="stage") as journal,
    ):
        journal.plan(journaled(runs))
        virtual_clock.run(session(results, journal))
        at_the_end(results.folder)
        return results.folder


def test_no_command_runs_before_its_attempt_and_all_ends_before_it_are_on_the_disk(
    stage: Stage, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_SOON_S", math.inf)
    stage.change(parallel=False)
    begun: list[str] = []

    def begins(request: str) -> None:
        begun.append(request)
        folder = (stage.campaign.results / "latest").resolve()
        disk.after_power_loss(folder, tmp_path / request)

    carry_out(stage, begins=begins)
    assert len(begun) == len(plan(stage.campaign)) == 4
    for number, request in enumerate(begun):
        with Journal.read(tmp_path / request / FILE_NAME) as journal:
            attempts = {one.request: one for one in journal.attempts()}
        assert [*attempts] == begun[: number + 1]
        assert attempts[request].container_id is not None
        ended = [name for name, one in attempts.items() if one.ended_at is not None]
        assert ended == begun[:number]
        assert len([*read_records(tmp_path / request / RESULTS)]) == number


def test_what_nothing_follows_is_synced_a_moment_later(stage: Stage, disk: Disk) -> None:
    stage.change(parallel=False, pauses=Pauses(between_experiments_s=PAUSE_S))
    settled_s: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, RunSettled):
            settled_s.append(now_s())

    carry_out(stage, on_event=note)
    assert len(settled_s) == 4
    for moment_s in settled_s:
        for name in (RESULTS, WAL):
            assert any(moment_s <= one <= moment_s + 0.2 for one in disk.moments_s[name]), name


def test_when_it_ends_all_is_on_the_disk(stage: Stage, disk: Disk, tmp_path: Path) -> None:
    left: list[Path] = []
    folder = carry_out(
        stage,
        at_the_end=lambda folder: left.append(disk.after_power_loss(folder, tmp_path / "left")),
    )
    assert (left[0] / RESULTS).read_bytes() == (folder / RESULTS).read_bytes()
    with Journal.read(left[0] / FILE_NAME) as journal:
        assert {one.run: one.state for one in journal.outcomes()} == stage.states
        assert {one.transition.target for one in list(journal.transitions())[-2:]} == {"stopped"}


@pytest.mark.parametrize(("file", "error"), [(RESULTS, SetupError), (WAL, JournalUnwritable)])
def test_a_disk_that_fails_ends_the_campaign_and_loses_nothing(
    stage: Stage, disk: Disk, file: str, error: type[DockwardenError]
) -> None:
    stage.change(parallel=False)

    def begins(_request: str) -> None:
        disk.fails.add(file)

    with pytest.raises(error, match="written"):
        carry_out(stage, begins=begins)
    folder = (stage.campaign.results / "latest").resolve()
    first, under_way = read_records(folder / RESULTS)
    assert first.exit_code == 0
    assert under_way.ending in ("exited", "interrupted")  # nothing else has begun
    assert stage.runner.controller.backends["alpha"].state == "stopped"
