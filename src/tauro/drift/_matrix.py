"""Rows of two tables as one matrix, for the tests of all columns together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from tauro.drift._columns import RawColumn, common_kind
from tauro.drift._read import ColumnRules
from tauro.drift._sources import Source, to_series

FloatArray = NDArray[np.float64]

_MOST_CATEGORIES: Final = 10


@dataclass(frozen=True, slots=True)
class Matrix:
    """Sampled rows of both tables, encoded as numbers of like scale.

    Attributes:
        values: One row a row; numbers as normal scores of their pooled ranks, categories and
            missing values as indicators.
        owner: The column of the table that each column of the matrix comes from.
        columns: The table's columns.
        is_current: Which rows are of the current data.
    """

    values: FloatArray
    owner: NDArray[np.int64]
    columns: tuple[str, ...]
    is_current: NDArray[np.bool_]


def encode(
    reference: Source,
    current: Source,
    names: list[str],
    rules: ColumnRules,
    *,
    most_rows: int,
    rng: np.random.Generator,
) -> Matrix:
    """Return up to ``most_rows`` random rows of each table as one matrix.

    The encoding depends on the pooled rows alone, so that dealing the rows anew is a valid test.
    """
    picked = [
        np.sort(rng.choice(source.rows, min(source.rows, most_rows), replace=False))
        for source in (reference, current)
    ]
    blocks, owner = [], []
    for index, name in enumerate(names):
        raws = [source.read(name) for source in (reference, current)]
        kind = common_kind(
            name,
            RawColumn(name, raws[0], "reference", rules),
            RawColumn(name, raws[1], "current", rules),
            rules.kinds,
        )
        pooled = pd.concat(
            [to_series(raw, rows) for raw, rows in zip(raws, picked, strict=True)],
            ignore_index=True,
        )
        block = _encode_column(pooled, kind)
        blocks.append(block)
        owner += [index] * block.shape[1]
    values = np.hstack(blocks)
    keep = values.std(axis=0) > 0
    sides = np.repeat([False, True], [len(rows) for rows in picked])
    return Matrix(values[:, keep], np.array(owner)[keep], tuple(names), sides)


def _encode_column(pooled: pd.Series[Any], kind: str) -> FloatArray:
    if kind == "numeric" and pooled.dtype.kind == "f":
        pooled = pooled.replace([np.inf, -np.inf], np.nan)  # allowed here, they count as missing
    missing = pooled.isna().to_numpy(dtype=bool)
    parts: list[FloatArray] = []
    if kind in {"categorical", "boolean"}:
        text = pooled.astype(object).where(~missing).astype("str")
        labels = text[~missing].value_counts().index[:_MOST_CATEGORIES]
        parts += [((text == label).to_numpy() & ~missing).astype(np.float64) for label in labels]
    else:
        numbers = pooled.astype("str").str.len() if kind == "text" else pooled
        if kind == "datetime":
            numbers = pd.to_datetime(pooled, utc=True).astype("int64")
        ranks = numbers.where(~missing).rank().to_numpy(dtype=np.float64)
        scores = special.ndtri((ranks - 0.5) / max(1, int((~missing).sum())))
        parts.append(np.where(missing, 0.0, scores))
    if missing.any():
        parts.append(missing.astype(np.float64))
    block = np.column_stack(parts) if parts else np.zeros((len(pooled), 0))
    spread = block.std(axis=0)
    return np.asarray((block - block.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
