"""From a raw column to a sample: sorted numbers, or counted categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tauro.drift._samples import CategoricalSample, Kind, NumericSample, Side
from tauro.drift._sources import Raw
from tauro.errors import DriftInfiniteError

KINDS: Final = ("numeric", "datetime", "boolean", "categorical", "text")


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """How columns are read.

    Attributes:
        kinds: The kind of a column, where it is not to be inferred.
        infinite: ``error`` refuses infinite values, ``missing`` counts them as missing.
    """

    kinds: Mapping[str, Kind]
    infinite: Literal["error", "missing"]


def infer_kind(raw: Raw) -> Kind | Literal["empty"]:
    """Return how a column is compared by its type; ``empty`` where it holds nothing at all.

    Raises:
        TypeError: Its type cannot be compared; the argument is the type.
    """
    if isinstance(raw, np.ndarray):
        return {"b": "boolean", "M": "datetime"}.get(raw.dtype.kind, "numeric")  # type: ignore[return-value]
    kind = raw.type
    if pa.types.is_null(kind):
        return "empty"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "numeric"
    if pa.types.is_temporal(kind):
        return "numeric" if pa.types.is_duration(kind) else "datetime"
    if pa.types.is_dictionary(kind):
        return "categorical"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_string_view(kind):
        return "categorical"
    raise TypeError(str(kind))


def _is_string_view(kind: Any) -> bool:
    return bool(getattr(pa.types, "is_string_view", lambda _: False)(kind))


def is_single(raw: Raw) -> bool:
    """Tell whether a column holds 32 bit numbers."""
    if isinstance(raw, np.ndarray):
        return raw.dtype.kind == "f" and raw.dtype.itemsize < 8
    return bool(pa.types.is_float32(raw.type) or pa.types.is_float16(raw.type))


def numeric_sample(
    name: str, raw: Raw, side: Side, rules: ColumnRules, *, single: bool = False
) -> NumericSample:
    """Return the sorted present values of a column of numbers or dates.

    Raises:
        DriftInfiniteError: There are infinite values, and they are not to count as missing.
    """
    values, rows = _numbers(raw), len(raw)
    if single:
        values = values.astype(np.float32).astype(np.float64)
    values = np.sort(values)
    # NaN sorts last, infinities to both ends: each is found without a pass over the data.
    values = values[: np.searchsorted(values, np.nan, "left")]
    first = int(np.searchsorted(values, -np.inf, "right"))
    last = int(np.searchsorted(values, np.inf, "left"))
    infinite = first + len(values) - last
    if infinite and rules.infinite == "error":
        raise DriftInfiniteError(
            f"Column {name!r} of the {side} data holds {infinite:,} infinite values.",
            context={"column": name, "side": side, "infinite": infinite},
            suggestions=["Give infinite='missing' to count them as missing, or clean them before."],
        )
    values = values[first:last]
    return NumericSample(values, rows - len(values))


def _numbers(raw: Raw) -> NDArray[np.float64]:
    if isinstance(raw, np.ndarray):
        if raw.dtype.kind == "M":
            nanoseconds = raw.astype("datetime64[ns]")
            seconds = nanoseconds.astype(np.int64) / 1e9
            seconds[np.isnat(nanoseconds)] = np.nan
            return np.asarray(seconds)
        return raw.astype(np.float64, copy=False)
    column = raw.combine_chunks() if raw.num_chunks != 1 else raw.chunk(0)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    column = column.drop_null() if column.null_count else column
    if pa.types.is_temporal(column.type):
        return _seconds(column)
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _seconds(column: pa.Array) -> NDArray[np.float64]:
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("s"))
    if pa.types.is_time(kind):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        whole = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64()).cast(pa.int64())
        return np.asarray(whole.to_numpy(zero_copy_only=False) / per_second)
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False) / per_second)


def count(raw: Raw) -> CategoricalSample:
    """Return how often each category occurs."""
    if isinstance(raw, np.ndarray):
        if raw.dtype.kind == "b":
            true = int(np.count_nonzero(raw))
            both = {"false": len(raw) - true, "true": true}
            return CategoricalSample({key: value for key, value in both.items() if value}, 0)
        raw = pa.chunked_array(pa.array(raw, from_pandas=True))
    counted = pc.value_counts(raw)
    labels, counts = counted.field("values"), counted.field("counts").to_pylist()
    found: dict[str, int] = {}
    missing = 0
    for label, times in zip(labels.to_pylist(), counts, strict=True):
        if label is None:
            missing += times
        else:
            text = label if isinstance(label, str) else _label(label)
            found[text] = found.get(text, 0) + times
    return CategoricalSample(found, missing)


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # 1.0 of a column with gaps is the 1 of one without
    return str(value)


def text_lengths(raw: Raw) -> NumericSample:
    """Return the lengths of a column of texts, in characters."""
    assert not isinstance(raw, np.ndarray)
    if pa.types.is_null(raw.type):
        return NumericSample(np.empty(0), len(raw))
    if pa.types.is_dictionary(raw.type):
        raw = raw.cast(raw.type.value_type)
    lengths = pc.utf8_length(raw.drop_null())
    values = np.sort(np.asarray(lengths.to_numpy(), dtype=np.float64))
    return NumericSample(values, raw.null_count)
