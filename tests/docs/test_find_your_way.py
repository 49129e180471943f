"""The page that names a module for each question names modules that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ("docs/architecture.md", "docs/find-your-way.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_it_names_is_there(page):
    named = re.findall(r"`((?:engine|states)/[\w/]*(?:\.py)?)`", (ROOT / page).read_text())
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_layer_is_in_the_page_and_every_package_in_a_layer():
    page = (ROOT / PAGES[0]).read_text()
    there = {
        f"engine.{one.stem}"
        for one in (ROOT / "engine").iterdir()
        if (one.suffix == ".py" or (one / "__init__.py").exists())
        and one.stem not in ("__init__", "_moved", "leash")
    }
    assert {name for name in there if f"`{name}`" not in page} == set()
