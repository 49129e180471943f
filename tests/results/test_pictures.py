"""Pictures of comparisons."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.errors import InputError, MissingExtra
from engine.results import Comparison, Rows, compare, draw
from engine.results.pages import to_html
from engine.results.pictures import to_svg
from tests.results.test_compare import ROWS, row

BARS = compare(ROWS, ["model", "backend"], ["tokens_per_s"])
TWO = compare(ROWS, ["backend", "model"], ["tokens_per_s", "duration_s"])
THREE = compare(ROWS, ["backend"], ["tokens_per_s", "duration_s", "duration_s"])

HOSTILE = compare(
    Rows.of([row("$\\frac{<b>&</b>\x00\u202e" + "x" * 500, 1)]), ["backend"], ["tokens_per_s"]
)


@pytest.mark.parametrize("comparison", [BARS, TWO, THREE, HOSTILE], ids=["1", "2", "3", "hostile"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_png_and_svg(comparison: Comparison, theme: str, tmp_path: Path) -> None:
    for form, begins in {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}.items():
        draw(comparison, tmp_path / f"x.{form}", theme=theme)
        assert (tmp_path / f"x.{form}").read_bytes().startswith(begins)


def test_a_png_is_1280_pixels_wide(tmp_path: Path) -> None:
    draw(BARS, tmp_path / "x.png")
    assert int.from_bytes((tmp_path / "x.png").read_bytes()[16:20]) == 1280


def test_the_same_comparison_gives_the_same_picture() -> None:
    assert to_svg(TWO) == to_svg(TWO)
    assert to_svg(TWO) != to_svg(TWO, theme="dark")


def test_what_is_too_much_to_be_read_is_refused() -> None:
    rows = Rows.of([row("a", n, **{"params.n": n}) for n in range(1, 500)])
    with pytest.raises(InputError, match="499 groups are too many for bars"):
        to_svg(compare(rows, ["n"], ["tokens_per_s"]))
    with pytest.raises(InputError, match="499 groups are too many for a picture"):
        to_svg(compare(rows, ["n"], ["tokens_per_s", "duration_s"]))


@pytest.mark.parametrize(
    ("file", "said"),
    [("x.gif", "does not end in .png, .svg or .pdf"), ("no/x.png", "cannot be written")],
)
def test_a_file_that_cannot_be(file: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        draw(BARS, tmp_path / file)


def test_without_matplotlib_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'dockwarden\[plot\]'"):
        draw(BARS, tmp_path / "x.png")
    assert "No picture: " in to_html(BARS)


def test_a_page_needs_nothing_else_and_takes_names_for_text() -> None:
    page = to_html(HOSTILE)
    assert "default-src 'none'" in page
    assert page.count("data:image/svg+xml") == 2
    assert "<b>" not in page
    assert "http" not in page.replace("http-equiv", "")
