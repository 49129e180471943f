"""Journals as campaigns write them, without the campaigns: as large as a test wants them."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from attrs import define, field

from engine.backend.machine import Instance, Machine
from engine.campaign.persistence.results import RESULTS
from engine.campaign.runs.attempt_record import AttemptRecord
from engine.journal import FILE_NAME, Journal, Run
from engine.model.measurements import Artifact
from engine.model.results import GpuLook, Span, Transition
from states import BACKEND

__all__ = ["BACKENDS", "HOSTILE", "campaign"]

BACKENDS: Final = ("pytorch", "vllm", "tensorrt")

HOSTILE: Final = "</script><script>alert('x')</script><b onmouseover=alert(1)>&amp;\x1b[31m\u202e"
"""What a page, a terminal or a spreadsheet might take for something else than text."""

_GIB: Final = 2**30
_MACHINE: Final = Machine(BACKEND)


def campaign(folder: Path, experiments: int, *, hostile: bool = False) -> Path:
    """A journal of a campaign with faults, and the records that lie beside it.

    Args:
        experiments: how many runs there are, of which every seventh fails and every fortieth is lost.
        hostile: whether names, reasons and output are :data:`HOSTILE`.
    """
    path = folder / FILE_NAME
    word = HOSTILE if hostile else "small"
    software = {"dockwarden": "0.1.0", "runtime": word}
    with (
        (folder / RESULTS).open("w") as results,
        Journal.create(path, campaign=word, software=software, durable=False) as journal,
    ):
        runs = [
            Run(f"{backend}-x{number}", f"x{number}", backend)
            for number, backend in zip(range(experiments), itertools.cycle(BACKENDS), strict=False)
        ]
        with journal.at_once():
            journal.plan(runs)
            hostility = HOSTILE if hostile else ""
            lives = {name: _Life(journal, name, results, hostility) for name in BACKENDS}
            for number, run in enumerate(runs, start=1):
                lives[run.backend].tries(run, number)
            for life in lives.values():
                life.ends()
    return path


@define(eq=False)
class _Life:
    """A backend that writes its own journal."""

    journal: Journal
    name: str
    results: TextIO
    hostile: str
    at: datetime = field(factory=lambda: datetime.now(UTC))
    generation: int = 0
    left: int = 100
    baseline: int = _GIB
    _rng: random.Random = field(factory=lambda: random.Random(1))
    _machine: Instance = field(factory=_MACHINE.instance)

    def __attrs_post_init__(self) -> None:
        self._take("start", "needed", after_s=0.1)
        self._take("proved_ready", "passed its readiness gate", after_s=3)
        self._look(self.baseline)

    def tries(self, run: Run, number: int) -> None:
        """One run, to its outcome."""
        lost, failed = number % 40 == 0, number % 7 == 0
        attempts = 2 if lost else 1
        for attempt in range(1, attempts + 1):
            request, folder = f"{run.id}.{attempt}", f"{self.name}/{run.id}/attempt-{attempt}"
            self.journal.attempt_begun(
                run.id, attempt, backend=self.name, request=request, folder=folder, at=self.at
            )
            self._take("dispatch", request, after_s=0.01)
            began, took_s = self.at + timedelta(milliseconds=40), 0.5 + self._rng.random()
            ran = Span(began, began + timedelta(seconds=took_s))
            self.at = ran.ended_at
            if lost and attempt == 1:
                reason = self.hostile or "its container was killed from outside"
                self._ends_attempt(run, attempt, ("lost", None, reason))
                self._restarts(reason)
            else:
                self._ends_attempt(run, attempt, ("exited", 3 if failed else 0, ""), ran)
                self._take("finish", "its command ended", after_s=0.02)
        self._look(self.baseline + self._rng.randrange(_GIB // 4))
        state = "failed" if failed else "completed"
        self.journal.outcome(run.id, state, reason="exit code 3" if failed else "", at=self.at)

    def ends(self) -> None:
        """Take it down."""
        self._take("stop", "teardown", after_s=0.1)
        self._take("removed", "verified by inspection", after_s=0.5)

    def _ends_attempt(
        self, run: Run, attempt: int, how: tuple[str, int | None, str], ran: Span | None = None
    ) -> None:
        ending, code, reason = how
        record = AttemptRecord(
            **{name: getattr(run, name) for name in ("experiment", "backend", "cycle", "repeat")},
            campaign="small",
            run=run.id,
            attempt=attempt,
            command=("train", run.experiment, self.hostile),
            ending=ending,
            exit_code=code,
            reason=reason,
            started_at=self.at,
            ended_at=self.at,
            duration_s=1.0,
            image="sha256:1234",
            stdout=f"{self.name}/{run.id}/attempt-{attempt}/stdout",
            stdout_lines=(f"loss {run.experiment[1:]}", self.hostile),
            params={"batch": 8},
            metrics={"tokens_per_s": 43.5},
            units={"tokens_per_s": "tokens/s"},
            artifacts=(Artifact(f"{self.name}/{run.id}/attempt-1/artifacts/a b#.json", 1234),),
            warnings=(f"link is not collected {self.hostile}",),
        )
        self.results.write(record.to_json() + "\n")
        self.at += timedelta(milliseconds=30)
        self.journal.attempt_ended(
            *(run.id, attempt),
            ending=ending,
            exit_code=code,
            reason=reason,
            duration_s=1.0,
            at=self.at,
            ran=ran,
        )

    def _restarts(self, reason: str) -> None:
        self._take("fault", reason, after_s=0.01)
        self.left -= 1
        self._take("recover", reason, {"curable": True, "budget_left": True})
        self._take("proved_ready", "passed its readiness gate", after_s=4)

    def _look(self, used: int) -> None:
        self.journal.look(
            GpuLook(self.at, self.name, self.generation, "ok", "OK", used, 80 * _GIB, self.baseline)
        )

    def _take(
        self, event: str, reason: str, facts: dict[str, bool] | None = None, after_s: float = 0.01
    ) -> None:
        self.at += timedelta(seconds=after_s)
        edge = self._machine.fire(event, facts or {})
        self.generation += edge.action in ("launch", "relaunch")
        self.journal.transition(
            Transition(
                *(self.at, self.name, event, edge.source, edge.target, edge.action, reason),
                generation=self.generation,
                container_id="c" * 64,
                restarts_left=self.left,
            ),
            facts=facts,
        )
