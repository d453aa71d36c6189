"""Numbers in JSON, which has no word for NaN and the infinities."""

from __future__ import annotations

import math
from typing import Final

_NAMED: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def float_to_json(value: float) -> float | str:
    """Return a number as JSON can hold it: NaN and the infinities by name."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def float_from_json(value: float | str) -> float:
    """Return the number that :func:`float_to_json` wrote."""
    return _NAMED[value] if isinstance(value, str) else float(value)
