"""A section whose values differ from combination to combination: what is fixed is read once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from attrs import field, frozen

from engine.campaign.config.format import SWEPT_BY
from engine.campaign.config.sections import Findings, Key
from engine.campaign.config.values import WrongValue
from engine.campaign.sweep.values import Report, Row
from engine.compose.node import KeyPath

if TYPE_CHECKING:
    from engine.campaign.sweep.filling import Filling

__all__ = ["Filled"]


@frozen
class Filled:
    """A section as its table reads it, for any combination of parameters.

    Attributes:
        uses: where each parameter is used first.
    """

    uses: Mapping[str, KeyPath]
    _path: KeyPath
    _fixed: Mapping[str, Any]
    _differing: Mapping[str, tuple[Key, Filling]] = field(repr=False)

    @classmethod
    def read(
        cls,
        findings: Findings,
        path: KeyPath,
        written: Any,
        table: Mapping[str, Key],
        *,
        templates: bool,
    ) -> Self:
        """Read what does not differ, and take apart what does.

        Args:
            templates: whether ``{{ }}`` means anything here.
        """
        if not (templates and isinstance(written, dict)):
            return cls({}, path, findings.section(path, written, table), {})
        from engine.campaign.sweep.filling import filling

        differing: dict[str, tuple[Key, Filling]] = {}
        uses: dict[str, KeyPath] = {}
        for name, key in table.items():
            if name in SWEPT_BY or written.get(name) is None:
                continue
            taken = filling(findings.add, (*path, name), written[name], keeps_kind=key.keeps_kind)
            if taken.differs:
                differing[name] = (key, taken)
            for parameter, at in taken.uses.items():
                uses.setdefault(parameter, at)
        if differing:
            written = {name: value for name, value in written.items() if name not in differing}
            table = {name: key for name, key in table.items() if name not in differing}
        return cls(uses, path, findings.section(path, written, table), differing)

    def differs(self, name: str) -> bool:
        """Whether the value of a key differs from combination to combination."""
        return name in self._differing

    def at(self, row: Row, report: Report) -> dict[str, Any]:
        """The values for a combination; what is wrong with one is reported, and it is left out."""
        found = dict(self._fixed)
        for name, (key, taken) in self._differing.items():
            wrong: list[KeyPath] = []

            def complain(path: KeyPath, what: str, wrong: list[KeyPath] = wrong) -> None:
                wrong.append(path)
                report(path, what)

            value = taken.fill(row, complain)
            if wrong:
                continue
            if value is None:
                if key.required:
                    report((*self._path, name), "is missing; write it")
                continue
            try:
                found[key.into or name] = key.parse(value)
            except WrongValue as error:
                report((*self._path, name), str(error))
        return found
