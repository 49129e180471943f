"""The check of wording finds a planted word wherever people read it, and leaves code alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import words
from tests.words import ALLOWED, CHECKED, INSTEAD, LEFT_OUT, ROOT, files, findings, main

PLANTED = [
    ('"""Nobody sees it."""\n', "Nobody"),
    ("x = 1  # written anew\n", "anew"),
    ('raise ValueError("mend that")\n', "mend"),
    ('print(f"{count} were looked at")\n', "looked at"),
    ("print(f\"{'told' if x else 'y'}\")\n", "told"),
    ('"""A run that is gone on\n    with later."""\n', "gone on with"),
    ("# a folder of\n# its own\n", "of its own"),
    ('say("so to "\n    "speak")\n', "so to speak"),
]


@pytest.mark.parametrize(("source", "word"), PLANTED, ids=[word for _, word in PLANTED])
def test_it_finds_a_planted_word_in_docstrings_comments_and_messages(
    source: str, word: str
) -> None:
    (found,) = findings("engine/planted.py", source)
    assert (found.words, found.line) == (word, 1)
    assert INSTEAD[next(key for key in INSTEAD if re.fullmatch(key, word, re.IGNORECASE))] in str(
        found
    )


def test_it_finds_a_planted_word_in_markdown() -> None:
    (found,) = findings("docs/planted.md", "# Title\n\nThe user is told twice.\n")
    assert (found.words, found.line) == ("told", 3)


def test_it_leaves_names_in_code_alone() -> None:
    source = 'told = mend(anew)  # fine\nprint(f"{told}")\nx = "retold, amended"\n'
    assert list(findings("engine/planted.py", source)) == []


def test_it_prints_what_to_write_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "planted.md").write_text("Somebody removed it.\n")
    monkeypatch.setattr(words, "ROOT", tmp_path)
    assert main(["planted.md"]) == 1
    assert capsys.readouterr().out == (
        "planted.md:1: 'Somebody'; write instead: who it is: the user, another process, a service\n"
    )
    (tmp_path / "planted.md").write_text("Another process removed it.\n")
    assert main(["planted.md"]) == 0


def test_each_folder_that_is_checked_has_files() -> None:
    assert all(files([one]) for one in CHECKED)


def test_each_file_that_is_left_out_exists() -> None:
    assert all((ROOT / one).exists() for one in LEFT_OUT)
    assert not {*LEFT_OUT} & {*files()}


def test_each_exception_is_still_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    exceptions = set(ALLOWED)
    monkeypatch.setattr(words, "ALLOWED", {})
    found = {
        (one.file, one.words)
        for name in {file for file, _ in exceptions}
        for one in findings(name, (ROOT / name).read_text("utf-8"))
    }
    assert exceptions - found == set()
