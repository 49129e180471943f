"""The experiments of a campaign file: each entry read, and expanded where it is swept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

from engine.campaign.config.format import DEFAULTS, EXPERIMENT
from engine.campaign.config.sections import Findings
from engine.campaign.config.sweeps import Expanded, expand, read_sweep
from engine.campaign.config.values import kind
from engine.campaign.model import Experiment
from engine.campaign.sweep import Sweep
from engine.compose.node import KeyPath

__all__ = ["ExperimentReader"]


@define(eq=False)
class ExperimentReader:
    """Reads the experiments of one campaign.

    Attributes:
        findings: where what is wrong goes.
        folder: of the campaign file.
        prefix: what an experiment's configuration file is handed to.
        defaults: the keys that every experiment has, as they are written.
        sweep: the campaign's, as it is written; None where it has none.
        most: how many runs there may be.
    """

    findings: Findings
    folder: Path
    prefix: tuple[str, ...]
    defaults: Any
    sweep: Any
    most: int
    _last: tuple[Any, dict[str, Any]] | None = field(default=None, init=False)

    def read(self, value: Any) -> list[tuple[int, Experiment]]:
        """The experiments, each with the index of its entry; what is wrong is among the findings."""
        if not isinstance(value, list | tuple):
            self.findings.add(
                ("experiments",), f"must be a list of experiments, and is {kind(value)}"
            )
            return []
        if value == []:
            self.findings.add(
                ("experiments",), "must have at least one entry, with name, backend and command"
            )
        overall = read_sweep(self.findings, ("sweep",), self.sweep, self.folder)
        if not value or (overall is None and not _has_sweep(value)):
            self._defaults(self.defaults)  # so that all findings are told, whatever else is wrong
        made: list[tuple[int, Experiment]] = []
        for index, written in enumerate(value):
            made += ((index, one) for one in self._expanded(index, written, overall))
        return made

    def _expanded(self, index: int, written: Any, overall: Sweep | None) -> Iterator[Experiment]:
        path: KeyPath = ("experiments", index)
        own, entry = None, written
        if isinstance(written, dict) and "sweep" in written:
            entry = {key: value for key, value in written.items() if key != "sweep"}
            own = read_sweep(self.findings, (*path, "sweep"), written["sweep"], self.folder)
            if own is None and written["sweep"] is not None:
                return
        each = expand(
            self.findings,
            path,
            entry,
            defaults=self.defaults,
            overall=overall,
            own=own,
            most=self.most,
        )
        for one in each:
            experiment = self._experiment(path, one)
            if experiment is None:  # the same would be wrong with each combination
                return
            yield experiment

    def _experiment(self, path: KeyPath, written: Expanded) -> Experiment | None:
        before = len(self.findings.listed)
        defaults = self._defaults(written.defaults)
        entry = self._entry(path, written.entry)
        if len(self.findings.listed) > before:
            return None
        merged = {
            name: {**defaults.get(name, {}), **entry.get(name, {})}
            for name in ("environment", "keys", "metrics")
        }
        swept = {"params": written.params} if written.params else {}
        if written.params and written.name is not None:
            swept["entry"] = written.name  # type: ignore[assignment]
        return Experiment(**{**defaults, **entry, **merged, **swept})

    def _defaults(self, written: Any) -> dict[str, Any]:
        """Read the defaults, once where no combination changes them."""
        if self._last is None or self._last[0] is not written:
            self._last = (written, self.findings.section(("defaults",), written, DEFAULTS))
        return self._last[1]

    def _entry(self, path: KeyPath, value: Any) -> dict[str, Any]:
        """One experiment as written, its configuration file made a command."""
        entry = self.findings.section(path, value, EXPERIMENT)
        if isinstance(value, dict) and _given(value, "command") == _given(value, "config"):
            self.findings.add(
                path, "needs either a command (a list) or a config (a file), and not both"
            )
        config = entry.pop("config", None)
        return entry if config is None else {**entry, "command": (*self.prefix, config, "--yes")}


def _given(value: Mapping[Any, Any], key: str) -> bool:
    """Whether a key is written, and not empty."""
    return value.get(key) is not None


def _has_sweep(entries: Any) -> bool:
    return any(isinstance(entry, dict) and "sweep" in entry for entry in entries)
