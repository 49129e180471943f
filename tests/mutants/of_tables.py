"""Mutants of the tables: each row dropped, turned elsewhere, its guard and its action changed."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from states import ALWAYS, BACKEND, EXPERIMENT, SAME, Guard, Latch, Lifecycle, Row, fact

__all__ = ["TableMutant", "table_mutants"]


@frozen
class TableMutant:
    """A table with one thing wrong.

    Attributes:
        table: of which lifecycle.
        what: what was changed.
        rows: the rows with the change.
        latch: the latch with the change.
    """

    table: Lifecycle
    what: str
    rows: tuple[Row, ...]
    latch: Latch | None

    @property
    def name(self) -> str:
        """What it is called in the list."""
        return f"{self.table.name}: {self.what}"

    def build(self) -> Lifecycle:
        """The mutated lifecycle.

        Raises:
            LifecycleError: the language refuses it.
        """
        # Facts and actions that no row names any more are not declared: that is not the finding looked for.
        facts = {name for row in self.rows for name in row.guard.names}
        actions = {row.action for row in self.rows}
        return evolve(
            self.table,
            rows=self.rows,
            latch=self.latch,
            facts={name: doc for name, doc in self.table.facts.items() if name in facts},
            actions={name: doc for name, doc in self.table.actions.items() if name in actions},
        )


def table_mutants() -> Iterator[TableMutant]:
    """All of them, in a fixed order."""
    for table in (BACKEND, EXPERIMENT):
        for index, row in enumerate(table.rows):
            for what, changed in _changes(table, row):
                rows = (*table.rows[:index], *changed, *table.rows[index + 1 :])
                yield TableMutant(table, f"{what}: {row}", rows, table.latch)
    for what, rows, latch in _larger():
        yield TableMutant(BACKEND, what, rows, latch)


def _changes(table: Lifecycle, row: Row) -> Iterator[tuple[str, tuple[Row, ...]]]:
    yield "drop the row", ()
    if len(row.source) > 1:
        for source in row.source:
            rest = tuple(one for one in row.source if one != source)
            yield f"drop {source} from the row", (evolve(row, source=rest),)
    for target in (*table.states, SAME):
        if target != row.target and row.source != (target,):
            yield f"lead to {target}", (evolve(row, target=target),)
    if row.guard is not ALWAYS:
        yield "negate the guard", (evolve(row, guard=~row.guard),)
        yield "drop the guard", (evolve(row, guard=ALWAYS),)
    for action in (None, *table.actions):
        if action != row.action:
            yield f"do {action or 'nothing'}", (evolve(row, action=action),)


def _larger() -> Iterator[tuple[str, tuple[Row, ...], Latch | None]]:
    """Those that take more than one row, or a new one, or the latch."""
    rows, latch = BACKEND.rows, BACKEND.latch
    assert latch is not None
    curable, left = fact("curable"), fact("budget_left")
    for what, may in {
        "the budget is not asked for": curable,
        "whether a restart cures it is not asked for": left,
        "either will do for a restart": curable | left,
        "restarts where they are not allowed": ~(curable & left),
    }.items():
        yield what, _guarded(may), latch
    yield "the restart guard is dropped", _guarded(None), latch
    for source, event, target, action in (
        ("busy", "restart", "restarting", "relaunch"),
        ("busy", "dispatch", "busy", "execute"),
        ("unhealthy", "dispatch", "busy", "execute"),
        ("starting", "dispatch", "busy", "execute"),
        ("exhausted", "restart", "restarting", "relaunch"),
        ("exhausted", "recover", "restarting", "relaunch"),
        ("exhausted", "fault", "unhealthy", None),
        ("exhausted", "start", "starting", "launch"),
        ("ready", "start", "starting", "launch"),
        ("ready", "reset", "restarting", "relaunch"),
        ("stopped", "restart", "restarting", "relaunch"),
        ("unhealthy", "reset", "restarting", "relaunch"),
    ):
        row = Row(source, event, target, action=action)
        yield f"add the row: {row}", (*rows, row), latch
    yield "no latch", rows, None
    yield "the latch is not lowered by removal_failed", rows, evolve(latch, until={"removed"})
    yield "the latch is not lowered by removed", rows, evolve(latch, until={"removal_failed"})
    yield "a fault lowers the latch", rows, evolve(latch, until={*latch.until, "fault"})
    yield "the latch is raised by restart", rows, evolve(latch, event="restart")
    yield (
        "the latch is not raised in exhausted",
        rows,
        evolve(latch, released={"stopped", "exhausted"}),
    )
    yield "the latch is raised in stopped", rows, evolve(latch, released=())
    leaking = (
        evolve(row, target="stopped") if row.event == "removal_failed" else row for row in rows
    )
    yield "what could not be removed counts as stopped", tuple(leaking), latch
    deaf = (
        evolve(row, source=tuple(one for one in row.source if one != "busy"))
        if row.event == "stop"
        else row
        for row in rows
    )
    yield "no stop from busy, and no latch that would miss it", tuple(deaf), None


def _guarded(may: Guard | None) -> tuple[Row, ...]:
    """The rows with another guard for a restart; None for a restart always."""
    changed = []
    for row in BACKEND.rows:
        if row.event != "recover":
            changed.append(row)
        elif row.target == "restarting":
            changed.append(evolve(row, guard=ALWAYS if may is None else may))
        elif may is not None:
            changed.append(evolve(row, guard=~may))
    return tuple(changed)
