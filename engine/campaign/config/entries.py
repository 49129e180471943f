"""The entries of a campaign file as experiments: one each, or one for each combination of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from engine.campaign.config.containers import check_isolation, with_container
from engine.campaign.config.filled import Filled
from engine.campaign.config.format import DEFAULTS, EXPERIMENT, SWEPT_BY
from engine.campaign.config.sections import Findings
from engine.campaign.config.sweeps import PerRow, check_uses, entry_name, named, read_sweep
from engine.campaign.config.values import kind
from engine.campaign.model import Experiment
from engine.campaign.sweep.combinations import Level, layered
from engine.campaign.sweep.values import Report, Row
from engine.compose.node import KeyPath, dotted

__all__ = ["Surroundings", "read_entries", "with_defaults"]

_MERGED = ("env", "keys", "metrics", "service_env")
"""Keys that an entry adds to the defaults rather than replaces."""


@frozen
class Surroundings:
    """The context of all entries of one file.

    Attributes:
        folder: that relative paths start from.
        defaults: as written.
        prefix: the command that a configuration file is handed to.
        levels: what all of them are swept over, outermost first.
        most: how many runs the campaign may have.
        files: what is read besides the campaign file is added to these.
        file: what comes before a key's path, for errors; empty in the campaign file itself.
    """

    folder: Path
    defaults: Any
    prefix: tuple[str, ...]
    levels: tuple[Level, ...]
    most: int
    files: list[Path]
    file: str = ""
    _read: dict[bool, Filled] = field(factory=dict, init=False, repr=False)

    def read_defaults(self, findings: Findings, *, templates: bool) -> Filled:
        """The defaults, for entries with parameters or without."""
        if not self._read:  # once, whichever entries ask
            check_isolation(findings, ("defaults",), self.defaults)
        if templates not in self._read:
            self._read[templates] = Filled.read(
                findings, ("defaults",), self.defaults, DEFAULTS, templates=templates
            )
        return self._read[templates]


def with_defaults(outer: Any, own: Any) -> Any:
    """The defaults of an included file, over those of the file that includes it."""
    if not isinstance(outer, dict) or not isinstance(own, dict):
        return own if own is not None else outer
    merged = {**outer, **{name: value for name, value in own.items() if value is not None}}
    for name in _MERGED:
        if isinstance(outer.get(name), dict) and isinstance(own.get(name), dict):
            merged[name] = {**outer[name], **own[name]}
    return merged


def read_entries(
    findings: Findings, value: Any, around: Surroundings
) -> tuple[list[Experiment], set[str]]:
    """The experiments of a file, and the parameters that they use."""
    if not isinstance(value, list | tuple):
        findings.add(("experiments",), f"must be a list of experiments, and is {kind(value)}")
        return [], set()
    if not value:
        around.read_defaults(findings, templates=False)
    experiments: list[Experiment] = []
    used: set[str] = set()
    for index, written in enumerate(value):
        found, uses = _entry(findings, index, written, around)
        experiments += found
        used |= uses
    return experiments, used


def _entry(
    findings: Findings, index: int, written: Any, around: Surroundings
) -> tuple[list[Experiment], set[str]]:
    path: KeyPath = ("experiments", index)
    own = read_sweep(findings, path, written, around.folder, most=around.most, files=around.files)
    levels = [*around.levels, *([] if own is None else [own])]
    check_isolation(findings, path, written)
    entry = Filled.read(findings, path, written, EXPERIMENT, templates=bool(levels))
    defaults = around.read_defaults(findings, templates=bool(levels))
    if isinstance(written, dict) and _given(written, "command") == _given(written, "config"):
        findings.add(path, "needs either a command (a list) or a config (a file), and not both")
    if isinstance(written, dict) and _given(written, "repeat") and _given(written, "until"):
        findings.add((*path, "until"), "decides how often it is repeated; remove repeat, or until")
    check_uses(findings.add, (entry, defaults), levels, own)
    uses = {*entry.uses, *defaults.uses}
    if findings.listed or not isinstance(written, dict):
        return [], uses
    rows = layered(findings.add, path, [*around.levels, own or Level()], uses, around.most)
    name = written.get("name")
    common = entry_name(name, index) if entry.differs("name") else str(name)
    maker = _Maker(defaults, entry, around.prefix, common, f"{around.file}{dotted(path)}")
    return _expanded(findings, (*path, "name"), rows, maker), uses


@frozen
class _Maker:
    """Makes the experiment of each combination of an entry.

    Attributes:
        common: what the entry is called as a whole.
        where: it is written, for errors.
    """

    defaults: Filled
    entry: Filled
    prefix: tuple[str, ...]
    common: str
    where: str

    def make(self, row: Row, report: Report) -> Experiment | None:
        """The experiment, named as the entry says; None where a finding tells why there is none."""
        values = _merged(self.defaults.at(row, report), self.entry.at(row, report), self.prefix)
        if not {"name", "backends", "command"} <= values.keys():
            return None
        return Experiment(**values, params=row, entry=self.common, written_at=self.where)


def _expanded(
    findings: Findings, path: KeyPath, rows: Sequence[Row], maker: _Maker
) -> list[Experiment]:
    """One experiment for each combination; ``path`` is that of the entry's name."""
    per_row = PerRow(len(rows))
    found: list[Experiment] = []
    for row in rows:
        one = maker.make(row, partial(per_row.add, row=row))
        if one is not None:
            found.append(one)
        if per_row.many:
            break
    per_row.tell(findings)
    if findings.listed or rows == [{}]:
        return [] if findings.listed else found
    called = named(findings.add, path, maker.common, rows, [one.name for one in found])
    return [evolve(one, name=name) for one, name in zip(found, called, strict=True)]


def _merged(
    defaults: Mapping[str, Any], entry: Mapping[str, Any], prefix: tuple[str, ...]
) -> dict[str, Any]:
    """The values of an experiment; a configuration file is made a command."""
    both = {
        name: {**defaults.get(name, {}), **entry.get(name, {})}
        for name in ("environment", "keys", "metrics")
    }
    values = with_container({**defaults, **entry, **both}, defaults, entry)
    config = values.pop("config", None)
    for name in SWEPT_BY:
        values.pop(name, None)
    if "until" in entry or ("until" in values and "repeat" not in entry):
        values["repeat"] = values["until"].at_most
    else:
        values.pop("until", None)  # of the defaults, and the entry says how often
    return values if config is None else {**values, "command": (*prefix, config, "--yes")}


def _given(value: Mapping[Any, Any], key: str) -> bool:
    """Whether a key is written, and not empty."""
    return value.get(key) is not None
