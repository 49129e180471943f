"""Choosing runs by what they are, for ``--only``, ``--except`` and ``--where``.

A selector is one or more terms, separated by commas, all of which must hold; where several selectors are
given, any of them may. ``NAME=GLOB`` holds where the column of that name matches; a term without ``=`` is
the name (a glob, too) of a backend, an experiment, or an entry of the campaign file. What is a number on
both sides is compared by its value. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import translate
from typing import Any, Final, TypeVar

from attrs import field, frozen

from engine.campaign.runs.plan import PlannedRun
from engine.errors import InputError
from engine.util.nearest import nearest

__all__ = ["Columns", "Selector", "chosen", "columns_of", "resolve", "text_of"]

Columns = Mapping[str, Any]
"""The columns of a run, by name: ``backend``, ``params.model`` and so on."""

S = TypeVar("S")

_GROUPS: Final = ("params", "keys", "metrics", "units", "env", "machine")
"""The groups that a bare name is looked up in, in this order, after the columns without a group."""

_NAMES: Final = ("backend", "experiment", "entry")
"""The columns that a term without ``=`` is about."""

_MOST_SHOWN: Final = 10

_EXACT: Final = 2**53
"""Below it each whole number has an exact floating-point number."""


@frozen
class _Term:
    """One condition.

    Attributes:
        name: of the column, as the user wrote it; None for any of the names.
        pattern: the glob.
    """

    name: str | None
    pattern: str
    number: float | None
    _compiled: re.Pattern[str] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> _Term:
        name, equals, pattern = text.partition("=")
        if not equals:
            name, pattern = "", text
        pattern = pattern.strip()
        compiled = re.compile(translate(pattern))
        return cls(name.strip() if equals else None, pattern, _number(pattern), compiled)

    def holds(self, value: Any) -> bool:
        if self.number is not None and _is_number(value):
            return bool(value == self.number)
        return self._compiled.match(text_of(value)) is not None


@frozen
class Selector:
    """A selector, as the user wrote it, and its terms."""

    text: str
    terms: tuple[_Term, ...]

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Read a selector.

        Raises:
            InputError: a term is empty.
        """
        parts = text.split(",")
        if not all(part.strip(" =") for part in parts) or any(
            part.strip().startswith("=") for part in parts
        ):
            raise InputError(
                f"{text!r} is no selector; write NAME=VALUE (as model=llama*), or the name of a"
                " backend or an experiment, and separate several by commas"
            )
        return cls(text, tuple(_Term.parse(part.strip()) for part in parts))

    def matches(self, columns: Columns, known: Mapping[str, str]) -> bool:
        """Whether all its terms hold.

        Args:
            known: the column that each of its names stands for.
        """
        for term in self.terms:
            if term.name is None:
                if not any(term.holds(columns[name]) for name in _NAMES if columns.get(name)):
                    return False
            else:
                column = known[term.name]
                if columns.get(column) is None or not term.holds(columns[column]):
                    return False
        return True


def chosen(
    subjects: Iterable[S],
    columns: Callable[[S], Columns],
    *,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    where: str,
) -> list[S]:
    """The subjects that any of ``only`` (all, where there is none) and none of ``without`` matches.

    Args:
        columns: what is known of a subject.
        where: what the subjects belong to, in words, for an error.

    Raises:
        InputError: a selector cannot be read, names no column, or matches nothing; says what is near.
    """
    every = [(one, columns(one)) for one in subjects]
    included, excluded = (
        [_Counted(Selector.parse(text)) for text in texts] for texts in (only, without)
    )
    names = {name: None for _, told in every for name in told}
    known = {
        term.name: resolve(term.name, names)
        for one in (*included, *excluded)
        for term in one.selector.terms
        if term.name is not None
    }
    kept = []
    for one, told in every:
        # Each is asked, so that a selector which matches nothing is noticed.
        wanted = [selector.matches(told, known) for selector in included]
        unwanted = [selector.matches(told, known) for selector in excluded]
        if (any(wanted) or not included) and not any(unwanted):
            kept.append(one)
    for counted in (*included, *excluded):
        if not counted.count:
            raise InputError(_nothing(counted.selector, [told for _, told in every], known, where))
    return kept


def resolve(name: str, columns: Iterable[str]) -> str:
    """The column that a name stands for: one of that name, else a parameter, a key or a metric.

    Raises:
        InputError: there is none; names the nearest.
    """
    known = dict.fromkeys(columns)
    for candidate in (name, *(f"{group}.{name}" for group in _GROUPS)):
        if candidate in known:
            return candidate
    short = {one.partition(".")[2] if one.partition(".")[0] in _GROUPS else one for one in known}
    listed = _listed(sorted(short))
    raise InputError(
        f"there is no {name!r}{nearest(name, sorted({*short, *known})) or f'; there are {listed}'}"
    )


def columns_of(run: PlannedRun) -> dict[str, Any]:
    """Return the columns of a planned run."""
    experiment = run.experiment
    return {
        "experiment": experiment.name,
        "entry": experiment.entry,
        "run": run.id,
        "backend": run.backend,
        "cycle": run.cycle,
        "repeat": run.repeat,
        **{f"params.{name}": value for name, value in experiment.params.items()},
        **{f"keys.{name}": value for name, value in experiment.keys.items()},
    }


def text_of(value: Any) -> str:
    """A value as it is written in a campaign file: ``true``, ``8``, ``0.5``, ``{"a":1}``."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return json.dumps(value, separators=(",", ":"), default=str, ensure_ascii=False)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class _Counted:
    """A selector, and how often it has matched."""

    def __init__(self, selector: Selector) -> None:
        self.selector = selector
        self.count = 0

    def matches(self, columns: Columns, known: Mapping[str, str]) -> bool:
        found = self.selector.matches(columns, known)
        self.count += found
        return found


def _nothing(
    selector: Selector, every: Sequence[Columns], known: Mapping[str, str], where: str
) -> str:
    """Explain that a selector matches nothing, with similar values."""
    for term in selector.terms:
        columns = _NAMES if term.name is None else (known[term.name],)
        values = {
            text_of(told[name]): told[name]
            for told in every
            for name in columns
            if told.get(name) is not None
        }
        if any(term.holds(value) for value in values.values()):
            continue
        what = f"no backend, experiment or entry {term.pattern!r}"
        if term.name is not None:
            what = f"nothing whose {term.name} is {term.pattern!r}"
        instead = nearest(term.pattern, list(values)) or f"; there are {_listed(list(values))}"
        return f"{where} has {what}{instead}"
    return f"{where} has nothing for which all of {selector.text!r} holds"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return f"{', '.join(names[:_MOST_SHOWN])}{more}" if names else "none"
