"""A table of results: a sequence of rows, each a mapping of columns, for any library.

Nothing but the standard library is needed for the rows themselves, CSV and JSON. pandas, polars and
pyarrow are imported when they are asked for.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from attrs import field, frozen

from engine.campaign.runs.selection import text_of
from engine.errors import InputError, MissingExtra
from engine.util.printable import printable_cell

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Row", "Rows"]

Row = Mapping[str, Any]
"""One row: each value by its column; what is not known is None, or is not there."""

_LARGEST: Final = 2**63 - 1
"""The largest integer of a column of integers."""


@frozen
class Rows(Sequence[Row]):
    """A table of results; one row for each attempt, and for each run that had none.

    Attributes:
        columns: the names of the columns, in order.
    """

    _rows: tuple[Row, ...] = field(repr=False)
    columns: tuple[str, ...]

    @classmethod
    def of(cls, rows: Sequence[Row], first: Sequence[str] = ()) -> Rows:
        """A table of these rows.

        Args:
            first: the columns that are always there, and come first.
        """
        named = dict.fromkeys(first)
        for row in rows:
            named.update(dict.fromkeys(row))
        return cls(tuple(rows), tuple(named))

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> Row | Rows:
        if isinstance(index, slice):
            return Rows(self._rows[index], self.columns)
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def column(self, name: str) -> list[Any]:
        """The values of one column, in the order of the rows.

        They are of one kind: integers, floating-point numbers, booleans, moments or text. Where a column
        holds several kinds, or structures, all of its values become text (structures as JSON).
        """
        return _of_one_kind([row.get(name) for row in self._rows])

    # As text

    def to_csv(self, file: Path | str | None = None) -> str:
        """The table as CSV, for spreadsheets too: RFC 4180 with line feeds, UTF-8, moments in ISO 8601.

        Text that a spreadsheet would take for a formula gets an apostrophe in front.

        Args:
            file: where it is written as well; None for nowhere.

        Raises:
            InputError: the file cannot be written.
        """
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow([printable_cell(name) for name in self.columns])
        for row in self._rows:
            writer.writerow([_cell(row.get(name)) for name in self.columns])
        text = written.getvalue()
        if file is not None:
            _write(Path(file), text.encode())
        return text

    def to_json(self, *, lines: bool = False) -> str:
        """The table as JSON: a list of objects, or one object on each line; moments in ISO 8601."""
        encode = json.JSONEncoder(default=_json).encode
        rows = [
            encode({name: _finite(row.get(name)) for name in self.columns}) for row in self._rows
        ]
        if lines:
            return "".join(f"{row}\n" for row in rows)
        between = ",\n"
        return f"[\n{between.join(rows)}\n]\n" if rows else "[]\n"

    # As tables of other libraries

    def to_pandas(self) -> pd.DataFrame:
        """The table as a DataFrame of pandas.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra("a pandas DataFrame", "pandas") from error
        made = {}
        for name in self.columns:
            values = self.column(name)
            kind = _kind(values)
            if kind is int or kind is bool:  # None stays missing, and the rest stays what it is
                dtype = "Int64" if kind is int else "boolean"
                made[name] = pd.array(values, dtype=dtype)
            elif kind is datetime:
                made[name] = pd.to_datetime(pd.Series(values), utc=True)
            else:
                made[name] = pd.Series(values, dtype="float64" if kind is float else "object")
        return pd.DataFrame(made, columns=list(self.columns))

    def to_polars(self) -> pl.DataFrame:
        """The table as a DataFrame of polars.

        Raises:
            MissingExtra: polars is not installed.
        """
        try:
            import polars as pl
        except ImportError as error:
            raise MissingExtra("a polars DataFrame", "polars") from error
        kinds: Mapping[type | None, Any] = {
            int: pl.Int64,
            float: pl.Float64,
            bool: pl.Boolean,
            datetime: pl.Datetime("us", "UTC"),
            str: pl.String,
            None: pl.String,
        }
        columns = {name: self.column(name) for name in self.columns}
        return pl.DataFrame(
            [pl.Series(name, values, kinds[_kind(values)]) for name, values in columns.items()]
        )

    def to_arrow(self) -> pa.Table:
        """The table as a Table of pyarrow.

        Raises:
            MissingExtra: pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise MissingExtra("an Arrow table, and Parquet,", "parquet") from error
        kinds: Mapping[type | None, Any] = {
            int: pa.int64(),
            float: pa.float64(),
            bool: pa.bool_(),
            datetime: pa.timestamp("us", tz="UTC"),
            str: pa.string(),
            None: pa.string(),
        }
        columns = {name: self.column(name) for name in self.columns}
        return pa.table(
            {name: pa.array(values, kinds[_kind(values)]) for name, values in columns.items()}
        )

    def to_parquet(self, file: Path | str) -> None:
        """Write the table as a Parquet file.

        Raises:
            MissingExtra: pyarrow is not installed.
            InputError: the file cannot be written.
        """
        table = self.to_arrow()
        import pyarrow.parquet as pq

        written = io.BytesIO()
        pq.write_table(table, written)
        _write(Path(file), written.getvalue())


def _of_one_kind(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and all(value is None or abs(value) <= _LARGEST for value in values):
        return values
    if kinds and kinds <= {int, float}:
        with contextlib.suppress(OverflowError):  # a number of hundreds of digits stays text
            return [None if value is None else float(value) for value in values]
    if kinds <= {bool} or kinds <= {datetime}:
        return values
    return [value if value is None else _text(value) for value in values]


def _kind(values: Sequence[Any]) -> type | None:
    """Return the type of a column's values; None if it is empty."""
    return next((type(value) for value in values if value is not None), None)


def _text(value: Any) -> str:
    """A value as text that every encoding takes: half of a surrogate pair becomes ``?``."""
    text = value.isoformat() if isinstance(value, datetime) else text_of(value)
    return str(text).encode(errors="replace").decode()


def _cell(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return printable_cell(_text(value))


def _finite(value: Any) -> Any:
    """A value as JSON can hold it, which knows neither infinity nor NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror or error}; name another file"
        ) from error
