"""What docs/compare.md shows is what its commands do."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from engine.cli.program import invoke
from tests.pictures import FOLDER
from tests.results.pictures import drawn
from tests.results.written import folder, line, serve

PAGE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
COMMANDS = re.findall(r"^\$ dockwarden (.+)$", PAGE, re.MULTILINE)
TABLES = re.findall(
    r"```console\n\$ dockwarden (.+)\n```\n\n```markdown\n(.*?)```", PAGE, re.DOTALL
)
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the results that the page is about."""
    serve(tmp_path / "results/serve/20260131T101500Z")
    folder(tmp_path / "results/kernels/latest", [line("vllm-x")])
    folder(tmp_path / "results/other/latest", [line("vllm-x")])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_does_its_work(command: str, results: Path) -> None:
    assert invoke(shlex.split(command)) == 0
    for file in re.findall(r"(?:-o|--plot) (\S+)", command):
        assert (results / file).stat().st_size > 0


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize(("command", "shown"), TABLES)
def test_what_is_shown_is_printed(
    command: str, shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    invoke(shlex.split(command))
    assert capfd.readouterr()[0] == shown


@pytest.mark.parametrize("code", PYTHON)
def test_the_python_runs(code: str, results: Path) -> None:
    exec(compile(code, "docs/compare.md", "exec"), {})
    assert (results / "speed.png").exists()


def test_there_is_something_to_test() -> None:
    assert (len(COMMANDS) > 5, len(TABLES), len(PYTHON)) == (True, 1, 1)


@pytest.mark.parametrize("name", drawn())
def test_the_pictures_are_those_that_are_drawn(name: str) -> None:
    assert (FOLDER / name).read_text() == drawn()[name], "draw it again: make pictures"
