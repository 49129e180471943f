"""The directive, in another project's documentation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def build(folder: Path, page: str) -> tuple[str, str]:
    """The HTML of a page, and what Sphinx said."""
    (folder / "conf.py").write_text("extensions = ['engine.sphinx']")
    (folder / "index.rst").write_text(f"Title\n=====\n\n{page}\n")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-b", "html", folder, folder / "out"],
        capture_output=True,
        text=True,
        check=True,
    )
    return (folder / "out" / "index.html").read_text(), done.stderr


@pytest.mark.usefixtures("graphviz")
@pytest.mark.parametrize(
    ("options", "shown", "left_out"),
    [
        ("", "proved ready and idle", "◉"),
        ("   :brief:", "dispatch", "proved ready and idle"),
        ("   :all:", "removal failed", "from every state but"),
    ],
)
def test_draws(tmp_path: Path, options: str, shown: str, left_out: str) -> None:
    html, said = build(tmp_path, f".. dockwarden-diagram:: backend\n{options}")
    assert said == ""
    assert 'aria-label="The lifecycle backend"' in html
    assert shown in html.replace("&#160;", " ")
    assert left_out not in html


def test_names_a_lifecycle_that_is_not_there(tmp_path: Path) -> None:
    _, said = build(tmp_path, ".. dockwarden-diagram:: backed")
    assert "did you mean 'backend'?" in said
