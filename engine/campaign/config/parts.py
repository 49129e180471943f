"""The campaign file and the files that it includes, as the experiments and backends they bring."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from engine.campaign.config.document import listed, read
from engine.campaign.config.entries import Surroundings, read_entries, with_defaults
from engine.campaign.config.format import INCLUDED
from engine.campaign.config.paths import absolute
from engine.campaign.config.sections import Findings
from engine.campaign.config.sweeps import check_used_somewhere, read_sweep
from engine.campaign.config.variables import with_variables
from engine.campaign.model import Experiment
from engine.errors import CampaignError

__all__ = ["Part", "Reading"]

_EXPERIMENT_COMMAND: Final = ("lem", "experiment")
_DEEPEST: Final = 10


@frozen
class Part:
    """The content of a file, with that of the files that it includes.

    Attributes:
        experiments: its own first.
        backends: as written, by service; None where there are none.
        uses: the parameters that its experiments use.
    """

    experiments: tuple[Experiment, ...]
    backends: Any
    uses: frozenset[str]


@define
class Reading:
    """Reads a campaign file and what it includes.

    Attributes:
        file: the campaign file, as the user named it.
        listed: what is wrong with included files, in their order.
        files: those that were read besides the campaign file.
    """

    file: str
    listed: list[tuple[str, str]] = field(factory=list, init=False)
    files: list[Path] = field(factory=list, init=False)

    def part(
        self,
        findings: Findings,
        found: Mapping[str, Any],
        folder: Path,
        *,
        most: int,
        outer: Surroundings | None = None,
        chain: tuple[Path, ...] = (),
    ) -> Part:
        """Read the content of a file.

        Args:
            found: its keys as :data:`~engine.campaign.config.format.INCLUDED` has them.
            folder: its own.
            most: how many runs the campaign may have.
            outer: what holds for the entries of the file that includes it; None for the campaign file.
            chain: the files that led to it.
        """
        level = read_sweep(findings, (), found, folder, most=most, files=self.files)
        around = Surroundings(
            folder=folder,
            defaults=with_defaults(outer.defaults if outer else {}, found.get("defaults")),
            prefix=found.get("experiment_command")
            or (outer.prefix if outer else _EXPERIMENT_COMMAND),
            levels=(*(outer.levels if outer else ()), *([] if level is None else [level])),
            most=most,
            files=self.files,
            file=f"{chain[-1].name}: " if chain else "",
        )
        includes = found.get("include", ())
        entries = found.get("experiments", ())
        if "experiments" not in found and not includes:
            findings.add(("experiments",), "is missing; write it")
        elif not entries and isinstance(entries, list) and not includes:
            findings.add(
                ("experiments",), "must have at least one entry, with name, backend and command"
            )
        experiments, uses = read_entries(findings, entries, around)
        parts = [
            self._included(findings, index, name, around=around, chain=chain)
            for index, name in enumerate(includes)
        ]
        used = frozenset(uses).union(*(part.uses for part in parts))
        if level is not None:
            check_used_somewhere(findings.add, level, used)
        return Part(
            (*experiments, *(one for part in parts for one in part.experiments)),
            _backends(found.get("backends"), parts),
            used,
        )

    def _included(
        self,
        findings: Findings,
        index: int,
        written: str,
        *,
        around: Surroundings,
        chain: tuple[Path, ...],
    ) -> Part:
        nothing = Part((), None, frozenset())
        named = with_variables(findings.add, ("include", index), written)
        file = absolute(around.folder, named)
        real = Path(os.path.realpath(file))
        if real in chain or len(chain) >= _DEEPEST or _same_file(self.file, real):
            findings.add(("include", index), f"includes {named}, which leads back here; remove it")
            return nothing
        try:
            document = read(file, named)
        except CampaignError as error:
            findings.add(("include", index), f"{named}: {error.findings[0][1]}")
            return nothing
        self.files.append(file)
        own = Findings()
        found = own.section((), document.value, INCLUDED)
        part = self.part(
            own, found, file.parent, most=around.most, outer=around, chain=(*chain, real)
        )
        self.listed += listed(own, document, f"{named}: ")
        return part


def _same_file(name: str, other: Path) -> bool:
    return Path(os.path.realpath(Path(name).expanduser())) == other


def _backends(own: Any, parts: list[Part]) -> Any:
    """Merge the settings of each service; the including file takes precedence."""
    merged: dict[Any, Any] = {}
    for said in (*(part.backends for part in parts), own):
        if said is None:
            continue
        if not isinstance(said, dict):
            return said  # reported when it is read
        merged.update(said)
    return merged
