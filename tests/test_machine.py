"""What the tests use of a machine is installed as root on Debian, and named elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import machine
from tests.lab.errors import LabFailed
from tests.lab.packages import Need

LACKING = Need("/nowhere/dot", "graphviz")
HERE = Need("/", "base-files")

Installed = list[str]
Main = Callable[[], int]


@pytest.fixture(params=["venv", "tests"])
def main(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Main:
    monkeypatch.setattr(machine, "_FOR_VENV", (HERE, LACKING))
    monkeypatch.setattr(machine, "_FOR_TESTS", {"pictures": (HERE, LACKING)})
    return lambda: machine.main([request.param])


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """The packages that were asked for."""
    asked: Installed = []
    monkeypatch.setattr(
        machine, "install", lambda lacking, _say: asked.extend(one.package for one in lacking)
    )
    return asked


def test_as_root_on_debian_what_is_lacking_is_installed(
    main: Main, installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Path, "exists", lambda path: path.name != "dot")
    assert main() == 0
    assert installed == ["graphviz"]


def test_another_user_reads_how_to_get_it_in_one_line(
    main: Main,
    installed: Installed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    main()
    assert installed == []
    (line,) = capsys.readouterr().err.splitlines()
    assert "graphviz" in line


@pytest.mark.parametrize(("asked", "code"), [("venv", 1), ("tests", 0)])
def test_only_what_nothing_works_without_stops_it(
    asked: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise LabFailed("apt-get failed")

    monkeypatch.setattr(machine, "_FOR_VENV", (LACKING,))
    monkeypatch.setattr(machine, "_FOR_TESTS", {"pictures": (LACKING,)})
    monkeypatch.setattr(machine, "install", fail)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert machine.main([asked]) == code
    assert capsys.readouterr().err


def test_nothing_is_done_where_nothing_is_lacking(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "_FOR_TESTS", {"pictures": (HERE,)})
    assert machine.main(["tests"]) == 0
    assert installed == []
    assert capsys.readouterr().err == ""
