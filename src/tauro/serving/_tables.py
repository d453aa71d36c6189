"""Tables: frames of columns, and bodies in CSV, Parquet and Arrow."""

from __future__ import annotations

import csv
import io
import re
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from tauro.errors import TauroError, ValidationError
from tauro.flavors import ColumnSpec, ModelSignature
from tauro.serving._arrow import FILE, PARQUET, STREAM, read_arrow
from tauro.serving._check import Problems, list_categories, show, wanted

if TYPE_CHECKING:
    import pandas as pd

_INDEX: Final = re.compile(r"__index_level_\d+__")
"""What pandas calls the index of a frame in a file."""
_LONGEST: Final = 200
_WIDEST: Final = 1000
_EMPTY: Final = ["", "NA", "NaN", "nan", "None", "null"]
"""What stands for nothing in a CSV's column of anything but texts."""


def build_frame(specs: Sequence[ColumnSpec], columns: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return columns of checked values as a frame.

    A column's dtype follows from its type alone, never from the values that happen to be together
    in a batch: otherwise a row's prediction could depend on its neighbours.
    """
    import pandas as pd

    made: dict[str, Any] = {}
    for spec, values in zip(specs, columns, strict=True):
        optional = spec.nullable or not spec.required
        if spec.type == "float" or (spec.type == "integer" and optional):
            made[spec.name] = np.array(values, dtype=np.float64)
        elif spec.type == "integer":
            made[spec.name] = np.array(values, dtype=np.int64)
        elif spec.type == "boolean" and not optional:
            made[spec.name] = np.array(values, dtype=np.bool_)
        elif spec.type == "datetime":
            aware = any(value is not None and value.tzinfo is not None for value in values)
            made[spec.name] = pd.to_datetime(list(values), utc=aware)
        elif spec.type == "string":
            made[spec.name] = pd.array(list(values), dtype="str")
        else:
            made[spec.name] = pd.Series(list(values), dtype=object)
    return pd.DataFrame(made, copy=False)


def read_table(
    body: bytes, kind: str, columns: Sequence[ColumnSpec], most: int
) -> pd.DataFrame | None:
    """Return the frame of a body, None where the content type is not one of a table.

    Args:
        body: The bytes.
        kind: The content type.
        columns: What the model takes.
        most: Bytes that the table may take in memory.

    Raises:
        ValidationError: The body is not what its content type says.
        BodyTooLargeError: The table takes too much memory.
    """
    import pyarrow as pa

    try:
        if kind == "text/csv":
            return _read_csv(body, columns)
        if kind in (*PARQUET, STREAM, FILE):
            # What pandas noted in the schema comes from the client too, and is not needed.
            table = read_arrow(body, kind, most)
            _check_width(table.num_columns, columns)
            frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
            return frame.loc[:, [not _INDEX.fullmatch(str(name)) for name in frame.columns]]
    except (pa.ArrowException, OSError, ValueError, csv.Error, struct.error) as error:
        if isinstance(error, TauroError):
            raise
        raise ValidationError(f"The body is not {kind}: {error}.") from error
    return None


def _check_width(width: int, columns: Sequence[ColumnSpec]) -> None:
    most = max(_WIDEST, 2 * len(columns))
    if width > most:
        raise ValidationError(f"The table has {width:,} columns; at most {most:,} are looked at.")


def _read_csv(body: bytes, columns: Sequence[ColumnSpec]) -> pd.DataFrame:
    """Return a CSV's frame, its texts as they stand: `007` is no number, `NA` is not nothing."""
    import pandas as pd

    source = io.BytesIO(body)
    # Of a hundred thousand columns of one name pandas makes names for minutes.
    _check_width(len(next(csv.reader([body.partition(b"\n")[0].decode()]), ())), columns)
    if not columns:
        return pd.read_csv(source)
    texts = {column.name: "str" for column in columns if column.type == "string"}
    empty = {column.name: [""] if column.name in texts else _EMPTY for column in columns}
    return pd.read_csv(source, dtype=cast("Any", texts), na_values=empty, keep_default_na=False)


def check_table(
    frame: pd.DataFrame,
    columns: Sequence[ColumnSpec],
    categories: Mapping[str, frozenset[Any]],
    limit: int,
) -> pd.DataFrame:
    """Return a frame with the columns in their order.

    Raises:
        SignatureMismatchError: It does not fit; lists every problem up to the limit.
    """
    if not columns:
        return frame
    problems = Problems(limit)
    present, known = [str(name) for name in frame.columns], {column.name for column in columns}
    for name, count in Counter(present).items():
        if count > 1:
            problems.add(name, "one column", f"{count} of that name")
    problems.raise_any()
    unique = frozenset(present)
    for column in columns:
        if column.name not in unique:
            if column.required:
                others = (name for name in present if name not in known)
                problems.add(column.name, wanted(column), "no such column", column.name, others)
        elif column.name in categories:
            _check_categories(frame, column, categories[column.name], problems)
    for name in present:
        if name not in known:
            problems.add(name[:_LONGEST], "no such column", "a column", name, known)
    there = tuple(column for column in columns if column.name in unique)
    for found in ModelSignature(inputs=there).problems(frame):
        more = f" ({found.count} rows)" if found.count > 1 else ""
        problems.add(found.path.removeprefix("inputs."), found.expected, found.got + more)
    problems.raise_any()
    return frame[[column.name for column in there]]


def _check_categories(
    frame: pd.DataFrame, column: ColumnSpec, allowed: frozenset[Any], problems: Problems
) -> None:
    values = frame[column.name]
    wrong = ~(values.isin(list(allowed)) | values.isna()).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        value = values.iloc[row]
        more = f" ({int(wrong.sum())} rows)" if wrong.sum() > 1 else ""
        problems.add(f"{column.name}[{row}]", list_categories(allowed), show(value) + more)
