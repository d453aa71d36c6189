"""From the bytes of a request to rows that a model takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import msgspec
import numpy as np

from tauro.errors import SignatureMismatchError, ValidationError
from tauro.flavors import ColumnSpec, ModelSignature
from tauro.serving._check import Problems, check_samples, show
from tauro.serving._errors import BodyTooLargeError, UnsupportedBodyError
from tauro.serving._tables import check_table, read_table

if TYPE_CHECKING:
    import pandas as pd

_TYPES: Final[dict[str, Any]] = {
    # 64 bits, as the arrays that the values go into.
    "integer": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    "float": float,
    "string": str,
    "boolean": bool,
    "datetime": datetime,
    "binary": bytes,
    "any": Any,
}
_SHAPES: Final = "{'samples': [{column: value, …}, …]} or {'columns': […], 'data': [[…], …]}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one request.

    Attributes:
        count: How many.
        columns: Values by column, in the signature's order; such rows can be predicted together
            with those of other requests. None where they cannot.
        data: What the model takes, where ``columns`` is None.
    """

    count: int
    columns: Sequence[Sequence[Any]] | None
    data: Any = None


class RowReader:
    """Read bodies against one signature.

    Args:
        signature: What the model takes, None where it is not known.
        categories: Column to the values it may have, where the model refuses others.
        max_problems: How many problems one answer lists.
        max_table: Bytes that a table may take in memory.
    """

    def __init__(
        self,
        signature: ModelSignature | None,
        *,
        categories: Mapping[str, frozenset[Any]] | None = None,
        max_problems: int = 20,
        max_table: int = 256 * 1024 * 1024,
    ) -> None:
        tabular = signature is not None and not signature.is_tensor
        self.columns = signature.inputs if signature is not None and tabular else ()
        self.categories = dict(categories or {})
        self._max_problems = max_problems
        self._max_table = max_table
        self._by_column = [
            (index, self.categories[column.name])
            for index, column in enumerate(self.columns)
            if column.name in self.categories
        ]
        self._decode = _decoder(self.columns) if self.columns else None

    def read(self, body: bytes, content_type: str = "") -> Rows:
        """Return the rows of a body.

        Raises:
            SignatureMismatchError: They do not fit the signature; every problem has its path.
            ValidationError: The body cannot be read, or holds no rows.
            UnsupportedBodyError: The content type is not known.
        """
        kind = content_type.partition(";")[0].strip().lower()
        if kind in ("", "application/json", "text/json") or kind.endswith("+json"):
            return self._read_json(body)
        frame = read_table(body, kind, self.columns, self._max_table)
        if frame is None:
            raise UnsupportedBodyError(
                f"The content type {kind!r} is not read here; expected application/json, text/csv, "
                "application/vnd.apache.parquet or application/vnd.apache.arrow.stream."
            )
        return self.read_frame(frame)

    def read_frame(self, frame: pd.DataFrame) -> Rows:
        """Return the rows of a frame, checked.

        Raises:
            SignatureMismatchError: They do not fit the signature.
            ValidationError: There are none.
        """
        if not len(frame):
            raise ValidationError("The table has no rows; expected at least one.")
        checked = check_table(frame, self.columns, self.categories, self._max_problems)
        return Rows(len(frame), None, checked)

    def _read_json(self, body: bytes) -> Rows:
        if self._decode is not None:
            try:
                rows = self._decode(body)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                rows = []
            if rows and self._known(rows):
                columns = tuple(zip(*rows, strict=True))
                return Rows(len(rows), cast("Sequence[Sequence[Any]]", columns))
        return self.read_samples(read_samples(body, self._max_problems))

    def _known(self, rows: Sequence[Sequence[Any]]) -> bool:
        return all(
            row[index] is None or row[index] in allowed
            for index, allowed in self._by_column
            for row in rows
        )

    def read_samples(self, samples: list[Any]) -> Rows:
        """Return the rows of samples as JSON has them, checked.

        Raises:
            SignatureMismatchError: They do not fit the signature; every problem has its path.
            BodyTooLargeError: As arrays they take too much memory.
        """
        if not self.columns:
            return Rows(len(samples), None, _as_data(samples, self._max_table))
        found = check_samples(samples, self.columns, self.categories, self._max_problems)
        return Rows(len(samples), found)


def _decoder(columns: Sequence[ColumnSpec]) -> Callable[[bytes], list[tuple[Any, ...]]]:
    """Return what decodes a body to tuples in the columns' order, or raises."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    for index, column in enumerate(columns):
        kind = _TYPES[column.type]
        optional = column.nullable or not column.required
        rename[f"c{index}"] = column.name
        one: Any = kind | None if optional and kind is not Any else kind
        fields.append((f"c{index}", one) if column.required else (f"c{index}", one, None))
    row = msgspec.defstruct(
        "Row", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False
    )
    body = msgspec.defstruct("Body", [("samples", list[row])])  # type: ignore[valid-type]
    decoder: Any = msgspec.json.Decoder(body)
    as_tuple = msgspec.structs.astuple

    def decode(data: bytes) -> list[tuple[Any, ...]]:
        return [as_tuple(one) for one in decoder.decode(data).samples]

    return decode


def read_samples(body: bytes, max_problems: int) -> list[Any]:
    """Return the samples of a JSON body in either form.

    Raises:
        SignatureMismatchError: The body is JSON of another shape.
        ValidationError: The body is not JSON, or holds no samples.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValidationError(f"The body is not JSON: {error}.") from error
    samples = found.get("samples") if isinstance(found, dict) else None
    if samples is None and isinstance(found, dict) and "data" in found and "columns" in found:
        samples = _from_split(found["columns"], found["data"], max_problems)
    if not isinstance(samples, list):
        keys = type(found).__name__
        if isinstance(found, dict):
            keys = f"the keys {[key[:60] for key in islice(found, 8)]}"
        raise SignatureMismatchError(
            f"The body is not {_SHAPES}: got {keys}.",
            context={"problems": [{"path": "samples", "expected": "an array", "got": keys}]},
        )
    if not samples:
        raise ValidationError("samples is empty; expected at least one.")
    return samples


def _from_split(names: Any, data: Any, max_problems: int) -> list[Any]:
    """Return columns and rows as samples."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SignatureMismatchError("columns is not an array of column names.")
    if not isinstance(data, list):
        raise SignatureMismatchError("data is not an array of rows.")
    problems = Problems(max_problems)
    for name, count in Counter(names).items():
        if count > 1:
            problems.add(f"columns.{name[:60]}", "one column", f"{count} of that name")
    expected = f"an array of {len(names)} values"
    for row, values in enumerate(data):
        if not isinstance(values, list):
            problems.add(f"data[{row}]", expected, show(values))
        elif len(values) != len(names):
            problems.add(f"data[{row}]", expected, f"{len(values)} values")
    problems.raise_any()
    return [dict(zip(names, values, strict=True)) for values in data]


def _as_data(samples: list[Any], most: int) -> Any:
    """Return samples for a model without columns: records, or an array of tensors."""
    if all(isinstance(sample, dict) for sample in samples):
        if not any(isinstance(value, list) for sample in samples for value in sample.values()):
            return samples
        names = samples[0].keys()
        if any(sample.keys() != names for sample in samples):
            raise SignatureMismatchError("The samples do not have the same names.")
        return {name: _array([sample[name] for sample in samples], most) for name in names}
    return _array(samples, most)


def _array(values: list[Any], most: int) -> Any:
    size = _size_of_texts(values)
    if size > most:
        raise BodyTooLargeError(
            f"The samples take {size:,} bytes in memory; at most {most:,} are taken.",
            context={"size": size, "limit": most},
        )
    try:
        return np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise SignatureMismatchError(
            f"The samples do not have the same shape: {error}.",
            context={"problems": [{"path": "samples", "expected": "arrays of one shape"}]},
        ) from error


def _size_of_texts(values: list[Any]) -> int:
    """Return the bytes of an array of values; 0 where none is a text.

    In an array with texts every value is as long as the longest text: one long text among many
    short values takes the product of both.
    """
    count = longest = 0
    left = [values]
    while left:
        items = left.pop()
        kinds = set(map(type, items))
        count += len(items)
        if list in kinds:
            left.extend(item for item in items if type(item) is list)
        if str in kinds:
            longest = max(longest, *(len(item) for item in items if type(item) is str))
    return count * longest * np.dtype("U1").itemsize
