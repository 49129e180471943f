"""The content of a lifecycle's diagram, before it is written in any notation."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from attrs import evolve, field, frozen

from states.guard import ALWAYS
from states.lifecycle import SAME, Edge, Lifecycle

__all__ = [
    "Arrow",
    "Course",
    "Drawing",
    "Kind",
    "Label",
    "Note",
    "Role",
    "Station",
    "draw",
    "kind",
    "words",
]

_FEW: Final = 2
"""So many arrows tangle nothing."""

_NAMED: Final = 4
"""So many are named in the state that they are in."""


class Role(enum.Enum):
    """The role of a state in its lifecycle; it decides the state's colour."""

    REST = "rest"
    """It begins or ends here, and all is well."""
    NORMAL = "normal"
    TROUBLE = "trouble"
    """Something went wrong."""


class Kind(enum.Enum):
    """The kind of an edge; it decides the arrow's colour and line."""

    NORMAL = "normal"
    FAULT = "fault"
    """Into trouble, or from one trouble into the next."""
    RECOVERY = "recovery"
    """Out of trouble."""


@frozen
class Course:
    """The history of a lifecycle's instances, to be shown in its diagram.

    Attributes:
        here: the state that each instance is in, by its name.
        taken: how often each edge has been taken.
    """

    here: Mapping[str, str] = field(factory=dict)
    taken: Mapping[Edge, int] = field(factory=Counter)

    def in_state(self, state: str) -> tuple[str, ...]:
        """The names of those that are in a state."""
        return tuple(name for name, where in self.here.items() if where == state)

    def count(self, edges: Iterable[Edge]) -> int:
        """How often edges have been taken, all in all."""
        return sum(self.taken.get(edge, 0) for edge in edges)


@frozen
class Station:
    """A state as it is drawn.

    Attributes:
        here: the instances that are in it, in words; empty if there are none.
    """

    name: str
    meaning: str
    role: Role
    initial: bool
    final: bool
    here: str = ""


@frozen
class Label:
    """One of the edges that an arrow stands for.

    Attributes:
        event: in words, as all of it.
        action: empty where there is none.
        when: the guard; empty where there is none.
        taken: how often it has been taken; None where it is not known.
    """

    event: str
    action: str = ""
    when: str = ""
    taken: int | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """The text beside the arrow."""
        does = f"{self.event} / {self.action}" if self.action else self.event
        return (f"{does}{_times(self.taken)}", *((f"when {self.when}",) if self.when else ()))


@frozen
class Arrow:
    """The edges of one kind from one state to another, as they are drawn."""

    source: str
    target: str
    kind: Kind
    labels: tuple[Label, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The text beside the arrow; an ``or`` separates the edges."""
        first, *others = self.labels
        return (*first.lines, *(line for label in others for line in ("or", *label.lines)))

    @property
    def taken(self) -> bool | None:
        """Whether any of its edges has been taken; None where it is not known."""
        counts = [label.taken for label in self.labels]
        return None if None in counts else any(counts)


@frozen
class Note:
    """Edges that would only tangle the picture, since they leave most of the states alike."""

    title: str
    lines: tuple[str, ...]


@frozen
class Drawing:
    """A lifecycle as it is drawn.

    Attributes:
        across: whether it goes from left to right, and not from the top down.
    """

    name: str
    stations: tuple[Station, ...]
    arrows: tuple[Arrow, ...]
    notes: tuple[Note, ...]
    across: bool = False


def draw(
    lifecycle: Lifecycle,
    course: Course | None = None,
    *,
    every: bool = False,
    brief: bool = False,
) -> Drawing:
    """Decide what a diagram of ``lifecycle`` shows.

    Args:
        course: what has happened, to be shown as well.
        every: draw every edge. Otherwise an event that leaves most states alike, such as a stop, is
            written in a note.
        brief: leave out what states mean, guards, actions and notes, and draw from left to right.
    """
    noted = () if every else tuple(_alike(lifecycle))
    hidden = {edge for group in noted for edge in group}
    if not every:
        hidden |= _idle_stops(lifecycle)
    whole = Drawing(
        name=lifecycle.name,
        stations=tuple(_station(lifecycle, name, course) for name in lifecycle.states),
        arrows=tuple(
            _arrows(lifecycle, (one for one in lifecycle.edges if one not in hidden), course)
        ),
        notes=tuple(_notes(lifecycle, noted, course)),
    )
    return _shortened(whole) if brief else whole


def _shortened(drawing: Drawing) -> Drawing:
    return evolve(
        drawing,
        stations=tuple(evolve(station, meaning="") for station in drawing.stations),
        arrows=tuple(
            evolve(arrow, labels=tuple(evolve(label, action="", when="") for label in arrow.labels))
            for arrow in drawing.arrows
        ),
        notes=(),
        across=True,
    )


def _station(lifecycle: Lifecycle, name: str, course: Course | None) -> Station:
    if name in lifecycle.trouble:
        role = Role.TROUBLE
    elif name == lifecycle.initial or name in lifecycle.final:
        role = Role.REST
    else:
        role = Role.NORMAL
    return Station(
        name=name,
        meaning=lifecycle.states[name],
        role=role,
        initial=name == lifecycle.initial,
        final=name in lifecycle.final,
        here="" if course is None else _listed(course.in_state(name)),
    )


def _listed(names: tuple[str, ...]) -> str:
    """Names, as far as there is room for them."""
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _arrows(lifecycle: Lifecycle, edges: Iterable[Edge], course: Course | None) -> Iterator[Arrow]:
    """The edges, those of one kind between the same two states as one arrow."""
    between: dict[tuple[str, str, Kind], list[Label]] = {}
    for edge in edges:
        label = _label(edge, None if course is None else course.taken.get(edge, 0))
        between.setdefault((edge.source, edge.target, kind(lifecycle, edge)), []).append(label)
    for (source, target, what), labels in between.items():
        yield Arrow(source, target, what, tuple(labels))


def kind(lifecycle: Lifecycle, edge: Edge) -> Kind:
    """Return the kind of an edge."""
    if edge.target in lifecycle.trouble and edge.source != edge.target:
        return Kind.FAULT
    if edge.source in lifecycle.trouble and edge.source != edge.target:
        return Kind.RECOVERY
    return Kind.NORMAL


def words(names: str) -> str:
    """Names, for people."""
    return names.replace("_", " ")


def _times(taken: int | None) -> str:
    return f" \N{MULTIPLICATION SIGN}{taken}" if taken else ""


def _label(edge: Edge, taken: int | None = None) -> Label:
    return Label(
        event=words(edge.event),
        action=words(edge.action or ""),
        when="" if edge.guard is ALWAYS else words(str(edge.guard)),
        taken=taken,
    )


# What leaves most of the states alike


def _alike(lifecycle: Lifecycle) -> Iterator[tuple[Edge, ...]]:
    """The edges that differ only in where they start, where they start from most of the states."""
    groups: dict[tuple[object, ...], list[Edge]] = {}
    for edge in lifecycle.edges:
        written = lifecycle.rows[edge.row]
        stays = written.target == SAME or written.source == (edge.target,)
        target = SAME if stays else edge.target
        groups.setdefault((edge.event, target, edge.guard, edge.action), []).append(edge)
    leavable = len(lifecycle.states.keys() - lifecycle.final)
    for group in groups.values():
        if len(group) > _FEW and len(group) * 4 >= leavable * 3:
            yield tuple(group)


def _idle_stops(lifecycle: Lifecycle) -> set[Edge]:
    """The edges on which the latch's event finds nothing to do."""
    latch = lifecycle.latch
    return {
        edge
        for edge in lifecycle.edges
        if latch is not None and edge.event == latch.event and edge.source == edge.target
        if edge.source in latch.released and edge.action is None
    }


def _notes(
    lifecycle: Lifecycle, groups: Iterable[tuple[Edge, ...]], course: Course | None
) -> Iterator[Note]:
    """A note for each set of states; what starts from the same states stands in the same note."""

    def sources(group: tuple[Edge, ...]) -> tuple[str, ...]:
        starts = {edge.source for edge in group}
        return tuple(name for name in lifecycle.states if name in starts)

    for starts, alike in groupby(sorted(groups, key=sources), key=sources):
        found = list(alike)
        lines = [_alike_line(group, course) for group in found]
        latch = lifecycle.latch
        if latch is not None and any(group[0].event == latch.event for group in found):
            ends = " or ".join(words(event) for event in lifecycle.events if event in latch.until)
            lines.append(f"after {words(latch.event)}, nothing else until {ends}")
        yield Note(f"from {_named(lifecycle, starts)}", tuple(lines))


def _alike_line(group: tuple[Edge, ...], course: Course | None) -> str:
    first = group[0]
    targets = {edge.target for edge in group}
    leads = f" → {words(targets.pop())}" if len(targets) == 1 else ""
    says = " ".join(_label(first).lines)
    count = 0 if course is None else course.count(group)
    return f"{says}{leads}{_times(count)}"


def _named(lifecycle: Lifecycle, starts: tuple[str, ...]) -> str:
    """A set of states, in as few words as will do."""
    missing = [name for name in lifecycle.states if name not in starts]
    if not missing:
        return "every state"
    if set(missing) == lifecycle.final:
        return "every state that is not final"
    if len(missing) < len(starts):
        return f"every state but {' and '.join(words(name) for name in missing)}"
    return ", ".join(words(name) for name in starts)
