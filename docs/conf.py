"""How Sphinx builds these pages; ``make docs``."""
# ruff: noqa: INP001, A001 - the names are Sphinx's

from __future__ import annotations

import re
from importlib.metadata import version as version_of
from typing import Any

from sphinx.application import Sphinx

project = "dockwarden"
author = "The dockwarden authors"
copyright = author
release = version_of("dockwarden")

extensions = ["myst_parser", "engine.sphinx"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

smartquotes = False  # options begin with two hyphens

html_theme = "furo"
html_title = "dockwarden"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("source-read", _with_every_page)
    app.connect("source-read", _without_sources)
    app.connect("html-page-context", _accessible, priority=900)  # after the theme


def _with_every_page(app: Sphinx, page: str, source: list[str]) -> None:
    """In the index, the line ``...`` stands for all pages at the top that it does not name itself."""
    if page == app.config.root_doc:
        named = set(source[0].splitlines())
        rest = sorted(name for name in app.env.found_docs - named - {page} if "/" not in name)
        source[0] = source[0].replace("\n...\n", "\n" + "\n".join(rest) + "\n")


def _without_sources(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Links to what is in the repository, and not on the site, become text."""
    source[0] = re.sub(r"\[([^\]]+)\]\((?:\.\./)+[^)]*\)", r"\1", source[0])


def _accessible(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doc: Any
) -> None:
    """What Sphinx leaves out: the level of captions, and a way by keyboard into what scrolls."""
    for part in ("body", "furo_navigation_tree"):
        context[part] = (
            context.get(part, "")
            .replace('role="heading">', 'role="heading" aria-level="2">')
            .replace("<pre>", '<pre tabindex="0">')
            .replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')
        )
