"""What is drawn is drawn by the real programs: Mermaid in a browser, and Graphviz."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cli.output.graphviz import draw_with_dot
from states import BACKEND, EXPERIMENT, Lifecycle, Row
from states.diagram import DARK, LIGHT, Course, draw, to_data, to_dot, to_mermaid, to_table
from states.diagram.text import printable
from tests.browser import Page
from tests.states.lifecycles import HOSTILE, lifecycles

EVERY_WAY = [
    pytest.param(lifecycle, every, id=f"{lifecycle.name}-{'all' if every else 'noted'}")
    for lifecycle in (BACKEND, EXPERIMENT)
    for every in (False, True)
]


@pytest.fixture(scope="module")
def mermaid(
    browser: Page, script: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Page:
    """A page with Mermaid in it."""
    file = tmp_path_factory.mktemp("mermaid") / "page.html"
    file.write_text("<!doctype html><meta charset=utf-8><title>mermaid</title><body></body>")
    browser.open(file)
    browser.load(script("mermaid/dist/mermaid.min.js"))
    browser.run("mermaid.initialize({startOnLoad: false, securityLevel: 'strict'})")
    return browser


def _accepted(mermaid: Page, text: str) -> None:
    assert mermaid.wait_for("mermaid.parse(arguments[0]).then(type => type.diagramType)", text) == {
        "value": "flowchart-v2"
    }


def _graph(text: str) -> dict[str, list[dict[str, str]]]:
    done = subprocess.run(
        ["dot", "-Tjson0"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    graph: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return graph


@pytest.mark.parametrize(("lifecycle", "every"), EVERY_WAY)
def test_mermaid_draws_the_built_in_ones(
    mermaid: Page, lifecycle: Lifecycle, *, every: bool
) -> None:
    drawing = draw(lifecycle, every=every)
    done = mermaid.wait_for(
        "mermaid.render('it', arguments[0]).then(({svg}) => {"
        "  document.body.innerHTML = svg;"
        "  const all = what => [...document.querySelectorAll(what)];"
        "  return {words: all('.nodeLabel, .edgeLabel').map(one => one.textContent).join(' '),"
        "    arrows: all('.flowchart-link').length}})",
        to_mermaid(drawing),
    )
    assert "error" not in done
    assert done["value"]["arrows"] == len(drawing.arrows) + 1
    for meaning in lifecycle.states.values():
        assert meaning in done["value"]["words"]


@settings(max_examples=50)
@given(lifecycle=lifecycles(), every=st.booleans(), brief=st.booleans())
def test_mermaid_takes_any(
    mermaid: Page, lifecycle: Lifecycle, *, every: bool, brief: bool
) -> None:
    _accepted(mermaid, to_mermaid(draw(lifecycle, every=every, brief=brief)))


def _saying(text: str) -> Lifecycle:
    return Lifecycle(
        name="one",
        states={"a": text, "end": ""},
        initial="a",
        final={"end"},
        events={"go": text},
        rows=[Row("a", "go", "end", doc=text)],
    )


@pytest.mark.usefixtures("graphviz")
@pytest.mark.parametrize("text", HOSTILE)
def test_texts_are_shown_as_they_are(mermaid: Page, text: str) -> None:
    drawing = draw(_saying(text))
    done = mermaid.wait_for(
        "mermaid.render('it', arguments[0]).then(({svg}) => {"
        "  document.body.innerHTML = svg;"
        "  return document.querySelector('.nodeLabel').textContent})",
        to_mermaid(drawing),
    )
    seen = done["value"].replace("\N{WORD JOINER}", "")
    assert "".join(seen.split()) == "".join(f"a{printable(text)}".split())
    svg = unescape(draw_with_dot(to_dot(drawing), "svg").decode())
    assert all(word in svg for word in printable(text).replace("<", " <").split())


def test_mermaid_refuses_what_is_wrong(mermaid: Page) -> None:
    assert "error" in mermaid.wait_for("mermaid.parse(arguments[0])", "flowchart TB\n a -->|x")


@pytest.mark.usefixtures("graphviz")
@pytest.mark.parametrize("text", HOSTILE)
def test_graphviz_takes_any_text(text: str) -> None:
    assert len(_graph(to_dot(draw(_saying(text))))["edges"]) == 2


@pytest.mark.usefixtures("graphviz")
@settings(max_examples=50)
@given(lifecycle=lifecycles(), every=st.booleans(), theme=st.sampled_from([LIGHT, DARK]))
def test_graphviz_takes_any(lifecycle: Lifecycle, theme: object, *, every: bool) -> None:
    drawing = draw(lifecycle, every=every)
    graph = _graph(to_dot(drawing, LIGHT if theme is LIGHT else DARK))
    assert len(graph["edges"]) == len(drawing.arrows) + 1
    assert len(graph["objects"]) == len(drawing.stations) + len(drawing.notes) + 1


@given(lifecycles())
def test_any_becomes_a_table_and_data(lifecycle: Lifecycle) -> None:
    states, rows, names = to_table(lifecycle).split("\n\n")
    named = len(lifecycle.events) + len(lifecycle.facts) + len(lifecycle.actions)
    assert len(names.splitlines()) == named + 2
    assert len(states.splitlines()) == len(lifecycle.states) + 2
    assert len(rows.splitlines()) == len(lifecycle.rows) + 2
    assert json.loads(json.dumps(to_data(lifecycle)))["initial"] == lifecycle.initial


@pytest.mark.usefixtures("graphviz")
@pytest.mark.parametrize(("lifecycle", "every"), EVERY_WAY)
def test_a_picture_holds_every_name(lifecycle: Lifecycle, *, every: bool) -> None:
    text = to_dot(draw(lifecycle, Course({"me": lifecycle.initial}), every=every))
    svg = draw_with_dot(text, "svg").decode()
    assert all(f">{name}<" in svg or f"◉ {name}<" in svg for name in lifecycle.states)
    assert "▶ me" in svg
    assert draw_with_dot(text, "png").startswith(b"\x89PNG")
