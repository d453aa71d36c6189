"""Rows and values as JSON, exactly: the writers of frame libraries round numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def dump_rows(rows: Iterable[Mapping[str, Any]], *, lines: bool) -> bytes:
    """Return rows as JSON, one a line or as one list.

    Raises:
        ValueError: A number is infinite, for which JSON has no form.
        TypeError: A value is of a kind that JSON does not have.
    """
    dumped = [json.dumps(row, ensure_ascii=False, allow_nan=False, default=plain) for row in rows]
    if lines:
        return "".join(f"{row}\n" for row in dumped).encode()
    return "[{}]\n".format(",\n ".join(dumped)).encode()


def plain(value: Any) -> Any:
    """Return numpy scalars and arrays, times and paths as JSON has them.

    Raises:
        TypeError: The value is of a kind that JSON does not have.
    """
    for method in ("tolist", "isoformat"):
        convert = getattr(value, method, None)
        if convert is not None:
            return convert()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__qualname__} is not a JSON value")
