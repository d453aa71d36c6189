"""Data as users hand it to a model, to a frame with the signature's columns or to arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tauro._internal._close import did_you_mean
from tauro.errors import SignatureMismatchError
from tauro.flavors._columns import Category, ColumnSpec
from tauro.flavors._types import ColumnType, type_of_kind

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_INFERRED: Final[dict[str, ColumnType]] = {
    "string": "string",
    "integer": "integer",
    "integer-na": "integer",
    "floating": "float",
    "mixed-integer-float": "float",
    "boolean": "boolean",
    "bytes": "binary",
    "datetime": "datetime",
    "datetime64": "datetime",
    "date": "datetime",
}


def is_frame(data: Any) -> bool:
    """Tell whether data is a pandas frame, without importing pandas for what is none."""
    return type(data).__name__ == "DataFrame" and type(data).__module__.startswith("pandas")


def as_table(data: Any) -> Any:
    """Return data as a pandas frame where it has columns or rows of names, else unchanged.

    Frames of other libraries are converted by their own ``to_pandas``; a record or a list of
    records becomes a frame, and so does a mapping of columns.
    """
    if is_frame(data) or type(data).__module__.partition(".")[0] == "numpy":
        return data
    import pandas as pd

    if isinstance(data, pd.Series):
        return data.to_frame(name=data.name if data.name is not None else "input")
    if hasattr(data, "to_pandas"):
        return data.to_pandas()
    if isinstance(data, Mapping):
        if any(getattr(value, "ndim", 1) > 1 for value in data.values()):
            return data
        scalars = all(isinstance(v, str) or not hasattr(v, "__len__") for v in data.values())
        return pd.DataFrame([dict(data)] if scalars else dict(data))
    if isinstance(data, Sequence) and data and isinstance(data[0], Mapping):
        return pd.DataFrame.from_records(list(data))
    return data


def to_array(data: Any) -> np.ndarray[Any, Any]:
    """Return data as one array; columns of a frame become its second dimension."""
    import numpy as np

    table = as_table(data)
    if is_frame(table):
        return np.asarray(table.to_numpy())
    if isinstance(table, Mapping):
        return np.asarray(next(iter(table.values())))
    if hasattr(table, "detach"):
        table = table.detach().cpu().numpy()
    return np.asarray(table)


def to_frame(data: Any, columns: Sequence[ColumnSpec]) -> pd.DataFrame:
    """Return data as a frame with these columns in their order.

    Raises:
        SignatureMismatchError: It is no table, or lacks a required column.
    """
    import numpy as np
    import pandas as pd

    names = [column.name for column in columns]
    table = as_table(data)
    if is_frame(table):
        frame: pd.DataFrame = table
        if list(frame.columns) == names or not names:
            return frame
        _refuse_missing(columns, [str(name) for name in frame.columns])
        return frame[[name for name in names if name in frame.columns]]
    # Rows of several types are no array: NumPy would make texts of the numbers.
    array = np.array(table, dtype=object) if isinstance(table, list | tuple) else to_array(table)
    rows = array.reshape(1, -1) if array.ndim == 1 and len(columns) > 1 else array
    rows = rows.reshape(-1, 1) if rows.ndim == 1 else rows
    if not columns:
        return pd.DataFrame(rows)
    if rows.ndim != 2 or rows.shape[1] != len(columns):
        raise SignatureMismatchError(
            f"The data has the shape {tuple(array.shape)}; expected rows of {len(columns)} "
            f"columns: {', '.join(names)}.",
            context={"shape": list(array.shape), "columns": names},
        )
    frame = pd.DataFrame(rows, columns=names)
    return frame.infer_objects() if rows.dtype == object else frame


def with_types(frame: pd.DataFrame, columns: Sequence[ColumnSpec]) -> pd.DataFrame:
    """Return a checked frame whose numbers and times are such, where JSON made objects of them.

    A missing number makes a column of objects out of numbers, which estimators refuse; times come
    as texts.
    """
    import pandas as pd

    changed: dict[str, Any] = {}
    for column in columns:
        if column.name not in frame.columns:
            continue
        series = frame[column.name]
        kind = getattr(series.dtype, "kind", "O")
        if column.type in ("integer", "float") and kind == "O":
            changed[column.name] = pd.to_numeric(series)
        elif column.type == "datetime" and kind != "M":
            changed[column.name] = pd.to_datetime(series, format="ISO8601")
    return frame.assign(**changed) if changed else frame


def with_categories(frame: pd.DataFrame, columns: Sequence[ColumnSpec]) -> pd.DataFrame:
    """Return a frame whose categorical columns have the categories of training, in their order.

    Boosted trees know categories by their place in that order.
    """
    import pandas as pd

    changed: dict[str, Any] = {}
    for column in columns:
        if column.categories is not None and column.name in frame.columns:
            known: pd.Index[Any] = pd.Index(list(column.categories))
            codes = known.get_indexer(pd.Index(frame[column.name]))
            changed[column.name] = pd.Categorical.from_codes(codes, categories=known)
    return frame.assign(**changed) if changed else frame


def categories_of(series: pd.Series[Any]) -> tuple[Category, ...] | None:
    """Return the categories of a column; None where it has none, or such as JSON cannot hold."""
    found: list[Any] = getattr(getattr(series.dtype, "categories", None), "tolist", list)()
    plain = bool(found) and all(isinstance(value, Category) for value in found)
    return tuple(found) if plain else None


def _refuse_missing(columns: Sequence[ColumnSpec], present: Sequence[str]) -> None:
    missing = [c.name for c in columns if c.required and c.name not in present]
    if missing:
        raise SignatureMismatchError(
            f"The data lacks the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(map(repr, missing))}; it has {', '.join(map(repr, present)) or 'none'}.",
            context={"missing": missing, "present": list(present)},
            suggestions=[hint for name in missing[:3] for hint in did_you_mean(name, present)],
        )


def column_type(series: pd.Series[Any]) -> ColumnType:
    """Return the type of a frame's column."""
    import pandas as pd

    dtype: Any = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return column_type(pd.Series(dtype.categories))
    if isinstance(dtype, pd.StringDtype):
        return "string"
    if dtype.kind != "O":
        return type_of_kind(dtype.kind)
    return _INFERRED.get(pd.api.types.infer_dtype(series, skipna=True), "any")
