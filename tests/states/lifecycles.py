"""Any lifecycle there can be, for properties: each sound, with names and texts from all of Unicode."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from states import SAME, Latch, Lifecycle, Row, fact

__all__ = ["HOSTILE", "lifecycles"]

_WORDS = ("end", "graph", "class", "style", "default", "subgraph", "node", "edge", "digraph", "_x")
_NAMES = st.one_of(
    st.sampled_from(_WORDS),
    st.from_regex(r"\A[a-z]\w{0,11}\Z").filter(str.isidentifier),
)
HOSTILE = (
    "",
    '"quoted" and \\ escaped',
    "a --> b; c -.-> d: e",
    "--- %%{init: {}}%% %% comment",
    "<b>bold</b> & <script>alert(1)</script>",
    "]]>-->`code` $$x$$ #quot; #35;",
    "two\nlines\r\nand | a bar",
    "end",
    "]",
    "Zeichnung → 図 🙂 \u202e\u0000\ud800",
    "<!-- /dockwarden -->",
)
"""Texts that mean something to one notation or another."""

_TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))


@st.composite
def lifecycles(draw: st.DrawFn) -> Lifecycle:
    """A sound lifecycle: a ring through all states, and more rows across it."""
    states = draw(st.lists(_NAMES, min_size=2, max_size=8, unique=True))
    facts = draw(st.lists(_NAMES, min_size=1, max_size=3, unique=True))
    events = {"on": draw(_TEXTS), "back": draw(_TEXTS)}
    rows = [
        Row(source, "on", target, action="act", doc=draw(_TEXTS))
        for source, target in zip(states, [*states[1:], states[0]], strict=True)
    ]
    guard = fact(facts[0])
    for name in facts[1:]:
        guard = draw(
            st.sampled_from([guard & fact(name), guard | ~fact(name), ~(guard | fact(name))])
        )
    source = draw(st.sampled_from(states))
    rows += [
        Row(source, "back", draw(st.sampled_from(states)), guard=guard, doc=draw(_TEXTS)),
        Row(source, "back", draw(st.sampled_from(states)), guard=~guard),
    ]
    latch: dict[str, Any] = {}
    if draw(st.booleans()):
        events |= {"halt": draw(_TEXTS), "halted": draw(_TEXTS)}
        rows += [
            Row(tuple(states), "halt", SAME, action="act"),
            Row(tuple(states), "halted", states[0]),
        ]
        latch = {"latch": Latch("halt", until={"halted"}, released={states[0]})}
    return Lifecycle(
        name=draw(_TEXTS),
        doc=draw(_TEXTS),
        states={name: draw(_TEXTS) for name in states},
        initial=states[0],
        events=events,
        facts={name: draw(_TEXTS) for name in facts},
        actions={"act": draw(_TEXTS)},
        trouble=draw(st.sets(st.sampled_from(states))),
        rows=rows,
        **latch,
    )
