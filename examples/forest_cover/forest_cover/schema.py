"""The columns of a sample, their types, and the one way to spell a category.

Ingestion, training and serving take these names and this spelling, so a category that the source
calls ``Cache`` is ``cache`` in the table, in the snapshot and in the model.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

SOURCE_COLUMNS = (
    "Elevation",
    "Aspect",
    "Slope",
    "Horizontal_Distance_To_Hydrology",
    "Vertical_Distance_To_Hydrology",
    "Horizontal_Distance_To_Roadways",
    "Hillshade_9am",
    "Hillshade_Noon",
    "Hillshade_3pm",
    "Horizontal_Distance_To_Fire_Points",
    "Wilderness_Area",
    "Soil_Type",
    "Cover_Type",
)
"""The order in which the source sends the values of a sample."""

COLUMNS = tuple(name.lower() for name in SOURCE_COLUMNS)
NUMERIC, CATEGORICAL, TARGET = COLUMNS[:10], COLUMNS[10:12], COLUMNS[12]
FEATURES = NUMERIC + CATEGORICAL

AREAS = ("Rawah", "Neota", "Commanche", "Cache")
SOILS = tuple(
    f"C{unit}"
    for unit in (
        *(2702, 2703, 2704, 2705, 2706, 2717, 3501, 3502, 4201, 4703),
        *(4704, 4744, 4758, 5101, 5151, 6101, 6102, 6731, 7101, 7102),
        *(7103, 7201, 7202, 7700, 7701, 7702, 7709, 7710, 7745, 7746),
        *(7755, 7756, 7757, 7790, 8703, 8707, 8708, 8771, 8772, 8776),
    )
)
"""Areas and soil units in the order of the one-hot columns of the original Covertype data."""

CLASSES = tuple(range(7))


CATEGORY_STEPS = (np.strings.strip, np.strings.lower)
"""What is done to a category, in this order, wherever one is read.

Ingestion calls these functions on a column; the models hold the same two as steps of their own
pipeline, so that a served model spells a request as it spelled its training data. They are
functions of numpy because a model may then be stored, and loaded, without any code of ours.
"""


def normalise_categories(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return categories as the project spells them; a missing or blank one is NaN."""
    values = column.fillna("").to_numpy().astype("U")
    for step in CATEGORY_STEPS:
        values = step(values)
    result = pd.Series(values.astype(object), index=column.index, name=column.name)
    return result.mask(result == "")


KNOWN_CATEGORIES = {
    "wilderness_area": frozenset(area.lower() for area in AREAS),
    "soil_type": frozenset(soil.lower() for soil in SOILS),
}


def normalise(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with the project's column names, order, types and category spelling.

    Numeric features become ``float64`` (a missing value is NaN), categories text, the class, where
    there is one, ``int64``. Columns the project does not know are dropped.

    Raises:
        ValueError: A feature is missing, or a value is not of its column's type.
    """
    frame = frame.rename(columns=lambda name: str(name).strip().lower())
    absent = [name for name in FEATURES if name not in frame.columns]
    if absent:
        raise ValueError(
            f"columns are missing: {', '.join(absent)}; got {', '.join(map(str, frame.columns))}"
        )
    wanted = [name for name in COLUMNS if name in frame.columns]
    result = frame[wanted].copy()
    for name in NUMERIC:
        result[name] = _to_number(result[name], name).astype("float64")
    for name in CATEGORICAL:
        result[name] = normalise_categories(result[name])
    if TARGET in result.columns:
        result[TARGET] = _to_number(result[TARGET], TARGET).astype("int64")
    return result


def _to_number(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    try:
        return pd.to_numeric(column)
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {name} holds something that is not a number: {error}") from error


def count_unknown_categories(frame: pd.DataFrame) -> dict[str, int]:
    """Return, for each categorical column, how many values the project has not heard of."""
    return {
        name: int((~frame[name].isin(known) & frame[name].notna()).sum())
        for name, known in KNOWN_CATEGORIES.items()
    }


def hash_samples(frame: pd.DataFrame) -> list[str]:
    """Return a hash of the 13 normalised values of each row: equal rows, equal hashes."""
    return [
        hashlib.sha256("|".join(map(_canonical, row)).encode()).hexdigest()
        for row in frame[list(COLUMNS)].itertuples(index=False, name=None)
    ]


def _canonical(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
