"""Values of an entry, as YAML gave them, with the templates in them: taken apart once, filled in often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from engine.campaign.sweep.template import BadTemplate, is_template, template
from engine.campaign.sweep.values import Report, Row, as_text
from engine.compose.node import KeyPath

__all__ = ["Filling", "filling"]

_DEEPEST: Final = 30
_MOST_PARTS: Final = 20_000

_Fill = Callable[[Row, Report], Any]


@frozen
class Filling:
    """A value with templates in it.

    Attributes:
        uses: where each parameter is used first.
        differs: whether there is any template in it.
    """

    uses: Mapping[str, KeyPath]
    differs: bool
    _fill: _Fill = field(repr=False)

    def fill(self, row: Row, report: Report) -> Any:
        """The value for a combination; None in place of what cannot be filled in, which is reported."""
        return self._fill(row, report)


def filling(report: Report, path: KeyPath, written: Any, *, keeps_kind: bool) -> Filling:
    """Take a value apart.

    Args:
        keeps_kind: whether the value of a text that is one expression keeps its kind; else it becomes
            text, as arguments and variables are.
    """
    taking = _Taking(report, keeps_kind=keeps_kind)
    fill = taking.value(path, written)
    return Filling(taking.uses, taking.templates > 0, fill)


@define
class _Taking:
    """Takes one value apart."""

    report: Report
    keeps_kind: bool
    uses: dict[str, KeyPath] = field(factory=dict)
    templates: int = 0
    _parts: int = 0
    _too_large: bool = False

    def value(self, path: KeyPath, written: Any) -> _Fill:
        self._parts += 1
        if self._parts > _MOST_PARTS or len(path) > _DEEPEST:
            if not self._too_large:
                self.report(path, f"is nested too deeply, or has more than {_MOST_PARTS} parts")
            self._too_large = True
            return lambda _row, _report: None
        if self._too_large:
            return lambda _row, _report: None
        if isinstance(written, dict):
            inner = {key: self.value((*path, str(key)), one) for key, one in written.items()}
            return lambda row, report: {key: fill(row, report) for key, fill in inner.items()}
        if isinstance(written, list):
            return self._list(path, written)
        if isinstance(written, str) and is_template(written):
            return self._text(path, written, keeps_kind=self.keeps_kind)
        return lambda _row, _report: written

    def _text(self, path: KeyPath, written: str, *, keeps_kind: bool) -> _Fill:
        self.templates += 1
        try:
            taken = template(written)
        except BadTemplate as error:
            self.report(path, str(error))
            return lambda _row, _report: None
        for name in taken.names:
            self.uses.setdefault(name, path)

        def fill(row: Row, report: Report) -> Any:
            try:
                value = taken.fill(row)
            except BadTemplate as error:
                report(path, str(error))
                return None
            return value if keeps_kind else as_text(value)

        return fill

    def _list(self, path: KeyPath, written: Sequence[Any]) -> _Fill:
        """A list, in which an expression whose value is a list stands for all of its entries."""
        inner = [
            (self._text((*path, index), one, keeps_kind=True), True)
            if isinstance(one, str) and is_template(one)
            else (self.value((*path, index), one), False)
            for index, one in enumerate(written)
        ]

        def fill(row: Row, report: Report) -> list[Any]:
            found: list[Any] = []
            for one, computed in inner:
                value = one(row, report)
                if not computed:
                    found.append(value)
                    continue
                values = value if isinstance(value, list) else [value]
                found += values if self.keeps_kind else map(as_text, values)
            return found

        return fill
