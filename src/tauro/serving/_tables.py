"""Tables: frames of columns, and bodies in CSV, Parquet and Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tauro._internal._arrow import native_reader
from tauro._internal._close import did_you_mean
from tauro.errors import ValidationError
from tauro.flavors import ColumnSpec, ModelSignature
from tauro.serving._check import Problems, list_categories, show, wanted

if TYPE_CHECKING:
    import io

    import pandas as pd

_ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
_ARROW_FILE: Final = "application/vnd.apache.arrow.file"
_PARQUET: Final = ("application/vnd.apache.parquet", "application/x-parquet")


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


def read_table(source: io.BytesIO, kind: str) -> pd.DataFrame | None:
    """Return the frame of a body, None where the content type is not one of a table.

    Raises:
        ValidationError: The body is not what its content type says.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if kind == "text/csv":
            return pd.read_csv(source)
        if kind in _PARQUET:
            table = pq.read_table(native_reader(source.getvalue()))
        elif kind == _ARROW_STREAM:
            table = pa.ipc.open_stream(source).read_all()
        elif kind == _ARROW_FILE:
            table = pa.ipc.open_file(source).read_all()
        else:
            return None
        frame: pd.DataFrame = table.to_pandas()
    except (pa.ArrowException, OSError, ValueError, UnicodeError) as error:
        raise ValidationError(f"The body is not {kind}: {error}.") from error
    return frame


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
    for column in columns:
        if column.name not in present:
            if column.required:
                hints = did_you_mean(column.name, [p for p in present if p not in known])
                problems.add(column.name, wanted(column), "no such column", hints)
        elif column.name in categories:
            _check_categories(frame, column, categories[column.name], problems)
    for name in present:
        if name not in known:
            problems.add(name, "no such column", "a column", did_you_mean(name, known))
    there = tuple(column for column in columns if column.name in present)
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
