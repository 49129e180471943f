"""Diagrams of lifecycles in documentation that Sphinx builds; takes ``pip install 'dockwarden[docs]'``.

In ``conf.py``::

    extensions = ["myst_parser", "engine.sphinx"]

Then a page may hold the directive, with a lifecycle as ``dockwarden diagram`` takes it::

    .. dockwarden-diagram:: mypackage.lifecycles:COOLING
       :all:

And in Markdown that ``dockwarden diagram --write`` keeps, the text between its markers is generated again:
tables as they are, all else as a picture, which needs no script in the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.application import Sphinx

from engine.cli.commands.diagram import block
from engine.cli.output.graphviz import draw_with_dot
from engine.cli.output.markdown_blocks import rewritten
from engine.control.lifecycles import find_lifecycle
from engine.errors import DockwardenError
from states import Lifecycle
from states.diagram import dark_rules, draw, to_dot

__all__ = ["LifecycleDiagram", "picture", "setup"]


class LifecycleDiagram(Directive):
    """A lifecycle as a picture that follows the page's colours."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Callable[[str], Any]]] = {
        "all": directives.flag,
        "brief": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """The picture; an error where there is no such lifecycle, or no Graphviz."""
        try:
            lifecycle = find_lifecycle(self.arguments[0])
            options = self.options
            html = picture(lifecycle, every="all" in options, brief="brief" in options)
        except DockwardenError as error:
            raise self.error(str(error)) from error
        return [nodes.raw("", html, format="html")]


def picture(lifecycle: Lifecycle, *, every: bool = False, brief: bool = False) -> str:
    """HTML of a diagram, dark where the page is, by preference or by the theme's own switch.

    Raises:
        MissingProgram: Graphviz is not installed.
    """
    svg = draw_with_dot(to_dot(draw(lifecycle, every=every, brief=brief)), "svg").decode()
    name = escape(f"The lifecycle {lifecycle.name}", quote=True)
    rules = f".dockwarden-diagram {{\n{dark_rules()}}}"
    return (
        f'<div class="dockwarden-diagram" role="img" aria-label="{name}" tabindex="0"'
        ' style="overflow-x: auto">\n'
        "<style>\n"
        ".dockwarden-diagram svg { min-width: 44rem }\n"
        f'@media (prefers-color-scheme: dark) {{ body:not([data-theme="light"]) {rules} }}\n'
        f'body[data-theme="dark"] {rules}\n'
        f"</style>\n{svg}</div>"
    )


def setup(app: Sphinx) -> Mapping[str, bool]:
    """Register the directives; Sphinx calls this."""
    app.add_directive("dockwarden-diagram", LifecycleDiagram)
    app.connect("source-read", _renew)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _renew(app: Sphinx, page: str, source: list[str]) -> None:
    """Generate the marked parts of a Markdown page again, diagrams as pictures."""
    file = str(app.env.doc2path(page))
    if file.endswith(".md"):
        source[0] = rewritten(source[0], _directive, file=file)


def _directive(words: str) -> str:
    table = block(words)  # what is wrong with the marker is found here
    _, lifecycle, form, *flags = words.split()
    if form == "table":
        return table
    options = "".join(f":{flag.removeprefix('--')}:\n" for flag in flags)
    return f"```{{dockwarden-diagram}} {lifecycle}\n{options}```\n"
