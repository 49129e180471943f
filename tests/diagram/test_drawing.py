"""What a diagram shows."""

from __future__ import annotations

from collections import Counter

import pytest

from states import ANY, BACKEND, EXPERIMENT, SAME, Latch, Lifecycle, LifecycleError, Row, fact
from states.diagram import Course, Drawing, Kind, Role, draw, to_data, to_mermaid, to_table


def kinds(drawing: Drawing, kind: Kind) -> set[tuple[str, str]]:
    return {(arrow.source, arrow.target) for arrow in drawing.arrows if arrow.kind is kind}


def test_ways_into_trouble_and_out_of_it_are_told_apart() -> None:
    drawing = draw(BACKEND)
    assert kinds(drawing, Kind.FAULT) == {
        ("starting", "unhealthy"),
        ("ready", "unhealthy"),
        ("busy", "unhealthy"),
        ("restarting", "unhealthy"),
        ("unhealthy", "exhausted"),
    }
    assert kinds(drawing, Kind.RECOVERY) == {
        ("unhealthy", "restarting"),
        ("exhausted", "restarting"),
    }
    assert {one.name for one in drawing.stations if one.role is Role.TROUBLE} == BACKEND.trouble


def test_a_stop_is_told_in_a_note() -> None:
    (note,) = draw(BACKEND).notes
    assert note.title == "from every state but stopped"
    assert note.lines == (
        "stop / remove",
        "removed → stopped",
        "removal failed → exhausted",
        "after stop, nothing else until removed or removal failed",
    )
    assert not any("stop" in line for arrow in draw(BACKEND).arrows for line in arrow.lines)


@pytest.mark.parametrize("lifecycle", [BACKEND, EXPERIMENT])
def test_every_edge_can_be_asked_for(lifecycle: Lifecycle) -> None:
    drawing = draw(lifecycle, every=True)
    assert not drawing.notes
    drawn = Counter((arrow.source, arrow.target) for arrow in drawing.arrows for _ in arrow.labels)
    assert drawn == Counter((edge.source, edge.target) for edge in lifecycle.edges)


def test_guards_are_words() -> None:
    (arrow,) = (one for one in draw(BACKEND).arrows if one.target == "exhausted")
    assert arrow.lines == ("recover", "when not (curable and budget left)")


def test_a_brief_one_has_names_alone() -> None:
    drawing = draw(BACKEND, brief=True)
    assert drawing.across
    assert not drawing.notes
    assert {line for arrow in drawing.arrows for line in arrow.lines} == {
        "or",
        *(edge.event.replace("_", " ") for edge in BACKEND.edges),
    } - {"stop", "removed", "removal failed"}
    assert not any(station.meaning for station in drawing.stations)


def test_edges_of_one_kind_between_two_states_share_an_arrow() -> None:
    (arrow,) = (
        one
        for one in draw(BACKEND).arrows
        if (one.source, one.target) == ("unhealthy", "restarting")
    )
    assert arrow.lines == (
        "recover / relaunch",
        "when curable and budget left",
        "or",
        "restart / relaunch",
    )


def test_the_initial_and_the_final_states_are_marked() -> None:
    drawing = draw(EXPERIMENT)
    assert [one.name for one in drawing.stations if one.initial] == ["pending"]
    assert {one.name for one in drawing.stations if one.final} == EXPERIMENT.final
    assert "begin --> s_pending" in to_mermaid(drawing).replace('((" "))', "")
    assert "`failed` | tried, and no attempt succeeded (final)" in to_table(EXPERIMENT)


def test_a_course_shows_who_is_where_and_what_was_taken() -> None:
    start, dispatch = (
        BACKEND.table[key][0] for key in (("stopped", "start"), ("ready", "dispatch"))
    )
    course = Course(
        {"a": "ready", **{f"b{number}": "busy" for number in range(6)}},
        Counter({start: 2, dispatch: 7}),
    )
    drawing = draw(BACKEND, course)
    here = {one.name: one.here for one in drawing.stations}
    assert (here["ready"], here["busy"], here["stopped"]) == ("a", "b0, b1, b2, b3 and 2 more", "")
    taken = {arrow.lines[0] for arrow in drawing.arrows if arrow.taken}
    assert taken == {"start / launch ×2", "dispatch / execute ×7"}  # noqa: RUF001
    assert "| `ready` | `dispatch` |  | `busy` | `execute` | One experiment at a time. | 7 |" in (
        to_table(BACKEND, course)
    )
    assert to_data(BACKEND, course)["here"]["a"] == "ready"


def test_without_a_course_nothing_is_said_of_one() -> None:
    assert all(arrow.taken is None for arrow in draw(BACKEND).arrows)
    assert "here" not in to_data(BACKEND)


def test_a_lifecycle_with_a_state_to_stop_in_keeps_the_way_out_of_it() -> None:
    lamp = Lifecycle(
        name="lamp",
        states=dict.fromkeys(("off", "warm", "on", "dim", "stopping"), ""),
        initial="off",
        events=dict.fromkeys(("press", "halt", "gone"), ""),
        latch=Latch("halt", until={"gone"}, released={"off"}),
        rows=[
            Row("off", "press", "warm"),
            Row("warm", "press", "on"),
            Row("on", "press", "dim"),
            Row("dim", "press", "on"),
            Row("off", "halt", SAME),
            Row(("warm", "on", "dim", "stopping"), "halt", "stopping"),
            Row("stopping", "gone", "off"),
        ],
    )
    drawing = draw(lamp)
    assert [note.title for note in drawing.notes] == ["from every state but off"]
    assert drawing.notes[0].lines[0] == "halt → stopping"
    assert ("stopping", "off") in {(arrow.source, arrow.target) for arrow in drawing.arrows}


def test_what_leaves_few_states_is_drawn() -> None:
    door = Lifecycle(
        name="door",
        states={"shut": "", "open": ""},
        initial="shut",
        events={"push": ""},
        rows=[Row("shut", "push", "open"), Row("open", "push", "shut")],
    )
    assert len(draw(door).arrows) == 2
    assert not draw(door).notes


def test_from_any_state_to_one() -> None:
    valve = Lifecycle(
        name="valve",
        states={"a": "", "b": "", "c": ""},
        initial="a",
        events={"next": "", "trip": ""},
        facts={"armed": ""},
        rows=[
            *(Row(one, "next", two) for one, two in ("ab", "bc", "ca")),
            Row(ANY, "trip", "a", guard=fact("armed")),
            Row(ANY, "trip", SAME, guard=~fact("armed")),
        ],
    )
    (note,) = draw(valve).notes
    assert note.title == "from every state"
    assert note.lines == ("trip when armed → a", "trip when not armed")


def test_trouble_has_to_be_a_state() -> None:
    with pytest.raises(LifecycleError, match="trouble names the unknown state 'unwell'"):
        BACKEND.extend(trouble={"unwell"})
