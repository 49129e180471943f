"""The record of one attempt: a line of ``results.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self

from attrs import evolve, field, fields, frozen

from engine.campaign.model import Campaign
from engine.campaign.runs.plan import PlannedRun
from engine.model.measurements import Artifact, Measurements
from engine.model.results import Ending, LeftProcess, Span
from engine.util.redaction import Secrets, masked

__all__ = ["AttemptRecord", "record_of"]

_NEEDED: Final = ("started_at", "ended_at")
_MAPPINGS: Final = ("params", "keys", "environment", "metrics", "units")
_NAMES: Final = ("beside", "gpus_shared_with")
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
        exit_code: as the command gave it; 128 + n where signal n ended it; None if it was not observed.
        reason: in words, where the ending is not simply its exit.
        duration_s: in seconds; None if it was not measured.
        ran_from: when the command itself began to run; None if that was not observed.
        ran_until: likewise, when it had run.
        since_restart: how many attempts had run in the container since its last start.
        left: the processes that it left running when its command had ended.
        stdout: the file, relative to the folder of the results; None where there is none.
        stdout_lines: the last lines of it, at most 100, and at most 16 KiB.
        backend_log: what the main process of its container wrote since that start, likewise; None where it is not
            kept.
        entry: the entry of the campaign file that the experiment comes from; None in records of versions
            without sweeps.
        params: what the experiment was swept over.
        keys: what it is about, such as its model.
        environment: the variables that the experiment adds; secrets are hidden.
        metrics: the numbers that it handed back, by name.
        units: of these, where they have one.
        artifacts: the files that it handed back.
        warnings: what of its metrics and artifacts could not be used; none of it changes how it ended.
        warmup: whether the run is recorded, and not counted.
        isolation: reuse, restart or recreate; None in records of versions that had no such choice.
        service: what of the backend's own service was changed for this run; None for nothing.
        started_in_s: how long its container took from its start until it was ready, in seconds; None where
            that was not seen.
        main: what its container ran as its main process: the command that kept it up (``keep_alive``, null for
            its own), why (``reason``), and the entrypoint that did not run therefore (``dropped_entrypoint``).
            None where that is not known.
        through_entrypoint: whether it ran through the container's entrypoint.
        health_checks: how often the health check of its container was run meanwhile; None where
            that is not known: its engine did and does not tell, or an earlier version has written the record.
        targets: the servers that it measured, each with ``backend``, ``container_id``, ``image``,
            ``generation`` and ``restart_cause``.
        beside: the other backends in which experiments ran at the same time; None in records of versions
            that did not tell.
        gpus_shared_with: the other backends that were up and reserve, or may reserve, the GPUs that this attempt
            occupied; likewise.
        session: which entry of ``provenance.json`` tells of the controller and its machine, from 0.
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
    entry: str | None = None
    params: Mapping[str, Any] = field(factory=dict)
    keys: Mapping[str, str] = field(factory=dict)
    environment: Mapping[str, str] = field(factory=dict)
    metrics: Mapping[str, float] = field(factory=dict)
    units: Mapping[str, str] = field(factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    warnings: tuple[str, ...] = ()
    warmup: bool = False
    isolation: str | None = None
    service: Mapping[str, Any] | None = None
    started_in_s: float | None = None
    main: Mapping[str, Any] | None = None
    through_entrypoint: bool = False
    health_checks: int | None = None
    targets: tuple[Mapping[str, Any], ...] = ()
    beside: tuple[str, ...] | None = None
    gpus_shared_with: tuple[str, ...] | None = None
    session: int | None = None
    backend_log: str | None = None

    @property
    def ran(self) -> Span | None:
        """When the command itself ran; None where that was not seen."""
        if self.ran_from is None or self.ran_until is None:
            return None
        return Span(self.ran_from, self.ran_until)

    @property
    def measurements(self) -> Measurements:
        """The metrics and artifacts."""
        return Measurements(self.metrics, self.units, self.artifacts, self.warnings)

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
            params=secrets.hide_within(self.params),
            keys=secrets.hide_within(self.keys),
            environment=secrets.hide_within(self.environment),
            units=secrets.hide_within(self.units),
            warnings=secrets.hide_all(self.warnings),
            service=secrets.hide_within(self.service),
            targets=tuple(map(secrets.hide_within, self.targets)),
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
            for name in _MAPPINGS:
                if not isinstance(known.get(name, {}), dict):
                    raise TypeError(f"{name} is no mapping")  # noqa: TRY301 - as what is converted
            known["warnings"] = tuple(map(str, known.get("warnings", ())))
            known["targets"] = tuple(map(dict, known.get("targets", ())))
            for names in _NAMES:
                if known.get(names) is not None:
                    known[names] = tuple(map(str, known[names]))
            known["ending"] = Ending(known["ending"]).value
            known["left"] = tuple(LeftProcess.from_plain(one) for one in known.get("left", ()))
            known["artifacts"] = tuple(
                Artifact.from_plain(one) for one in known.get("artifacts", ())
            )
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no record of an attempt: {error!r}") from error


def _plain(value: datetime | LeftProcess | Artifact) -> Any:
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
    service = run.experiment.service
    return AttemptRecord(
        campaign=campaign.name,
        experiment=run.experiment.name,
        run=run.id,
        backend=run.backend,
        cycle=run.cycle,
        repeat=run.repeat,
        attempt=number,
        command=run.experiment.command,
        entry=run.experiment.entry,
        warmup=run.warmup,
        params=run.experiment.params,
        keys=run.experiment.keys,
        environment=masked(run.experiment.environment, campaign.secrets),
        isolation=run.experiment.isolation.value,
        service=None if service is None else service.without(campaign.secrets).to_plain(),
        **how,
    )
