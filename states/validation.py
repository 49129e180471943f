"""Check that a table is sound, whenever a lifecycle is built.

Each examination yields its findings, in words that name the row. The exploration of everything that can
happen around a table (budgets, effects in flight, several backends) is in :mod:`states.verify`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches

from attrs import frozen

from states.guard import assignments
from states.table import ANY, SAME, Edge, Row, Table

__all__ = ["Findings", "validate"]


@frozen
class Findings:
    """The faults of a table, one sentence each; empty for a sound one.

    Attributes:
        names: names that are unknown, unused, repeated or not plain.
        structure: what is wrong with the states and rows; not examined while names are wrong, since what
            follows from a misspelt name would only repeat it.
    """

    names: tuple[str, ...] = ()
    structure: tuple[str, ...] = ()


def validate(table: Table) -> Findings:
    """Examine a table."""
    names = _found(_NAMES, table)
    return Findings(names, () if names else _found(_STRUCTURE, table))


def _found(examinations: Iterable[_Examine], table: Table) -> tuple[str, ...]:
    return tuple(finding for examine in examinations for finding in examine(table))


def _label(table: Table, index: int) -> str:
    return f"row {index + 1} ({table.rows[index]})"


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"names the unknown {what} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _declared(table: Table) -> Iterator[str]:
    if not table.states:
        yield "it has no states"
    for kind in ("states", "events", "facts", "actions"):
        for name in getattr(table, kind):
            if not name.isidentifier():
                yield f"{kind} has {name!r}, which is not a plain name (letters, digits, underscores)"
    if table.initial not in table.states:
        yield "initial " + _unknown("state", table.initial, table.states)
    for kind in ("final", "trouble"):
        for name in sorted(getattr(table, kind) - table.states.keys()):
            yield f"{kind} " + _unknown("state", name, table.states)


def _latch_names(table: Table) -> Iterator[str]:
    latch = table.latch
    if latch is None:
        return
    for name in sorted({latch.event, *latch.until} - table.events.keys()):
        yield "latch " + _unknown("event", name, table.events)
    for name in sorted(latch.released - table.states.keys()):
        yield "latch " + _unknown("state", name, table.states)


def _row_names(table: Table) -> Iterator[str]:
    for index, row in enumerate(table.rows):
        for what, names, known in _named_by(row, table):
            for name in sorted(names - known.keys()):
                yield f"{_label(table, index)} {_unknown(what, name, known)}"
        if not row.source:
            yield f"{_label(table, index)} starts from no state"
        for source, times in Counter(row.source).items():
            if times > 1:
                yield f"{_label(table, index)} lists the state {source!r} {times} times"


def _named_by(row: Row, table: Table) -> Iterator[tuple[str, set[str], Mapping[str, str]]]:
    """(kind, names, where they should be declared) of everything that a row names."""
    yield "state", set(row.source) - ({ANY} if row.source == (ANY,) else set()), table.states
    yield "event", {row.event}, table.events
    yield "state", {row.target} - {SAME}, table.states
    yield "fact", set(row.guard.names), table.facts
    yield "action", {row.action} if row.action else set(), table.actions


def _unused(table: Table) -> Iterator[str]:
    used: dict[str, set[str]] = {"event": set(), "fact": set(), "action": set()}
    for row in table.rows:
        for what, names, _ in _named_by(row, table):
            used.setdefault(what, set()).update(names)
    for what in ("event", "fact", "action"):
        for name in sorted(getattr(table, f"{what}s").keys() - used[what]):
            yield f"the {what} {name!r} is declared and no row names it"


def _reachable(table: Table) -> Iterator[str]:
    seen = _closure(table.initial, lambda state: (e.target for e in _leaving(table, state)))
    for state in table.states:
        if state not in seen:
            into = [e.row for e in table.edges if e.target == state and e.source != state]
            by = "; the rows into it start from unreachable states" if into else ""
            named = "".join(f", {_label(table, row)}" for row in dict.fromkeys(into))
            yield f"the state {state!r} cannot be reached from {table.initial!r}{by}{named}"


def _ways_out(table: Table) -> Iterator[str]:
    for state in table.states:
        leaving = [edge for edge in table.edges if edge.source == state]
        if state in table.final:
            for edge in leaving:
                yield f"{_label(table, edge.row)} leaves {state!r}, which is declared final"
        elif all(edge.target == state for edge in leaving):
            yield f"the state {state!r} has no way out and is not declared final"


def _guards(table: Table) -> Iterator[str]:
    for (state, event), edges in table.table.items():
        names = frozenset[str]().union(*(edge.guard.names for edge in edges))
        rows = " and ".join(_label(table, edge.row) for edge in edges)
        for facts in assignments(names):
            holding = [edge for edge in edges if edge.guard(facts)]
            when = " and ".join(name if value else f"not {name}" for name, value in facts.items())
            if not holding:
                yield f"in {state!r} no guard of the event {event!r} holds when {when}: {rows}"
                break
            if len(holding) > 1:
                both = " and ".join(_label(table, edge.row) for edge in holding)
                yield (
                    f"in {state!r} the event {event!r} is ambiguous"
                    f" {f'when {when}' if when else 'always'}: {both}"
                )
                break


def _stoppable(table: Table) -> Iterator[str]:
    """From every state the latch's event, and one that lowers it, lead to a released state."""
    latch = table.latch
    if latch is None:
        return
    for state in table.states:
        if state in table.final:
            continue
        first = table.table.get((state, latch.event), ())
        if not first:
            yield f"the state {state!r} does not take the event {latch.event!r}"
        for edge in first:
            ends = {e.target for e in _leaving(table, edge.target) if e.event in latch.until}
            if edge.source not in latch.released and not latch.released & ends:
                wanted = " or ".join(sorted(latch.released)) or "any released state"
                yield f"{_label(table, edge.row)} does not lead from {state!r} to {wanted}"


_Examine = Callable[[Table], Iterator[str]]
_NAMES: tuple[_Examine, ...] = (_declared, _latch_names, _row_names, _unused)
_STRUCTURE: tuple[_Examine, ...] = (_reachable, _ways_out, _guards, _stoppable)


def _leaving(table: Table, state: str) -> Iterator[Edge]:
    return (edge for edge in table.edges if edge.source == state)


def _closure(start: str, onward: Callable[[str], Iterable[str]]) -> set[str]:
    seen = {start}
    todo = deque([start])
    while todo:
        for state in onward(todo.popleft()):
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return seen
