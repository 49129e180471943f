"""The output of an attempt: still in its backend's spool, or among the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import Any, Final

from attrs import asdict, frozen

from engine.campaign.model import Experiment
from engine.campaign.persistence.results import last_lines
from engine.errors import SetupError
from engine.journal import Attempt
from engine.measurements import measure
from engine.model.measurements import MAX_ARTIFACTS_BYTES
from engine.model.results import Ending
from engine.runtimes.exit_status import Noted, noted_below
from engine.spool import SPOOL, Spool, SpoolUnusable
from engine.spool.below import folder_below, plain_below
from engine.util.clock import utc_now
from engine.util.redaction import Secrets

__all__ = ["Written"]

_ENDED_ALONE: Final = "it ended without its controller"
_NOT_FETCHED: Final = "its container was not there any more, so no artifacts were fetched from it"


@frozen
class Written:
    """The output of one attempt.

    An attempt under way writes into its spool; so did one whose controller was killed. What has ended lies
    among the results, as all output of version 0.1 does. A container may have written to any of these
    places, so all are read as :mod:`engine.spool` says.

    Attributes:
        results: the folder of the campaign's results.
        backend: the attempt's backend.
        request: what its command is called.
        folder: where its output is in the end, relative to ``results``.
    """

    results: Path
    backend: str
    request: str
    folder: PurePath

    @classmethod
    def by(cls, results: Path, attempt: Attempt) -> Written:
        """The output of an attempt that a journal tells of."""
        return cls(results, attempt.backend, attempt.request, PurePath(attempt.folder))

    def _places(self) -> Iterator[PurePath]:
        yield self.folder
        yield PurePath(SPOOL, self.backend, self.request)

    def last_lines(self, stream: str, secrets: Secrets) -> tuple[str, ...]:
        """The last lines of ``stdout`` or ``stderr``, without these secrets."""
        for place in self._places():
            (lines,) = last_lines(self.results, place, (stream,), secrets)
            if lines:
                return lines
        return ()

    def there(self, stream: str) -> bool:
        """Whether ``stdout`` or ``stderr`` is among the results."""
        try:
            with plain_below(self.results, self.folder / stream):
                return True
        except OSError:
            return False

    def teardown_ran(self) -> bool:
        """Whether the output of its experiment's teardown is among the results."""
        return (self.results / f"{self.folder}-teardown").is_dir()

    def noted(self) -> Noted | None:
        """How its command ended; None where that is not noted.

        As long as its slot is there, only the slot counts: what has the name of its results may come from
        another experiment, in a folder of version 0.1.
        """
        slot = PurePath(SPOOL, self.backend, self.request)
        try:
            with folder_below(self.results, slot):
                return noted_below(self.results, slot)
        except OSError:
            return noted_below(self.results, self.folder)

    def fields(self, secrets: Secrets) -> dict[str, Any]:
        """Return the paths of the output and its last lines, as fields of a record."""
        there = self.there("stdout")
        return {
            "stdout": str(self.folder / "stdout") if there else None,
            "stderr": str(self.folder / "stderr") if there else None,
            "stdout_lines": self.last_lines("stdout", secrets),
            "stderr_lines": self.last_lines("stderr", secrets),
        }

    def measured(self, experiment: Experiment, how: Mapping[str, Any]) -> dict[str, Any]:
        """The metrics and artifacts, as fields of a record.

        Args:
            how: the fields that tell how it ended; empty where that is not known.
        """
        warnings = (_NOT_FETCHED,) if experiment.measure.fetched else ()
        succeeded = how.get("ending") == Ending.EXITED.value and how.get("exit_code") == 0
        found = measure(
            self.results, self.folder, experiment.measure, warnings, succeeded=succeeded
        )
        return asdict(found, recurse=False)

    def ended_alone(self, begun_at: datetime, experiment: Experiment) -> dict[str, Any]:
        """How an attempt ended that no controller saw the end of, as its shell has noted it.

        Its output becomes a result.

        Args:
            begun_at: when the attempt began, in UTC.
            experiment: says how much of its output and its artifacts is kept.

        Returns:
            nothing, where there is no note of an end by itself.
        """
        problem = self.gather(experiment.max_output_bytes, experiment.max_artifacts_bytes)
        end = self.noted()
        if end is None or end.may_be_killed:
            return {}
        lasted_s = min((end.ended_at - begun_at), utc_now() - begun_at).total_seconds()
        lasted_s = max(0.0, lasted_s)  # the command could write any time there
        ran = end.ran and end.ran.within(begun_at, lasted_s)
        return {
            "ending": (Ending.OUTPUT if problem else Ending.EXITED).value,
            "exit_code": end.exit_code,
            "reason": "; ".join(filter(None, (_ENDED_ALONE, problem))),
            "ended_at": begun_at + timedelta(seconds=lasted_s),
            "duration_s": lasted_s,
            "ran_from": ran and ran.began_at,
            "ran_until": ran and ran.ended_at,
        }

    def gather(self, most_bytes: int | None, max_artifacts_bytes: int = MAX_ARTIFACTS_BYTES) -> str:
        """Take what a killed controller left in the spool to the results; harmless when there is nothing.

        Returns:
            why it is not all that the command wrote; empty where nothing is known against it.

        Raises:
            SetupError: it cannot be kept on this machine; it stays where it is.
        """
        spool = Spool(self.results, self.backend)
        try:
            slot = spool.find(self.request)
        except SpoolUnusable:
            return ""
        found = spool.collect(
            slot, self.folder, most_bytes=most_bytes, max_artifacts_bytes=max_artifacts_bytes
        )
        if not found.kept:
            raise SetupError(found.problem)
        return found.problem
