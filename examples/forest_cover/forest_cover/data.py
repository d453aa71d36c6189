"""Where the samples come from: a CSV file, scikit-learn's cached Covertype, or the generator."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forest_cover.generator import generate_samples
from forest_cover.schema import AREAS, SOILS, SOURCE_COLUMNS

if TYPE_CHECKING:
    import numpy as np

Sample = list[str]


def load_samples(path: str | Path | None = None) -> tuple[list[Sample], str]:
    """Return all samples in their order, each as 13 strings, and where they came from.

    Args:
        path: A CSV file with the 13 columns. Without it, scikit-learn's Covertype where it has been
            downloaded before, else a generator; nothing is fetched from the network.

    Raises:
        ValueError: The file does not hold the 13 columns.
    """
    if path is not None:
        return read_csv(Path(path)), str(path)
    try:
        return read_sklearn(), "scikit-learn's Covertype"
    except OSError:
        return generate_samples(), "the generator"


def read_csv(path: Path) -> list[Sample]:
    """Return the rows of a CSV file, as written there."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = [name.strip().lower() for name in next(reader, [])]
        if header != [name.lower() for name in SOURCE_COLUMNS]:
            raise ValueError(
                f"{path}: the header is {', '.join(header) or 'absent'}; "
                f"expected the 13 columns {', '.join(SOURCE_COLUMNS)} in this order"
            )
        rows = list(reader)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(SOURCE_COLUMNS):
            raise ValueError(f"{path}, line {number}: {len(row)} values, expected 13")
    if not rows:
        raise ValueError(f"{path} holds a header and no samples")
    return rows


def read_sklearn() -> list[Sample]:
    """Return scikit-learn's copy of Covertype.

    Raises:
        OSError: It has not been downloaded on this machine.
    """
    from sklearn.datasets import fetch_covtype

    found = fetch_covtype(download_if_missing=False)
    return from_one_hot(found.data, found.target)


def from_one_hot(data: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> list[Sample]:
    """Return samples from the original form: 10 numbers, areas and soils one-hot, class 1 to 7."""
    numbers: Sequence[Sequence[int]] = data[:, :10].astype(int).tolist()
    areas = [AREAS[i] for i in data[:, 10:14].argmax(axis=1)]
    soils = [SOILS[i] for i in data[:, 14:54].argmax(axis=1)]
    classes = (target.astype(int) - 1).tolist()
    return [
        [*map(str, row), area, soil, str(cover)]
        for row, area, soil, cover in zip(numbers, areas, soils, classes, strict=True)
    ]


def split_tenths(samples: Sequence[Sample], tenths: int = 10) -> list[Sequence[Sample]]:
    """Return the contiguous tenths of the samples, in their order."""
    bounds = [len(samples) * i // tenths for i in range(tenths + 1)]
    return [samples[start:end] for start, end in itertools.pairwise(bounds)]
