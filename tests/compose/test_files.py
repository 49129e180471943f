"""YAML to plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.compose.files import parse, read
from engine.errors import ComposeError


def value(written: str) -> Any:
    (document,) = parse(f"key: {written}\n", "f.yml")
    return document.data["key"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1", 1),
        ("+5", 5),
        ("-5", -5),
        ("010", 8),
        ("0o17", 15),
        ("0x1f", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("089", 89),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("12:30:45", "12:30:45"),
        ("22:22", "22:22"),
        ("'2024-01-01'", "2024-01-01"),
        ("0X1F", 31),
        ("18446744073709551616", 1.8446744073709552e19),
        ("1e400", "1e400"),
        ("=", "="),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("!!binary aGVsbG8=", "hello"),
    ],
)
def test_how_a_scalar_is_read(written: str, expected: Any) -> None:
    assert value(written) == expected


def test_merge_keys_take_one_or_many_and_the_own_keys_win() -> None:
    (document,) = parse(
        "x-a: &a {one: a, two: a}\n"
        "x-b: &b {two: b, three: b}\n"
        "single: {<<: *a, one: own}\n"
        "many: {<<: [*a, *b]}\n",
        "f.yml",
    )
    assert document.data == {
        "single": {"one": "own", "two": "a"},
        "many": {"one": "a", "two": "a", "three": "b"},
    }


def test_extensions_at_the_top_are_dropped() -> None:
    (document,) = parse("x-anything: [1]\nservices: {}\n", "f.yml")
    assert document.data == {"services": {}}


def test_a_file_may_hold_several_documents() -> None:
    assert [d.data for d in parse("a: 1\n---\nb: 2\n---\n", "f.yml")] == [{"a": 1}, {"b": 2}]


def test_tags_of_compose_are_understood() -> None:
    (document,) = parse("a: !reset [1]\nb: !override {c: 1}\nd: {e: !reset null}\n", "f.yml")

    assert document.data == {"b": {"c": 1}, "d": {}}
    assert document.replaced == (("a",), ("b",), ("d", "e"))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a: 1\na: 2\n", "line 2, column 1: found duplicate key"),
        ("a: [1\n", "line 2"),
        ("\ta: 1\n", "line 1, column 1"),
        ("a: *nowhere\n", "undefined alias"),
        ("a: !unknown 1\n", "does not know the tag !unknown"),
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("- a\n", "must be a mapping"),
        ("text\n", "must be a mapping"),
        ("1: a\n", 'the key 1 is not text; write "1"'),
        ("a: .inf\n", "means nothing to Compose"),
        ("a: .nan\n", "means nothing to Compose"),
        ("a: !!set {x}\n", "means nothing to Compose"),
        ("a: &a [*a]\n", "contains itself"),
        ("a: " + "[" * 200 + "]" * 200, "nested too deeply"),
        ("a: " + "[" * 500 + "]" * 500, "nested too deeply"),
        ("a: " + "9" * 5000, "not YAML that can be read"),
        ("a: \x01\n", "not YAML that can be read"),
    ],
)
def test_what_cannot_be_read_is_said(written: str, said: str) -> None:
    with pytest.raises(ComposeError, match=r"^f\.yml: ") as caught:
        list(parse(written, "f.yml"))
    assert said in str(caught.value)


def test_a_bomb_of_aliases_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.compose.files._MOST_VALUES", 10_000)
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(ComposeError, match="aliases unfold"):
        list(parse(f"a0: &a0 [x]\n{levels}", "f.yml"))


def test_a_missing_file_points_at_what_lies_beside(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}")
    with pytest.raises(ComposeError, match=r"beside it lies compose\.yaml"):
        read(tmp_path / "docker-compose.yml", "docker-compose.yml")


def test_a_missing_file_with_nothing_beside_is_said(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match="there is no such file in"):
        read(tmp_path / "docker-compose.yml", "docker-compose.yml")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ComposeError, match="not UTF-8 text"):
        read(tmp_path / "f.yml", "f.yml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match="cannot be read"):
        read(tmp_path, "f.yml")
