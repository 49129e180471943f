"""What makes a table sound; run whenever a lifecycle is built.

Each check returns its findings, in words that name the row. The exploration of everything that can
happen around a table (budgets, effects in flight, several backends) is a different matter.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from states.errors import LifecycleError
from states.guard import assignments

if TYPE_CHECKING:
    from states.lifecycle import Edge, Lifecycle, Row

__all__ = ["check"]


def check(lifecycle: Lifecycle) -> None:
    """Raise unless the table is sound.

    Raises:
        LifecycleError: with every finding. Names are checked first, since what follows from a
            misspelt name would only repeat it.
    """
    for stage in (_NAMES, _STRUCTURE):
        findings = [finding for examine in stage for finding in examine(lifecycle)]
        if findings:
            refused = lifecycle if stage is _STRUCTURE else None
            raise LifecycleError(lifecycle.name, findings, refused=refused)


def _label(lifecycle: Lifecycle, index: int) -> str:
    return f"row {index + 1} ({lifecycle.rows[index]})"


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"names the unknown {what} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _declared(lifecycle: Lifecycle) -> Iterator[str]:
    if not lifecycle.states:
        yield "it has no states"
    for kind in ("states", "events", "facts", "actions"):
        for name in getattr(lifecycle, kind):
            if not name.isidentifier():
                yield f"{kind} has {name!r}, which is not a plain name (letters, digits, underscores)"
    if lifecycle.initial not in lifecycle.states:
        yield "initial " + _unknown("state", lifecycle.initial, lifecycle.states)
    for kind in ("final", "trouble"):
        for name in sorted(getattr(lifecycle, kind) - lifecycle.states.keys()):
            yield f"{kind} " + _unknown("state", name, lifecycle.states)


def _latch_names(lifecycle: Lifecycle) -> Iterator[str]:
    latch = lifecycle.latch
    if latch is None:
        return
    for name in sorted({latch.event, *latch.until} - lifecycle.events.keys()):
        yield "latch " + _unknown("event", name, lifecycle.events)
    for name in sorted(latch.released - lifecycle.states.keys()):
        yield "latch " + _unknown("state", name, lifecycle.states)


def _row_names(lifecycle: Lifecycle) -> Iterator[str]:
    for index, row in enumerate(lifecycle.rows):
        for what, names, known in _named_by(row, lifecycle):
            for name in sorted(names - known.keys()):
                yield f"{_label(lifecycle, index)} {_unknown(what, name, known)}"
        if not row.source:
            yield f"{_label(lifecycle, index)} starts from no state"
        for source, times in Counter(row.source).items():
            if times > 1:
                yield f"{_label(lifecycle, index)} lists the state {source!r} {times} times"


def _named_by(row: Row, lifecycle: Lifecycle) -> Iterator[tuple[str, set[str], Mapping[str, str]]]:
    """(kind, names, where they should be declared) of everything that a row names."""
    yield "state", set(row.source) - ({"*"} if row.source == ("*",) else set()), lifecycle.states
    yield "event", {row.event}, lifecycle.events
    yield "state", {row.target} - {"="}, lifecycle.states
    yield "fact", set(row.guard.names), lifecycle.facts
    yield "action", {row.action} if row.action else set(), lifecycle.actions


def _unused(lifecycle: Lifecycle) -> Iterator[str]:
    used: dict[str, set[str]] = {"event": set(), "fact": set(), "action": set()}
    for row in lifecycle.rows:
        for what, names, _ in _named_by(row, lifecycle):
            used.setdefault(what, set()).update(names)
    for what in ("event", "fact", "action"):
        for name in sorted(getattr(lifecycle, f"{what}s").keys() - used[what]):
            yield f"the {what} {name!r} is declared and no row names it"


def _reachable(lifecycle: Lifecycle) -> Iterator[str]:
    seen = _closure(lifecycle.initial, lambda state: (e.target for e in _leaving(lifecycle, state)))
    for state in lifecycle.states:
        if state not in seen:
            into = [e.row for e in lifecycle.edges if e.target == state and e.source != state]
            by = "; the rows into it start from unreachable states" if into else ""
            named = "".join(f", {_label(lifecycle, row)}" for row in dict.fromkeys(into))
            yield f"the state {state!r} cannot be reached from {lifecycle.initial!r}{by}{named}"


def _ways_out(lifecycle: Lifecycle) -> Iterator[str]:
    for state in lifecycle.states:
        leaving = [edge for edge in lifecycle.edges if edge.source == state]
        if state in lifecycle.final:
            for edge in leaving:
                yield f"{_label(lifecycle, edge.row)} leaves {state!r}, which is declared final"
        elif all(edge.target == state for edge in leaving):
            yield f"the state {state!r} has no way out and is not declared final"


def _guards(lifecycle: Lifecycle) -> Iterator[str]:
    for (state, event), edges in lifecycle.table.items():
        names = frozenset[str]().union(*(edge.guard.names for edge in edges))
        rows = " and ".join(_label(lifecycle, edge.row) for edge in edges)
        for facts in assignments(names):
            holding = [edge for edge in edges if edge.guard(facts)]
            when = " and ".join(name if value else f"not {name}" for name, value in facts.items())
            if not holding:
                yield f"in {state!r} no guard of the event {event!r} holds when {when}: {rows}"
                break
            if len(holding) > 1:
                both = " and ".join(_label(lifecycle, edge.row) for edge in holding)
                yield (
                    f"in {state!r} the event {event!r} is ambiguous"
                    f" {f'when {when}' if when else 'always'}: {both}"
                )
                break


def _stoppable(lifecycle: Lifecycle) -> Iterator[str]:
    """From every state the latch's event, and one that lowers it, lead to a released state."""
    latch = lifecycle.latch
    if latch is None:
        return
    for state in lifecycle.states:
        if state in lifecycle.final:
            continue
        first = lifecycle.table.get((state, latch.event), ())
        if not first:
            yield f"the state {state!r} does not take the event {latch.event!r}"
        for edge in first:
            ends = {e.target for e in _leaving(lifecycle, edge.target) if e.event in latch.until}
            if edge.source not in latch.released and not latch.released & ends:
                wanted = " or ".join(sorted(latch.released)) or "any released state"
                yield f"{_label(lifecycle, edge.row)} does not lead from {state!r} to {wanted}"


_Examine = Callable[["Lifecycle"], Iterator[str]]
_NAMES: tuple[_Examine, ...] = (_declared, _latch_names, _row_names, _unused)
_STRUCTURE: tuple[_Examine, ...] = (_reachable, _ways_out, _guards, _stoppable)


def _leaving(lifecycle: Lifecycle, state: str) -> Iterator[Edge]:
    return (edge for edge in lifecycle.edges if edge.source == state)


def _closure(start: str, onward: Callable[[str], Iterable[str]]) -> set[str]:
    seen = {start}
    todo = deque([start])
    while todo:
        for state in onward(todo.popleft()):
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return seen
