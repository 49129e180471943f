"""The page on work by hand: its commands do what it shows, here on local processes."""

from __future__ import annotations

import re
from pathlib import Path

from engine.runtimes.inventory import take
from tests.docs.pages import Page, dockwarden

PAGE = Page("by-hand.md")
TOOK = re.compile(r"after \d+\.\d s")


def test_the_commands_print_what_is_shown(tmp_path: Path) -> None:
    PAGE.write(tmp_path)
    commands = PAGE.commands()
    assert [command.split()[0] for command, _ in commands] == ["up", "exec", "down"]
    for command, shown in commands:
        name, rest = command.split(" ", 1)
        here = ["--runtime", "process"] if name != "down" else []
        done = dockwarden(tmp_path, name, *here, *_words(rest))
        assert done.returncode == 0 or name == "down", done.stderr  # which also asks for an engine
        if shown:
            assert TOOK.sub("after a moment", done.stdout) == TOOK.sub("after a moment", shown)
    assert [one for one in take(tmp_path.name).found if one.kind == "processes"] == []
    assert not (tmp_path / "results").exists()


def _words(command: str) -> list[str]:
    before, _, line = command.partition("sh -c ")
    return [*before.split(), *(["sh", "-c", line.strip("'")] if line else [])]
