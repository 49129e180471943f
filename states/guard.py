"""Guards: boolean expressions over named facts.

A guard decides whether a row of a lifecycle may be taken. It is data, not a function, so that the
same expression can be evaluated by the running machine, written on an arrow of a diagram, and
enumerated by the checks that look for two guards that hold at once.

Example:
    >>> guard = fact("curable") & ~fact("budget_spent")
    >>> guard({"curable": True, "budget_spent": False})
    True
    >>> str(guard)
    'curable and not budget_spent'
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from itertools import product

from attrs import frozen

__all__ = ["ALWAYS", "Guard", "assignments", "fact"]


class Guard(ABC):
    """A boolean expression over named facts; combine guards with ``&``, ``|`` and ``~``."""

    __slots__ = ()

    @abstractmethod
    def __call__(self, facts: Mapping[str, bool]) -> bool:
        """Evaluate the expression.

        Args:
            facts: the value of every fact that the expression names.

        Raises:
            KeyError: a fact of the expression is not among ``facts``.
        """

    @property
    @abstractmethod
    def names(self) -> frozenset[str]:
        """The facts that the expression names."""

    @abstractmethod
    def __str__(self) -> str: ...

    def __and__(self, other: Guard) -> Guard:
        return _Both(self, other)

    def __or__(self, other: Guard) -> Guard:
        return _Either(self, other)

    def __invert__(self) -> Guard:
        return _Not(self)


@frozen(slots=True)
class _Always(Guard):
    def __call__(self, facts: Mapping[str, bool]) -> bool:
        return True

    @property
    def names(self) -> frozenset[str]:
        return frozenset()

    def __str__(self) -> str:
        return "always"


@frozen(slots=True)
class _Fact(Guard):
    name: str

    def __call__(self, facts: Mapping[str, bool]) -> bool:
        return facts[self.name]

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.name})

    def __str__(self) -> str:
        return self.name


@frozen(slots=True)
class _Not(Guard):
    inner: Guard

    def __call__(self, facts: Mapping[str, bool]) -> bool:
        return not self.inner(facts)

    @property
    def names(self) -> frozenset[str]:
        return self.inner.names

    def __str__(self) -> str:
        return f"not {_bracketed(self.inner, _Both, _Either)}"


@frozen(slots=True)
class _Both(Guard):
    left: Guard
    right: Guard

    def __call__(self, facts: Mapping[str, bool]) -> bool:
        return self.left(facts) and self.right(facts)

    @property
    def names(self) -> frozenset[str]:
        return self.left.names | self.right.names

    def __str__(self) -> str:
        return f"{_bracketed(self.left, _Either)} and {_bracketed(self.right, _Either)}"


@frozen(slots=True)
class _Either(Guard):
    left: Guard
    right: Guard

    def __call__(self, facts: Mapping[str, bool]) -> bool:
        return self.left(facts) or self.right(facts)

    @property
    def names(self) -> frozenset[str]:
        return self.left.names | self.right.names

    def __str__(self) -> str:
        return f"{self.left} or {self.right}"


def _bracketed(guard: Guard, *looser: type[Guard]) -> str:
    return f"({guard})" if isinstance(guard, looser) else str(guard)


ALWAYS: Guard = _Always()
"""The guard of a row that has none."""


def fact(name: str) -> Guard:
    """The guard that holds when the named fact is true."""
    return _Fact(name)


def assignments(names: frozenset[str]) -> Iterator[dict[str, bool]]:
    """Every way to give the named facts a value, in a fixed order."""
    ordered = sorted(names)
    for values in product((False, True), repeat=len(ordered)):
        yield dict(zip(ordered, values, strict=True))
