"""Results of campaigns as one tidy table, and comparisons of them.

>>> from engine.results import load
>>> rows = load(["results/kernels", "results/other/latest"])  # doctest: +SKIP
>>> frame = rows.to_pandas()  # doctest: +SKIP
"""

from engine.results.compare import Comparison, compare
from engine.results.load import COLUMNS, load
from engine.results.overview import overview
from engine.results.pictures import draw
from engine.results.rows import Row, Rows
from engine.results.tables import notes

__all__ = ["COLUMNS", "Comparison", "Row", "Rows", "compare", "draw", "load", "notes", "overview"]
