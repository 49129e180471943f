"""``dockwarden verify``: what it prints, and its exit codes."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from engine.cli import main

Dockwarden = Callable[..., tuple[int, str, str]]
Write = Callable[[str], str]

LAMP = """
    from states import Lifecycle, Row
    from states.verify import invariant

    LAMP = Lifecycle(
        name="lamp",
        states={"off": "", "on": ""},
        initial="off",
        events={"flip": ""},
        rows=[Row("off", "flip", "on"), Row("on", "flip", "off")],
    )
"""
DEAF = """
    from attrs import evolve
    from states import BACKEND

    ROWS = [
        evolve(row, source=tuple(source for source in row.source if source != "busy"))
        if row.event == "stop"
        else row
        for row in BACKEND.rows
    ]
    DEAF = evolve(BACKEND, name="deaf", rows=ROWS)
"""


@pytest.fixture
def dockwarden(capsys: pytest.CaptureFixture[str]) -> Dockwarden:
    def dockwarden(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            main(["verify", *map(str, arguments)])
        code = exited.value.code
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    return dockwarden


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    written: list[str] = []

    def write(text: str) -> str:
        name = f"written_{len(written)}"
        (tmp_path / f"{name}.py").write_text(dedent(text))
        importlib.invalidate_caches()
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


def test_the_built_in_lifecycles_hold(dockwarden: Dockwarden) -> None:
    code, out, err = dockwarden("--backends", 2)
    assert (code, err) == (0, "")
    first, second, third, last = out.splitlines()
    assert first.startswith("backend, one of it: ")
    assert second.startswith("backend, 2 side by side: ")
    assert third.startswith("experiment, one run: ")
    assert all(" rules hold; " in line and " states, " in line for line in (first, second, third))
    assert last == "all of it holds"


def test_three_backends_are_what_is_proved_by_default(dockwarden: Dockwarden) -> None:
    code, out, _ = dockwarden("--json")
    shown = json.loads(out)
    assert (code, shown["holds"]) == (0, True)
    subjects = {one["subject"]: one for one in shown["proofs"]}
    three = subjects["backend, 3 side by side"]
    assert three["holds"]
    assert three["states"] > 100_000
    assert three["edges"] > three["states"]
    assert three["took_s"] > 0
    assert three["counterexample"] is None


def test_a_lifecycle_of_ones_own(write: Write, dockwarden: Dockwarden) -> None:
    code, out, _ = dockwarden(f"{write(LAMP)}:LAMP")
    assert code == 0
    assert out.startswith("lamp, its table alone: no rule is claimed of it; 2 states, 2 edges, ")


def test_its_invariants_are_found_beside_it(
    write: Write, dockwarden: Dockwarden, tmp_path: Path
) -> None:
    module = write(
        LAMP
        + """
    def it_stays_dark(step):
        '''The lamp is never on.'''
        return step.after.state != "on"

    INVARIANTS = [it_stays_dark]
"""
    )
    code, out, _ = dockwarden(f"{module}:LAMP")
    assert code == 1
    assert "it_stays_dark does not hold: The lamp is never on." in out
    assert " 1  a user -> lamp: flip  on" in out
    assert "sequenceDiagram" in out
    code, out, _ = dockwarden(f"{module}:LAMP", "--diagram", tmp_path / "broken.mmd")
    assert code == 1
    assert "sequenceDiagram" not in out
    assert (tmp_path / "broken.mmd").read_text().startswith("sequenceDiagram\n")
    code, out, _ = dockwarden(f"{module}:LAMP", "--json")
    (proof,) = json.loads(out)["proofs"]
    assert code == 1
    assert proof["counterexample"]["claim"] == "it_stays_dark"
    assert proof["counterexample"]["steps"] == [
        {"who": "a user", "whom": "lamp", "what": "flip", "then": "on"}
    ]


def test_a_table_that_is_refused_is_shown_to_be_wrong(write: Write, dockwarden: Dockwarden) -> None:
    code, out, _ = dockwarden(f"{write(DEAF)}:DEAF")
    assert code == 1
    assert "the state 'busy' does not take the event 'stop'" in out
    assert "every_event_is_an_edge does not hold" in out
    assert "stop, which the table refuses" in out


BAD = {
    "no module": ("nowhere.at.all:LAMP", "", "No module named 'nowhere'"),
    "no name": ("{module}", LAMP, "the built-in ones are backend and experiment"),
    "a misspelt name": ("{module}:LAMPE", LAMP, "its lifecycles are: LAMP"),
    "no lifecycle": ("{module}:X", "X = 1", "a int, not a lifecycle"),
    "a module that fails": ("{module}:X", "1 / 0", "ZeroDivisionError: division by zero"),
    "a dangling name": (
        "{module}:LAMP",
        LAMP.replace('"flip", "off"', '"flip", "of"'),
        "names the unknown state 'of'",
    ),
    "one invariant and no list": (
        "{module}:LAMP",
        LAMP + "    INVARIANTS = print",
        "has to be a list of functions",
    ),
    "what is no invariant": (
        "{module}:LAMP",
        LAMP + "    INVARIANTS = [1]",
        "which is no function",
    ),
    "an invariant that fails": (
        "{module}:LAMP",
        LAMP + "    INVARIANTS = [lambda step: step.nothing]",
        "failed on off -> on: AttributeError",
    ),
}


@pytest.mark.parametrize(("name", "text", "shown"), BAD.values(), ids=BAD)
def test_bad_input_is_told_in_a_paragraph(
    name: str, text: str, shown: str, write: Write, dockwarden: Dockwarden
) -> None:
    code, _, err = dockwarden(name.format(module=write(text)))
    assert code == 2
    assert shown in err
    assert "Traceback" not in err


def test_a_diagram_that_cannot_be_written_is_told(write: Write, dockwarden: Dockwarden) -> None:
    module = write(LAMP + "    INVARIANTS = [lambda step: False]")
    code, _, err = dockwarden(f"{module}:LAMP", "--diagram", "no/such/folder.mmd")
    assert code == 2
    assert "no/such/folder.mmd cannot be written: No such file or directory" in err
