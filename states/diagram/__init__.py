"""A lifecycle as a picture: text for Mermaid and Graphviz, a table in Markdown, plain data.

All of it is derived from the table, so that it cannot say anything else. This package only makes text;
drawing that with Graphviz takes a program, and is done elsewhere.
"""

from states.diagram.data import to_data
from states.diagram.dot import to_dot
from states.diagram.drawing import Arrow, Course, Drawing, Kind, Note, Role, Station, draw
from states.diagram.mermaid import to_mermaid
from states.diagram.palette import DARK, LIGHT, Theme, dark_rules, dark_style
from states.diagram.table import to_table

__all__ = [
    "DARK",
    "LIGHT",
    "Arrow",
    "Course",
    "Drawing",
    "Kind",
    "Note",
    "Role",
    "Station",
    "Theme",
    "dark_rules",
    "dark_style",
    "draw",
    "to_data",
    "to_dot",
    "to_mermaid",
    "to_table",
]
