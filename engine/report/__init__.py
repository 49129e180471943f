"""A campaign's report, from its journal: one HTML page, or JSON, CSV, Markdown.

:func:`gather` reads a journal into a :class:`Report`, which is plain data; each renderer makes a text of
it. All values from the journal are treated as text, never as markup.
"""

from engine.report.gather import gather
from engine.report.model import Report
from engine.report.page import to_html
from engine.report.tables import to_csv, to_json, to_markdown

__all__ = ["Report", "gather", "to_csv", "to_html", "to_json", "to_markdown"]
