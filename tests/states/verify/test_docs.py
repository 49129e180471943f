"""What the page on proofs says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.cli import main
from states.verify.fleet import TORN_DOWN
from states.verify.invariants import INVARIANTS

PAGE = Path(__file__).parents[3] / "docs" / "verify.md"
TEXT = PAGE.read_text()


def test_it_lists_every_rule_as_it_is() -> None:
    rules = "".join(f"| `{one.name}` | {one.sentence} |\n" for one in (*INVARIANTS, TORN_DOWN))
    listed = re.search(r"<!-- rules -->\n(.*)<!-- end of rules -->", TEXT, flags=re.DOTALL)
    assert listed is not None
    assert listed[1] == rules


def test_its_example_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    (tmp_path / "door_of_the_docs.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["verify", "door_of_the_docs:DOOR"])
    printed = re.findall(r"(?s)lifecycles:DOOR\n(.*?)```", TEXT)[0].strip()
    assert untimed(capsys.readouterr().out).startswith(untimed(printed))


def untimed(text: str) -> str:
    return re.sub(r", [\d.]+ s\b", "", text)
