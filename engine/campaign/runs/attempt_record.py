"""The record of one attempt: a line of ``results.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self

from attrs import evolve, fields, frozen

from engine.campaign.model import Campaign
from engine.campaign.runs.plan import PlannedRun
from engine.model.results import Ending, LeftProcess, Span
from engine.util.redaction import Secrets

__all__ = ["AttemptRecord", "record_of"]

_NEEDED: Final = ("started_at", "ended_at")
_MOMENTS: Final = (*_NEEDED, "ran_from", "ran_until")


@frozen(kw_only=True)
class AttemptRecord:
    """One attempt of one run: what a line of the results holds.

    Attributes:
        campaign: the campaign's name.
        experiment: the experiment's name.
        run: the run's id.
        attempt: from 1.
        ending: exited, unstarted, timeout, silence, output, leftovers, lost or interrupted.
        exit_code: as the command gave it; 128 + n where signal n ended it; None when nobody saw it.
        reason: in words, where the ending is not simply its exit.
        duration_s: in seconds; None when nobody measured.
        ran_from: when the command itself began to run; None where that was not seen.
        ran_until: likewise, when it had run.
        since_restart: how many commands had run in the container since its last start.
        left: the processes that it left running when its command had ended.
        stdout: the file, relative to the folder of the results; None where there is none.
        stdout_lines: the last lines of it, at most 100, and at most 16 KiB.
    """

    campaign: str
    experiment: str
    run: str
    backend: str
    cycle: int
    repeat: int
    attempt: int
    command: tuple[str, ...]
    ending: str
    exit_code: int | None
    reason: str
    started_at: datetime
    ended_at: datetime
    duration_s: float | None
    ran_from: datetime | None = None
    ran_until: datetime | None = None
    container_id: str | None = None
    image: str | None = None
    generation: int | None = None
    since_restart: int | None = None
    restart_cause: str | None = None
    left: tuple[LeftProcess, ...] = ()
    stdout: str | None = None
    stderr: str | None = None
    stdout_lines: tuple[str, ...] = ()
    stderr_lines: tuple[str, ...] = ()

    @property
    def ran(self) -> Span | None:
        """When the command itself ran; None where that was not seen."""
        if self.ran_from is None or self.ran_until is None:
            return None
        return Span(self.ran_from, self.ran_until)

    def without(self, secrets: Secrets) -> Self:
        """The record with none of these in what it quotes."""
        if not secrets:
            return self
        return evolve(
            self,
            command=secrets.hide_all(self.command),
            reason=secrets.hide(self.reason),
            restart_cause=self.restart_cause and secrets.hide(self.restart_cause),
            left=tuple(evolve(one, command=secrets.hide(one.command)) for one in self.left),
        )

    def to_json(self) -> str:
        """The record on one line."""
        return _ENCODER.encode({name: getattr(self, name) for name in _COLUMNS})

    @classmethod
    def from_json(cls, line: str) -> Self:
        """A record from its line.

        Raises:
            ValueError: the line is no record.
        """
        try:
            told = json.loads(line)
            known = {one.name: told[one.name] for one in fields(cls) if one.name in told}
            for moment in _MOMENTS:
                if moment in _NEEDED or known.get(moment) is not None:
                    known[moment] = datetime.fromisoformat(known[moment])
            known["ending"] = Ending(known["ending"]).value
            known["left"] = tuple(LeftProcess.from_plain(one) for one in known.get("left", ()))
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no record of an attempt: {error!r}") from error


def _plain(value: datetime | LeftProcess) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value.to_plain()


_COLUMNS: Final = tuple(one.name for one in fields(AttemptRecord))
_ENCODER: Final = json.JSONEncoder(default=_plain)


def record_of(
    campaign: Campaign, run: PlannedRun, number: int, how: Mapping[str, Any]
) -> AttemptRecord:
    """The record of an attempt of a planned run.

    Args:
        number: which attempt of the run it is, from 1.
        how: the fields that tell how it went.
    """
    return AttemptRecord(
        campaign=campaign.name,
        experiment=run.experiment.name,
        run=run.id,
        backend=run.backend,
        cycle=run.cycle,
        repeat=run.repeat,
        attempt=number,
        command=run.experiment.command,
        **how,
    )
