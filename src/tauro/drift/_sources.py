"""Frames of any kind, read column by column.

A source gives each column as a numpy array or as Arrow data; ``_columns`` makes samples of them.
Parquet files are read one column at a time, so that memory holds a few columns, not the table.
"""

from __future__ import annotations

import glob
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tauro.errors import (
    DriftColumnsError,
    DriftEmptyError,
    DriftInputError,
    DriftMixedTypesError,
    DriftTypeError,
)

Raw: TypeAlias = "NDArray[Any] | pa.ChunkedArray"
"""A column as it came: a one-dimensional numeric numpy array, or Arrow data of any type."""


class Source(Protocol):
    """A table whose columns are read one at a time, from any thread."""

    @property
    def names(self) -> Sequence[str]:
        """The columns, in order."""

    @property
    def rows(self) -> int:
        """How many rows each column has."""

    def read(self, name: str) -> Raw:
        """Return a column."""

    def chunks(self, name: str, rows: int) -> Iterator[Raw]:
        """Yield a column in parts of about so many rows, where it need not be read whole."""


class _InMemory(ABC):
    """A table in memory, whose columns come whole."""

    @abstractmethod
    def read(self, name: str) -> Raw: ...

    def chunks(self, name: str, rows: int) -> Iterator[Raw]:
        del rows
        yield self.read(name)


class _Columns(_InMemory):
    """Columns in memory: a mapping of names to whatever Arrow or numpy can read."""

    def __init__(self, columns: Mapping[str, Any], side: str) -> None:
        self._columns = columns
        self._side = side
        for name, column in columns.items():
            if isinstance(column, (str, bytes, Mapping)) or not hasattr(column, "__len__"):
                raise DriftInputError(
                    f"Column {name!r} of the {side} data is {_describe(column)}, which is not a "
                    "list of values.",
                    suggestions=["Give every column as a list or array, one value a row."],
                )
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise DriftInputError(
                f"The columns of the {side} data have different lengths: "
                + ", ".join(f"{name!r} {length:,}" for name, length in list(lengths.items())[:6]),
                suggestions=["Give columns of one table: as many values in each."],
            )
        self.rows = next(iter(lengths.values()), 0)

    @property
    def names(self) -> Sequence[str]:
        return list(self._columns)

    def read(self, name: str) -> Raw:
        return to_raw(self._columns[name], name, self._side)


class _Pandas(_InMemory):
    def __init__(self, frame: Any, side: str) -> None:
        self._side = side
        self.names = _distinct([str(name) for name in frame.columns], side)
        # Made once: looking a column up by its place takes 50 µs, as long as a tenth of its test.
        self._columns = dict(zip(self.names, (column for _, column in frame.items()), strict=True))
        self.rows = len(frame)

    def read(self, name: str) -> Raw:
        return to_raw(self._columns[name], name, self._side)


class _Polars(_InMemory):
    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.names = list(frame.columns)
        self.rows = frame.height

    def read(self, name: str) -> Raw:
        return pa.chunked_array(self._frame.get_column(name).to_arrow())


class _Arrow(_InMemory):
    def __init__(self, table: pa.Table, side: str) -> None:
        self._table = table
        self.names = _distinct(_names(table.schema), side)
        self.rows = table.num_rows

    def read(self, name: str) -> Raw:
        return self._table.column(name)


class _Parquet:
    """Parquet files; each read opens them anew, because a reader is not safe in several threads."""

    def __init__(self, paths: Sequence[str], side: str) -> None:
        import pyarrow.parquet as pq

        self._side = side
        self._open = pq.ParquetFile
        self._files = [(path, pq.read_metadata(path)) for path in paths]
        self.names = _distinct(self._names_in(0), side)
        for place, path in enumerate(paths):
            if set(self._names_in(place)) != set(self.names):
                raise DriftColumnsError(
                    f"The files {paths[0]!r} and {path!r} of the {side} data have different "
                    "columns.",
                    suggestions=["Put the files of one table into a folder of their own."],
                )
        self.rows = sum(metadata.num_rows for _, metadata in self._files)

    def _names_in(self, place: int) -> list[str]:
        return _names(self._files[place][1].schema.to_arrow_schema())

    def read(self, name: str) -> Raw:
        parts = [self._read(path, metadata, name) for path, metadata in self._files]
        try:
            # Files written apart may hold a column as whole numbers here and with gaps there.
            return pa.concat_tables(parts, promote_options="permissive").column(0)
        except pa.ArrowException as error:
            raise DriftTypeError(
                f"Column {name!r} of the {self._side} data is of different types in its files: "
                f"{error}"
            ) from error

    def _read(self, path: str, metadata: Any, name: str) -> pa.Table:
        with self._reading(path, metadata) as file:
            return file.read(columns=[name], use_threads=False).select([name])

    def chunks(self, name: str, rows: int) -> Iterator[Raw]:
        for path, metadata in self._files:
            with self._reading(path, metadata) as file:
                for batch in file.iter_batches(rows, columns=[name], use_threads=False):
                    yield pa.chunked_array(batch.column(name))

    @contextmanager
    def _reading(self, path: str, metadata: Any) -> Iterator[Any]:
        with (
            _reading(path, self._side),
            self._open(path, metadata=metadata, memory_map=True) as file,
        ):
            yield file


@contextmanager
def _reading(path: str, side: str) -> Iterator[None]:
    """Name the file where what is in it cannot be read."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DriftInputError(f"The {side} data {path!r} cannot be read: {error}") from error


def open_source(data: Any, side: str) -> Source:
    """Return a source over a frame, an array, a mapping, or the path of a Parquet or CSV file.

    Args:
        data: pandas, polars or Arrow table; numpy array of one or two dimensions; mapping of names
            to columns; a Series or list, which is one column ``value``; a path.
        side: ``reference`` or ``current``, for messages.

    Raises:
        DriftInputError: It is none of these.
        DriftEmptyError: It has no rows or no columns.
    """
    source = _open(data, side)
    if not source.names or not source.rows:
        what = "no columns" if not source.names else "no rows"
        raise DriftEmptyError(
            f"The {side} data has {what}.",
            suggestions=["Check the query or file it comes from; drift needs rows on both sides."],
        )
    return source


def _open(data: Any, side: str) -> Source:
    if isinstance(data, (str, os.PathLike)):
        return _open_path(os.fspath(data), side)
    if isinstance(data, (pa.Table, pa.RecordBatch)):
        return _Arrow(pa.table(data) if isinstance(data, pa.RecordBatch) else data, side)
    kind = f"{type(data).__module__.partition('.')[0]}.{type(data).__name__}"
    if kind == "pandas.DataFrame":
        return _Pandas(data, side)
    if kind == "polars.LazyFrame":
        return _Polars(data.collect())
    if kind == "polars.DataFrame":
        return _Polars(data)
    if kind in {"pandas.Series", "polars.Series"}:
        return _Columns({str(data.name) if data.name is not None else "value": data}, side)
    if isinstance(data, Mapping):
        names = _distinct([str(name) for name in data], side)
        return _Columns(dict(zip(names, data.values(), strict=True)), side)
    if isinstance(data, np.ndarray) and data.ndim in {1, 2} and data.dtype.names is None:
        data = data if isinstance(data, np.ma.MaskedArray) else np.asarray(data)
        if data.ndim == 1:
            return _Columns({"value": data}, side)
        return _Columns({f"column_{i}": data[:, i] for i in range(data.shape[1])}, side)
    if isinstance(data, (list, tuple)):
        return _open_list(data, side)
    raise DriftInputError(
        f"The {side} data is {_describe(data)}, which is not a table.",
        suggestions=[
            "Give a pandas, polars or Arrow table, a numpy array, or a mapping of names to lists.",
            "Or give the path of a .parquet or .csv file.",
        ],
    )


def _open_list(data: Sequence[Any], side: str) -> Source:
    first = data[0] if data else None
    if not isinstance(first, (Mapping, list, tuple)):
        return _Columns({"value": data}, side)
    row_type = Mapping if isinstance(first, Mapping) else Sequence
    for place, row in enumerate(data):
        if isinstance(row, str) or not isinstance(row, row_type):
            raise DriftInputError(
                f"Row 0 of the {side} data is {_describe(first)}, row {place:,} {_describe(row)}.",
                suggestions=["Give a list of mappings, or of lists of as many values."],
            )
    if isinstance(first, Mapping):
        names = list(dict.fromkeys(name for row in data for name in row))
        return _open({name: [row.get(name) for row in data] for name in names}, side)
    if len({len(row) for row in data}) > 1:
        raise DriftInputError(
            f"The rows of the {side} data have different lengths.",
            suggestions=["Give as many values in each row."],
        )
    columns = zip(*data, strict=True)
    return _Columns({f"column_{i}": list(column) for i, column in enumerate(columns)}, side)


def _open_path(path: str, side: str) -> Source:
    if os.path.isdir(path):
        return _open_folder(path, side)
    if not os.path.isfile(path):
        raise DriftInputError(
            f"The {side} data {path!r} is not a file.",
            suggestions=["Give the path of a .parquet or .csv file, or of a folder of Parquet."],
        )
    suffix = os.path.splitext(path.removesuffix(".gz"))[1].lower()
    with _reading(path, side):
        if suffix in {".parquet", ".pq"}:
            return _Parquet([path], side)
        if suffix in {".csv", ".tsv"}:
            return _Arrow(_read_csv(path, suffix), side)
    raise DriftInputError(
        f"The {side} data {path!r} has the suffix {suffix!r}; .parquet, .pq, .csv, .tsv are read.",
        suggestions=["Read it with pandas and give the frame."],
    )


def _open_folder(path: str, side: str) -> Source:
    """Open the Parquet files of a folder, as Spark and others write a table, as one table."""
    paths = sorted(glob.glob(os.path.join(glob.escape(path), "**", "*.parquet"), recursive=True))
    paths = [one for one in paths if not os.path.basename(one).startswith(("_", "."))]
    if not paths:
        raise DriftInputError(f"The folder {path!r} of the {side} data holds no .parquet file.")
    with _reading(path, side):
        return _Parquet(paths, side)


def _read_csv(path: str, suffix: str) -> pa.Table:
    from pyarrow import csv

    return csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter="\t" if suffix == ".tsv" else ","),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),
    )


def _names(schema: pa.Schema) -> list[str]:
    """Return the columns without those in which pandas keeps an index: it is none of the data."""
    index = (schema.pandas_metadata or {}).get("index_columns", ())
    return [name for name in schema.names if name not in index]


def _distinct(names: list[str], side: str) -> list[str]:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DriftColumnsError(
            f"The {side} data has several columns named {', '.join(map(repr, twice))}.",
            suggestions=["Give every column a name of its own."],
        )
    return names


def to_raw(column: Any, name: str, side: str) -> Raw:
    """Return a column as a numeric numpy array where it is one, otherwise as Arrow data.

    Raises:
        DriftMixedTypesError: Objects of several types.
        DriftTypeError: Objects that are no value of a table.
    """
    if isinstance(column, (pa.Array, pa.ChunkedArray)):
        return pa.chunked_array(column) if isinstance(column, pa.Array) else column
    dtype = getattr(column, "dtype", None)
    if isinstance(column, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(column)
        return pa.chunked_array(pa.array(column.data, mask=mask, from_pandas=True))
    if isinstance(dtype, pd.SparseDtype):
        column = np.asarray(column)
        dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iufbM":
        array = column.to_numpy() if hasattr(column, "to_numpy") else column
        if array.ndim == 1:
            return np.asarray(array)
    if hasattr(column, "to_arrow"):
        return pa.chunked_array(column.to_arrow())
    try:
        converted = pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _object_error(column, name, side) from error
    return converted if isinstance(converted, pa.ChunkedArray) else pa.chunked_array(converted)


def to_series(raw: Raw, rows: NDArray[np.int64]) -> pd.Series[Any]:
    """Return some rows of a column as a pandas Series."""
    if isinstance(raw, np.ndarray):
        return pd.Series(raw[rows])
    column = raw.combine_chunks() if raw.num_chunks != 1 else raw.chunk(0)
    column = column.take(pa.array(rows))
    if pa.types.is_time(column.type):  # pandas has no type for times of day
        column = column.cast(pa.time64("ns")).cast(pa.int64())
    series: pd.Series[Any] = column.to_pandas()
    return series


def _object_error(column: Any, name: str, side: str) -> DriftTypeError | DriftMixedTypesError:
    kinds: dict[str, int] = {}
    for value in column:
        if value is not None and value == value:  # noqa: PLR0124 - NaN is not equal to itself
            kinds[type(value).__name__] = kinds.get(type(value).__name__, 0) + 1
    shown = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    if len(kinds) > 1:
        return DriftMixedTypesError(
            f"Column {name!r} of the {side} data holds values of several types: {shown}.",
            context={"column": name, "side": side, "types": kinds},
            suggestions=[f"Convert it to one type, for example frame[{name!r}].astype(str)."],
        )
    return DriftTypeError(
        f"Column {name!r} of the {side} data holds {shown}, which cannot be compared.",
        context={"column": name, "side": side, "types": kinds},
        suggestions=["Give numbers, text, booleans or dates, or leave the column out."],
    )


def _describe(data: Any) -> str:
    if data is ...:
        return "an Ellipsis"
    if data is None:
        return "None"
    module = type(data).__module__
    name = type(data).__qualname__
    shape = getattr(data, "shape", None)
    prefix = "" if module in {"builtins", "__main__"} or module not in sys.modules else f"{module}."
    return f"a {prefix}{name}" + (f" of shape {shape}" if shape is not None else "")
