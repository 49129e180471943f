"""Which combinations of parameters a sweep has, in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

from attrs import field, frozen

from engine.campaign.model import ParamValue

__all__ = ["Params", "Sweep", "combinations", "size"]

Params: TypeAlias = Mapping[str, ParamValue]
"""The parameters of one combination, by name, in the order of the file."""


@frozen
class Sweep:
    """What a sweep varies.

    Attributes:
        matrix: values by parameter; each is combined with each.
        zipped: values by parameter, of one length; the first go together, the second, and so on.
        rows: combinations that are written out, as in a file of parameters.
        exclude: parts of combinations; what has all of one part is left out.
        include: parameters that are added to each combination whose values they do not change, or,
            where there is none, a combination of their own.
    """

    matrix: Mapping[str, Sequence[ParamValue]] = field(factory=dict)
    zipped: Mapping[str, Sequence[ParamValue]] = field(factory=dict)
    rows: Sequence[Params] = ()
    exclude: Sequence[Params] = ()
    include: Sequence[Params] = ()

    @property
    def varied(self) -> tuple[str, ...]:
        """The parameters of which the sweep says each value, so that each has to be used."""
        return (*self.matrix, *self.zipped)

    @property
    def names(self) -> tuple[str, ...]:
        """Every parameter that some combination has."""
        written = (name for part in (*self.rows, *self.include) for name in part)
        return tuple(dict.fromkeys((*self.varied, *written)))


def size(sweep: Sweep) -> int:
    """How many combinations there are at most, without making them."""
    together = [len(values) for values in sweep.zipped.values()][:1]
    rows = [len(sweep.rows)] if sweep.rows else []
    counts = [*map(len, sweep.matrix.values()), *together, *rows]
    return (math.prod(counts) if counts else 0) + len(sweep.include)


def combinations(sweep: Sweep) -> list[Params]:
    """The combinations of a sweep: the last parameter of the matrix varies fastest.

    What is excluded is left out before anything is included, as in the matrix of GitHub Actions.
    """
    made: list[dict[str, Any]] = [
        made for made in _multiplied(sweep) if not any(_has(made, part) for part in sweep.exclude)
    ]
    original = [frozenset(one) for one in made]
    for part in sweep.include:
        hosts = [
            one
            for one, own in zip(made, original, strict=False)  # what was included is no host
            if all(one[name] == part[name] for name in part if name in own)
        ]
        for one in hosts:
            one.update(part)
        if not hosts:
            made.append(dict(part))
    return [*made]


def _multiplied(sweep: Sweep) -> Iterator[dict[str, Any]]:
    axes: list[Sequence[Params]] = [
        *([{name: value} for value in values] for name, values in sweep.matrix.items()),
    ]
    if sweep.zipped:
        columns = sweep.zipped.values()
        axes.append(
            [dict(zip(sweep.zipped, row, strict=True)) for row in zip(*columns, strict=True)]
        )
    if sweep.rows:
        axes.append(sweep.rows)
    for parts in product(*axes) if axes else ():
        yield {name: value for part in parts for name, value in part.items()}


def _has(combination: Params, part: Params) -> bool:
    return all(name in combination and combination[name] == part[name] for name in part)
