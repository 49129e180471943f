"""Environment files, by Compose's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.compose.environment import EnvFileError, read_env_file, read_raw_env_file

OUTER = {"HOME": "/root", "A": "outer"}


def read(tmp_path: Path, text: str) -> dict[str, str | None]:
    file = tmp_path / "some.env"
    file.write_text(text, encoding="utf-8")
    return read_env_file(file, OUTER.get)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("V=plain", "plain"),
        ("V= spaces around ", "spaces around"),
        ("export V=exported", "exported"),
        ("V =before", "before"),
        ("V=", ""),
        ("V\n", None),
        ("V: as in YAML", "as in YAML"),
        ("V:a:b=c", "a:b=c"),
        ("V= # no comment", "# no comment"),
        ("V=a#b", "a#b"),
        ("V=a # comment", "a"),
        ('V="a" # comment', "a"),
        ("V=a=b=c", "a=b=c"),
        ("V=$A ${A}", "outer outer"),
        ("V=${NOWHERE:-default} tail", "default tail"),
        ("V=$NOWHERE.x", ".x"),
        ("V=$$A", "$A"),
        ('V="$$A"', "$A"),
        ('V="dq $A \\$A"', "dq outer $A"),
        ("V='sq $A'", "sq $A"),
        ('V="a\\tb\\"c"', 'a\tb"c'),
        ("V=a\\nb", "a\\nb"),
        ("V='{\"a\": 1}'", '{"a": 1}'),
        ('V="two\nlines"', "two\nlines"),
        ("V=é", "é"),
    ],
)
def test_what_a_line_says(tmp_path: Path, line: str, value: str | None) -> None:
    assert read(tmp_path, line) == {"V": value}


def test_a_variable_may_use_those_above_it(tmp_path: Path) -> None:
    assert read(tmp_path, "B=b\nC=${B}c\n") == {"B": "b", "C": "bc"}


def test_the_outer_environment_wins_where_variables_are_put_in(tmp_path: Path) -> None:
    assert read(tmp_path, "A=mine\nV=$A\n") == {"A": "mine", "V": "outer"}


def test_comments_and_blank_lines_say_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "# a comment\n\nA=1\n") == {"A": "1"}


@pytest.mark.parametrize("text", ["A=1\nnot a line\n", "A=1\n='x'\n", 'A=1\nB="open\n'])
def test_a_line_that_says_nothing_known_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(EnvFileError, match=r"some\.env, line 2"):
        read(tmp_path, text)


def test_a_required_variable_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(EnvFileError, match=r"line 1: the variable X is required"):
        read(tmp_path, "A=${X:?no}\n")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "some.env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(EnvFileError, match="not UTF-8"):
        read_env_file(tmp_path / "some.env", OUTER.get)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvFileError, match="cannot be read"):
        read_env_file(tmp_path, OUTER.get)


def test_in_a_raw_file_nothing_has_a_meaning(tmp_path: Path) -> None:
    file = tmp_path / "raw.env"
    file.write_text("# c=d\n A='$B' # not a comment\r\nBARE\nHOME\nD= \x1e\u2028\n")
    assert read_raw_env_file(file, OUTER.get) == {
        "A": "'$B' # not a comment",
        "HOME": "/root",
        "D": " \x1e\u2028",
    }


@pytest.mark.parametrize("line", ["=b", "A =b", "A b", "export A=b"])
def test_an_odd_name_in_a_raw_file_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "raw.env").write_text(f"A=1\n{line}\n")
    with pytest.raises(EnvFileError, match="line 2"):
        read_raw_env_file(tmp_path / "raw.env", OUTER.get)
