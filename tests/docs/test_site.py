"""The documentation as a site: built, and read in a real browser from the disk."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser import Page
from tests.pictures import FOLDER, pictures

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(page.relative_to(ROOT / "docs").with_suffix(".html")) for page in ROOT.glob("docs/**/*.md")
)
SHOWN = ["index.html", "faults.html", "command-line.html", "diagrams.html"]
"""Pages that show everything the theme and the generators make."""


@pytest.fixture(scope="module")
def site(graphviz: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning is an error, and a page that the navigation leaves out is a warning."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_the_navigation_takes_every_page(site: Path) -> None:
    index = (site / "index.html").read_text()
    sidebar = index[index.index("sidebar-tree") :]
    linked = set(re.findall(r'href="([^"#]+\.html)"', sidebar))
    assert set(PAGES) - {"index.html"} <= linked


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.glob("**/*.html"):
        fetched = re.findall(
            r'<(?:script|img|iframe|link)\b[^>]*(?:src|href)="(\w+:)?//[^"]*"', page.read_text()
        )
        assert fetched == [], page.name


def test_diagrams_are_pictures_made_anew(site: Path) -> None:
    text = (site / "index.html").read_text()
    assert 'class="dockwarden-diagram" role="img" aria-label="The lifecycle backend"' in text
    assert "flowchart TB" not in text


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", SHOWN)
def test_a_page_can_be_read(
    site: Path, browser: Page, script: Callable[[str], Path], name: str, width: int
) -> None:
    browser.size(width)
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        browser.open(site / name)
        assert browser.problems() == []
        wide = browser.run("return document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} pixels wide"
        browser.load(script("axe-core/axe.min.js"))
        found = browser.wait_for(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
            ".then(({violations}) => violations.map("
            "  one => [one.id, ...one.nodes.slice(0, 3).map(node => node.html.slice(0, 200))]))"
        )
        assert found == {"value": []}, scheme


def test_the_keyboard_reaches_the_search_the_pages_and_the_diagram(
    site: Path, browser: Page
) -> None:
    browser.size(1280)
    browser.open(site / "index.html")
    reached: list[str] = []
    for _ in range(80):
        browser.press("Tab")
        focused = browser.run(
            "const one = document.activeElement;"
            "return one.getAttribute('href') || one.className || one.tagName"
        )
        if focused == "BODY" and reached:
            break
        reached.append(focused)
    assert "sidebar-search" in reached
    assert "getting-started.html" in reached
    assert "dockwarden-diagram" in reached


def test_the_search_finds_without_a_network(site: Path, browser: Page) -> None:
    browser.open(site / "search.html", query="q=backoff")
    found = browser.wait_for(
        "new Promise(resolve => {"
        "  const look = () => {"
        "    const links = document.querySelectorAll('.search li a');"
        "    links.length ? resolve(links.length) : requestAnimationFrame(look)};"
        "  look()})"
    )
    assert found["value"] > 0
    assert browser.problems() == []


CHARTS = ("compare-", "tutorial-")
"""Pictures of measurements, drawn by ``dockwarden compare``."""


@pytest.mark.usefixtures("graphviz")
def test_the_pictures_show_what_the_table_says() -> None:
    made = pictures()
    names = {file.name for file in FOLDER.iterdir()}
    assert {name for name in names if not name.startswith(CHARTS)} == made.keys()
    for name, picture in made.items():
        assert _words((FOLDER / name).read_text()) == _words(picture.decode()), (
            f"{name}: draw it again: make pictures"
        )


def _words(svg: str) -> list[str]:
    """All texts in a picture, regardless of the version of Graphviz that laid it out."""
    return sorted(re.findall(r"<text[^>]*>([^<]*)</text>", svg))
