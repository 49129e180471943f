"""Pictures of comparisons."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from engine.errors import InputError, MissingExtra
from engine.results import Comparison, Rows, compare, draw
from engine.results.pages import to_html
from engine.results.pictures import _figure, to_svg
from engine.util.statistics import spread_of
from tests.results.test_compare import ROWS, row

BARS = compare(ROWS, ["model", "backend"], ["tokens_per_s"])
TWO = compare(ROWS, ["backend", "model"], ["tokens_per_s", "duration_s"])
THREE = compare(
    Rows.of([{**one, "ran_s": 1.0} for one in ROWS]),
    ["backend"],
    ["tokens_per_s", "duration_s", "ran_s"],
)

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


def labels(svg: str) -> set[str]:
    """The texts of a picture: Matplotlib names each of them in a comment."""
    return set(re.findall(r"<!-- (point\d+) -->", svg))


def test_names_of_points_do_not_cover_one_another() -> None:
    def points(apart: float) -> set[str]:
        rows = Rows.of(
            [
                row("a", n * apart + 1, **{"params.p": f"point{n}", "duration_s": 9.0 - n * apart})
                for n in range(9)
            ]
        )
        return labels(to_svg(compare(rows, ["backend", "p"], ["tokens_per_s", "duration_s"])))

    assert len(points(1)) == 9
    assert 1 <= len(points(0)) <= 4  # one on each side of the place that all are at


@pytest.mark.parametrize(("value", "side"), [(-3.0, "right"), (3.0, "left"), (0.0, "left")])
def test_a_figure_stands_at_the_far_end_of_its_bar(value: float, side: str) -> None:
    axes = Figure().subplots()
    _figure(axes, spread_of([value] * 3), 0, beside=0.1)
    (text,) = axes.texts
    assert text.get_horizontalalignment() == side
    assert abs(text.get_position()[0]) == pytest.approx(abs(value) + 0.1)


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
