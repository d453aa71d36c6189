"""Records as plain JSON values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Return a value as dicts, lists, numbers and texts; NaN and infinities become None."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    to_dict = getattr(value, "to_dict", None)
    if callable(to_dict):
        return to_dict()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return plain(value.tolist())


def to_json_text(value: Any, *, indent: int | None) -> str:
    """Return plain values as JSON text."""
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
