"""What is true of every Markdown file here: what it shows works, and what is written into it is current."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import frozen
from ruamel.yaml import YAML

from engine.campaign.config.load import load_campaign
from engine.cli.commands.diagram import block
from engine.cli.output.markdown_blocks import rewritten
from engine.cli.program import cli
from engine.compose import load_project
from tests.reference import WORD, reference

ROOT = Path(__file__).parent.parent
FILES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md")]
NAMES = {file: str(file.relative_to(ROOT)) for file in FILES}

_BLOCK = re.compile(
    r"^(?P<fence>```+|~~~+)(?P<language>\S*).*?\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_PROGRAMS = {
    "docker",
    "sqlite3",
    "python3",
    "python",
    "pip",
    "apt-get",
    "eval",
    "sudo",
    "git",
    "export",
}
"""What else may be called in an example."""


@frozen
class Block:
    """A block of code.

    Attributes:
        where: file and line.
        imports_only: whether more of it cannot be run; the page says why, in a comment above it.
        tested_by: the test that a comment above it names, which does more with it; empty for none.
    """

    where: str
    language: str
    text: str
    imports_only: bool
    tested_by: str


def _blocks(*languages: str, elsewhere: bool = False) -> list[Any]:
    """The blocks in these languages; of those that another test has, only where ``elsewhere``."""
    found = _all(languages)
    return [
        pytest.param(shown, id=shown.where)
        for shown in found
        if not languages or bool(shown.tested_by) is elsewhere
    ]


def _all(languages: tuple[str, ...]) -> Iterator[Block]:
    for file, name in NAMES.items():
        text = file.read_text()
        for found in _BLOCK.finditer(text):
            if not languages or found["language"] in languages:
                where = f"{name}:{text[: found.start()].count(chr(10)) + 1}"
                only = re.search(r"<!-- imports only: .+ -->\n$", text[: found.start()])
                tested = re.search(r"<!-- tested by (\S+) -->\n$", text[: found.start()])
                yield Block(
                    where,
                    found["language"],
                    found["text"],
                    imports_only=bool(only),
                    tested_by=tested[1] if tested else "",
                )


@pytest.mark.parametrize("file", FILES, ids=NAMES.get)
def test_its_diagrams_are_up_to_date(file: Path) -> None:
    text = file.read_text()
    assert rewritten(text, block, file=NAMES[file]) == text, "write it again: make pages"


@pytest.mark.parametrize("file", FILES, ids=NAMES.get)
def test_its_references_are_up_to_date(file: Path) -> None:
    text = file.read_text()
    assert rewritten(text, reference, file=NAMES[file], word=WORD) == text, (
        "write it again: make pages"
    )


@pytest.mark.parametrize("file", FILES, ids=NAMES.get)
def test_it_points_at_what_is_there(file: Path) -> None:
    text = _BLOCK.sub("", file.read_text())
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    local = [link for link in links if not re.match(r"\w+:", link)]
    assert [link for link in local if not (file.parent / link).exists()] == []


@pytest.mark.parametrize("shown", _blocks())
def test_each_block_is_of_a_kind_that_is_tested(shown: Block) -> None:
    plain = {"text", "markdown"}
    generated = {"mermaid", "{toctree}"}
    assert shown.language in {"python", "yaml", "json", "console", "bash", *plain, *generated}


@pytest.mark.parametrize("shown", _blocks("yaml", "python", "json", elsewhere=True))
def test_what_another_test_has_is_there(shown: Block) -> None:
    test = ROOT / shown.tested_by
    assert Path(shown.where.partition(":")[0]).name in test.read_text()


@pytest.mark.parametrize("shown", _blocks("json"))
def test_its_json_is_json(shown: Block) -> None:
    json.loads(shown.text)


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize("shown", _blocks("python"))
def test_its_python_runs(
    shown: Block,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    source = _imports(shown.text) if shown.imports_only else shown.text
    around = {"__name__": "example", "__file__": str(ROOT / "example.py")}
    exec(compile(source, shown.where, "exec"), around)
    if ".stdout.read_text()" in shown.text:
        assert capsys.readouterr().out.startswith("0 ")


@pytest.mark.parametrize("shown", _blocks("yaml"))
def test_its_yaml_is_what_it_says(shown: Block, tmp_path: Path) -> None:
    file = tmp_path / "shown.yml"
    file.write_text(shown.text)
    document = YAML(typ="safe").load(shown.text)
    if "experiments" in document:
        load_campaign(file)
    elif "services" in document:
        load_project(file)
    elif "repos" in document or "repo" in document[0]:
        hooks = {hook["id"] for hook in YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")}
        assert {hook["id"] for repo in document for hook in repo["hooks"]} <= hooks
    else:
        pytest.fail("neither a campaign, nor services, nor hooks")


@pytest.mark.parametrize("shown", _blocks("console", "bash"))
def test_its_commands_are_there(shown: Block) -> None:
    assert _commands(shown)
    for command in _commands(shown):
        words = shlex.split(command, comments=True)
        while words and re.fullmatch(r"\w+=.*", words[0]):  # variables
            words.pop(0)
        _check(words)


def _commands(shown: Block) -> list[str]:
    """The commands of a block: after each prompt, or all lines where there is none."""
    text = shown.text.replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    if shown.language == "console":
        return [line[2:] for line in lines if line.startswith(("$ ", "# "))]
    return lines


def _imports(source: str) -> str:
    tree = ast.parse(source)
    return "\n".join(
        ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    )


def _check(words: list[str]) -> None:
    match words:
        case ["dockwarden", name, *arguments]:
            ends = [
                number for number, word in enumerate(arguments) if re.fullmatch(r"[|>]+|;|&&", word)
            ]
            arguments = arguments[: ends[0]] if ends else arguments
            assert name in cli.commands, f"there is no dockwarden {name}"
            with contextlib.suppress(click.exceptions.Exit):  # --help
                cli.commands[name].make_context(name, arguments)
        case ["make", target, *settings] if all("=" in one for one in settings):
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        case ["eval", inner]:
            within = re.fullmatch(r"\$\((.*)\)", inner)
            assert within, inner
            _check(shlex.split(within[1]))
        case [program, *_]:
            assert program in _PROGRAMS or program.startswith(".venv/bin/"), program


@pytest.mark.parametrize("shown", _blocks("bash"))
def test_its_shell_is_shell(shown: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=shown.text, text=True, check=False)
    assert done.returncode == 0
