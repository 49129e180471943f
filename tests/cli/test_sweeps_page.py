"""docs/sweeps.md: each of its files loads, and each command prints what the page shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMPOSE = "services: {vllm: {image: none}, sglang: {image: none}}\n"

Files = dict[str, str]


def commands() -> Iterator[tuple[str, Files, str]]:
    """Each command of the page with the files that stand before it, and what it prints."""
    files: Files = {}
    fresh = True
    for language, block in BLOCK.findall(PAGE):
        if language == "console":
            command, _, printed = block.partition("\n")
            yield command.removeprefix("$ "), dict(files), printed
            fresh = True
            continue
        head, _, body = block.partition("\n")
        if fresh:
            files = {}
        fresh = False
        name = head.removeprefix("# ")
        files[name] = body if name.endswith(".csv") else block


COMMANDS = list(commands())


def test_every_block_is_a_file_or_a_command() -> None:
    blocks = BLOCK.findall(PAGE)
    assert PAGE.count("```") == 2 * len(blocks)
    for language, block in blocks:
        assert block.startswith("$ dockwarden " if language == "console" else "# ")
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize(("command", "files", "printed"), COMMANDS)
def test_a_command_prints_what_the_page_shows(
    command: str,
    files: Files,
    printed: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESULTS", raising=False)
    for name, body in {"docker-compose.yml": COMPOSE, **files}.items():
        (tmp_path / name).write_text(body)
    with pytest.raises(SystemExit):
        main(shlex.split(command)[1:])
    out, err = capfd.readouterr()
    # Where an engine answers, the plan says of an image that is not there that it cannot tell how it stays up.
    told = re.sub(r"^  \w+: its image is not here .*\n", "", out or err, flags=re.MULTILINE)
    assert told == printed
