"""Samples of a request against the signature, the slow and talkative way.

The fast way (`_reader`) decodes straight into typed rows and says only that something is wrong.
Then this module looks at every value, so that one answer lists all problems, each with its path.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from tauro._internal._close import did_you_mean
from tauro._internal._shown import short_repr
from tauro.errors import SignatureMismatchError
from tauro.flavors import ColumnSpec

_INT64: Final = range(-(2**63), 2**63)
_WIDEST: Final = 60
_COMPARED: Final = 200


@dataclass(slots=True)
class Problems:
    """Problems of one request; the first ``limit`` are kept, all are counted."""

    limit: int
    count: int = 0
    kept: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, path: str, expected: str, got: str, name: str = "", others: Iterable[str] = ()
    ) -> None:
        """Note one problem; a ``name`` that is wrong is compared with ``others``.

        A body can hold millions of wrong names: nothing is compared for a problem that is not kept,
        nor with more than the first names.
        """
        self.count += 1
        if len(self.kept) < self.limit:
            found: dict[str, Any] = {"path": path, "expected": expected, "got": got}
            hints = did_you_mean(name[:_COMPARED], list(islice(others, _COMPARED))) if name else []
            self.kept.append({**found, "suggestions": hints} if hints else found)

    def raise_any(self) -> None:
        """Raise one error that lists them.

        Raises:
            SignatureMismatchError: There is a problem.
        """
        if not self.count:
            return
        lines = [f"  {p['path']}: expected {p['expected']}, got {p['got']}" for p in self.kept]
        omitted = self.count - len(self.kept)
        if omitted:
            lines.append(f"  … and {omitted} more")
        values = "value does" if self.count == 1 else "values do"
        raise SignatureMismatchError(
            f"{self.count} {values} not fit the model's signature:\n" + "\n".join(lines),
            context={"problems": self.kept, "count": self.count, "omitted": omitted},
        )


def check_samples(
    samples: Sequence[Any],
    columns: Sequence[ColumnSpec],
    categories: dict[str, frozenset[Any]],
    limit: int,
) -> list[list[Any]]:
    """Return the samples' values by column, as the columns' types.

    Raises:
        SignatureMismatchError: Some do not fit; lists every problem up to the limit.
    """
    problems = Problems(limit)
    found: list[list[Any]] = [[] for _ in columns]
    known = {column.name for column in columns}
    for row, sample in enumerate(samples):
        where = f"samples[{row}]"
        if not isinstance(sample, dict):
            problems.add(where, "an object with the model's columns", show(sample))
            continue
        for column, values in zip(columns, found, strict=True):
            path = f"{where}.{column.name}"
            if column.name not in sample:
                if column.required:
                    others = (name for name in sample if name not in known)
                    problems.add(path, wanted(column), "nothing", column.name, others)
                values.append(None)
                continue
            values.append(_value(sample[column.name], column, categories, path, problems))
        if len(sample) > len(columns) or not known.issuperset(sample):
            for name in sample:
                if name not in known:
                    path = f"{where}.{name[:_COMPARED]}"
                    problems.add(path, "no such column", "a value", name, known)
    problems.raise_any()
    return found


def _value(
    value: Any,
    column: ColumnSpec,
    categories: dict[str, frozenset[Any]],
    path: str,
    problems: Problems,
) -> Any:
    # Not a number has no place in JSON; the tensors of the protocol can hold it.
    if value is None or value != value:  # noqa: PLR0124
        if not column.nullable and column.required:
            problems.add(path, wanted(column), "null")
        return None
    fits, converted = _convert(value, column.type)
    if not fits:
        problems.add(path, wanted(column), show(value))
        return None
    allowed = categories.get(column.name)
    if allowed is not None and converted not in allowed:
        problems.add(path, list_categories(allowed), show(value), str(value), allowed)
    return converted


def _convert(value: Any, kind: str) -> tuple[bool, Any]:
    """Return whether a JSON value is of a column's type, and the value as that type."""
    if kind == "integer":
        whole = isinstance(value, float) and value.is_integer()
        fits = (type(value) is int or whole) and int(value) in _INT64
        return fits, int(value) if fits else None
    if kind == "float":
        if type(value) not in (int, float) or abs(value) > 1.7976931348623157e308:
            return False, None
        return True, float(value)
    if kind == "boolean":
        return isinstance(value, bool), value
    if kind == "string":
        return isinstance(value, str), value
    if kind in ("datetime", "binary"):
        return _convert_text(value, kind) if isinstance(value, str) else (False, None)
    return True, value


def _convert_text(value: str, kind: str) -> tuple[bool, Any]:
    try:
        if kind == "datetime":
            return True, datetime.fromisoformat(value)
        return True, base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return False, None


def wanted(column: ColumnSpec) -> str:
    """Return what a column takes, in words."""
    return f"{column.type} or null" if column.nullable else str(column.type)


def list_categories(allowed: frozenset[Any]) -> str:
    """Return categories in words, the first few of many."""
    names = sorted(map(repr, allowed))
    more = f" … ({len(names)} in all)" if len(names) > 8 else ""
    return f"one of {', '.join(names[:8])}{more}"


def show(value: Any) -> str:
    """Return a value and its JSON type, short."""
    if value is None:
        return "null"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value!r}"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    # A text of a megabyte must not be copied to be cut.
    short = value[: _WIDEST + 1] if isinstance(value, str | list) else value
    return f"{short_repr(short, _WIDEST - 1)} ({kinds.get(type(value), 'object')})"
