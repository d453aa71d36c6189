"""Frames of every library, made and compared alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa

ENGINES = ("pandas", "polars", "pyarrow")
MAKERS: Mapping[str, Callable[[Any], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.Table.from_pylist,
    "python": list,
}


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """Return a frame's rows as plain dicts, missing values as None."""
    if isinstance(frame, pd.DataFrame):
        plain = frame.astype(object).where(frame.notna(), None)
        return [dict(row) for row in plain.to_dict("records")]  # type: ignore[arg-type]
    if isinstance(frame, pl.DataFrame):
        return frame.to_dicts()
    return list(frame.to_pylist()) if isinstance(frame, pa.Table) else list(frame)
