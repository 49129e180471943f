"""Sweeps as a campaign file writes them, and the experiments that one of its entries becomes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from engine.campaign.config.filled import Filled
from engine.campaign.config.format import SWEEP
from engine.campaign.config.param_files import ParamFileError, read_rows
from engine.campaign.config.paths import absolute
from engine.campaign.config.sections import Findings
from engine.campaign.config.variables import with_variables
from engine.campaign.sweep.combinations import Level, combinations
from engine.campaign.sweep.names import names
from engine.campaign.sweep.values import Report, Row, same, shown
from engine.compose.node import KeyPath
from engine.util.nearest import nearest

__all__ = ["PerRow", "check_used_somewhere", "check_uses", "entry_name", "named", "read_sweep"]

_MOST_FINDINGS: Final = 20
_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}")


def read_sweep(
    findings: Findings,
    path: KeyPath,
    section: Any,
    folder: Path,
    *,
    most: int,
    files: list[Path],
) -> Level | None:
    """The combinations that a section is swept over; None where it is not.

    ``params: FILE`` is short for ``sweep: {from: FILE}``.

    Args:
        path: of the section that has the key ``sweep`` or ``params``.
        section: as written.
        folder: that relative paths start from.
        most: how many combinations there may be.
        files: what is read is added to these.
    """
    written, params = (
        (section.get("sweep"), section.get("params")) if isinstance(section, dict) else (None, None)
    )
    if written is None and params is None:
        return None
    before = len(findings.listed)
    path = (*path, "params" if written is None else "sweep")
    if written is None and not isinstance(params, str):
        findings.add(path, "must be a .csv or a .json file; lists of values go into sweep")
    elif params is not None and written is not None:
        findings.add(path, "cannot be beside params, which is short for sweep: {from: ...}")
    if len(findings.listed) > before:
        return Level(known=False)
    if written is None:
        found = {"from": with_variables(findings.add, path, params)}
    else:
        found = findings.section(path, with_variables(findings.add, path, written), SWEEP)
    if len(findings.listed) > before:
        return Level(known=False)
    rows: list[Row] = []
    if "from" in found:
        file = absolute(folder, found["from"])
        files.append(file)
        try:
            rows = read_rows(file, found["from"], most)
        except ParamFileError as error:
            findings.add(path if written is None else (*path, "from"), str(error))
            return Level(known=False)
    return combinations(findings.add, path, found, rows, most)


def check_uses(
    report: Report, parts: Sequence[Filled], levels: Sequence[Level], own: Level | None
) -> None:
    """See that an entry uses the parameters that are its own, and no others than there are.

    Args:
        levels: all that it is swept over.
        own: the one that is written in it.
    """
    known = dict.fromkeys(name for level in levels for name in level.names)
    used = {name: at for part in reversed(parts) for name, at in part.uses.items()}
    unknown = [name for name in used if name not in known]
    if not all(level.known for level in levels):
        unknown = []  # the sweep's fault is reported, and the name may be one of its parameters
    for name in unknown:
        instead = nearest(name, known) or f"; known here are {', '.join(known) or 'none'}"
        report(used[name], f"uses {name!r}, which is no parameter of this experiment{instead}")
    if own is None:
        return
    for name, at in own.names.items():
        if name in own.varied and name not in used:
            instead = nearest(name, unknown)
            report(
                at,
                f"is used nowhere in its experiment{instead or _how_to_use(name)}",
            )


def check_used_somewhere(report: Report, level: Level, used: Collection[str]) -> None:
    """See that each parameter of a campaign's sweep is used in an experiment of it."""
    for name, at in level.names.items():
        if name in level.varied and name not in used:
            report(at, f"is used in no experiment; write {{{{ {name} }}}} in one, or remove it")


def _how_to_use(name: str) -> str:
    return (
        f"; write {{{{ {name} }}}} in its command, env, keys or another of its values, or remove it"
    )


def entry_name(written: Any, index: int) -> str:
    """Return an entry's name without the parameters in it."""
    plain = _EXPRESSION.sub("", written) if isinstance(written, str) else ""
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", plain).strip("-._")
    return plain or f"experiment-{index + 1}"


def named(
    report: Report, path: KeyPath, entry: str, rows: Sequence[Row], given: Sequence[str]
) -> Sequence[str]:
    """The names of the experiments that an entry becomes.

    Args:
        path: of its name.
        given: what the entry says for each combination; all the same where there is no parameter in it.
    """
    if all(name == entry for name in given):
        return names(entry, rows)
    first: dict[str, int] = {}
    for index, name in enumerate(given):
        other = first.setdefault(name, index)
        if other != index:
            one, two = rows[other], rows[index]
            apart = [key for key in two if key not in one or not same(one[key], two[key])]
            report(
                path,
                f"is {name!r} for {shown(one)} as well as for {shown(two)}; put"
                f" {{{{ {apart[0] if apart else 'a parameter'} }}}} into it, or name it without {{{{ }}}}",
            )
            break
    return given


@define
class PerRow:
    """Findings about combinations: each once, with the first combination that has it."""

    _rows: int
    _found: dict[tuple[KeyPath, str], list[Any]] = field(factory=dict)

    @property
    def many(self) -> bool:
        """Whether there is no need to look for more."""
        return len(self._found) >= _MOST_FINDINGS

    def add(self, path: KeyPath, what: str, row: Row) -> None:
        """Note a finding about a combination."""
        noted = self._found.setdefault((path, what), [row, 0])
        noted[1] += 1

    def tell(self, findings: Findings) -> None:
        """Add what was found to the findings of the file."""
        for (path, what), (row, times) in self._found.items():
            everywhere = times == self._rows or not row
            findings.add(path, what if everywhere else f"{what} (with {shown(row)})")
