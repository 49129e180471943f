"""Reading the end of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtimes.process.files import tail


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        (b"", 3, []),
        (b"a\nb\nc\n", 2, ["b", "c"]),
        (b"a\nb\nc", 2, ["b", "c"]),
        (b"a\n", 5, ["a"]),
        (b"a\n", 0, []),
        (b"\xff\n", 1, ["\ufffd"]),
        (b"long " * 50_000 + b"\nlast\n", 1, ["last"]),
    ],
)
def test_the_last_lines(tmp_path: Path, text: bytes, lines: int, expected: list[str]) -> None:
    path = tmp_path / "log"
    path.write_bytes(text)
    assert tail(path, lines) == expected


def test_a_line_longer_than_a_block_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x\n" + b"y" * 200_000 + b"\n")
    assert tail(path, 1) == ["y" * 200_000]


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert tail(tmp_path / "none", 3) == []
