"""A comparison as one HTML page that needs nothing else; the report has the same part."""

from __future__ import annotations

import base64
from html import escape
from typing import Final

from engine.errors import InputError, MissingExtra
from engine.results.compare import Comparison, Metric
from engine.results.pictures import to_svg
from engine.results.tables import cells, headings, notes
from engine.util.printable import printable
from states.diagram import DARK, LIGHT

__all__ = ["section", "to_html"]

_STYLE: Final = f"""
:root {{ color-scheme: light dark; --page: {LIGHT.page}; --text: {LIGHT.text}; --quiet: {LIGHT.quiet}; --line: #d1d9e0; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --page: {DARK.page}; --text: {DARK.text}; --quiet: {DARK.quiet}; --line: #3d444d; }}
}}
body {{ margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.4rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
img {{ max-width: 100%; width: 40rem; height: auto; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }}
.number {{ text-align: right; }}
.notes {{ color: var(--quiet); font-size: 0.9rem; }}
"""


def to_html(comparison: Comparison) -> str:
    """A comparison as one HTML page, bright or dark as the reader's browser wants it."""
    title = f"{', '.join(one.name for one in comparison.metrics)} by {', '.join(comparison.by)}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:;'
        " style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{_text(title)}</h1>\n{section(comparison)}</body>\n</html>\n"
    )


def section(comparison: Comparison, heading: str = "h2") -> str:
    """The pictures, tables and notes of a comparison as markup; all of its text is escaped.

    Args:
        heading: the element that stands above each table.
    """
    tables = "".join(_table(comparison, metric, heading) for metric in comparison.metrics)
    said = "".join(f"<p>{_text(note)}</p>\n" for note in notes(comparison))
    return f'{_picture(comparison)}{tables}<div class="notes">\n{said}</div>\n'


def _table(comparison: Comparison, metric: Metric, heading: str) -> str:
    words = max(len(comparison.by), 1)

    def row(tag: str, values: tuple[str, ...]) -> str:
        numbers = (f"{tag} class=number" if at >= words else tag for at in range(len(values)))
        made = (
            f"<{opening}>{_text(value)}</{tag}>"
            for opening, value in zip(numbers, values, strict=True)
        )
        return f"<tr>{''.join(made)}</tr>\n"

    rows = "".join(
        row("td", cells(comparison, group, figures))
        for group, figures in comparison.compared(metric)
    )
    return (
        f"<{heading}>{_text(metric.title)}</{heading}>\n"
        f'<div class="wide" role="region" aria-label="{_text(metric.title)}" tabindex="0"><table>\n<thead>\n'
        f"{row('th', headings(comparison))}</thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )


def _picture(comparison: Comparison) -> str:
    """Draw the comparison for light and dark pages, or say why it is not drawn."""
    try:
        light, dark = (_data(to_svg(comparison, theme=theme)) for theme in ("light", "dark"))
    except (InputError, MissingExtra) as error:
        return f'<p class="notes">No picture: {_text(str(error))}.</p>\n'
    names = ", ".join(metric.title for metric in comparison.metrics)
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{_text(names)}; the tables below have the same figures"></picture>\n'
    )


def _data(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _text(words: str) -> str:
    return escape(printable(words))
