from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forest_cover import schema
from forest_cover.generator import generate_samples
from forest_cover.schema import COLUMNS, FEATURES, SOURCE_COLUMNS, hash_samples, normalise


def raw(rows: int = 50) -> pd.DataFrame:
    return pd.DataFrame(generate_samples(rows), columns=list(SOURCE_COLUMNS))


def test_there_are_ten_numbers_two_categories_and_a_class() -> None:
    assert len(SOURCE_COLUMNS) == 13
    assert len(schema.NUMERIC) == 10
    assert schema.CATEGORICAL == ("wilderness_area", "soil_type")
    assert schema.TARGET == "cover_type"
    assert len(schema.AREAS) == 4
    assert len(set(schema.SOILS)) == 40


@pytest.mark.parametrize("given", ["Cache", "cache", "CACHE", "  Cache ", "\tcACHE\n"])
def test_category_spelling_does_not_matter(given: str) -> None:
    column = pd.Series([given, "Rawah"])
    assert list(schema.normalise_categories(column)) == ["cache", "rawah"]


@pytest.mark.parametrize("given", [None, "", "  ", float("nan"), np.nan, pd.NA])
@pytest.mark.parametrize("kind", ["object", "string", "str"])
def test_missing_categories_are_missing(given: object, kind: str) -> None:
    column = pd.Series([given, "Rawah"], dtype=kind, index=[7, 3], name="area")
    result = schema.normalise_categories(column)
    assert result.isna().tolist() == [True, False]
    assert list(result.index) == [7, 3]
    assert result.name == "area"


def test_a_column_without_any_category_is_missing_throughout() -> None:
    assert schema.normalise_categories(pd.Series([None, None])).isna().all()
    assert len(schema.normalise_categories(pd.Series([], dtype=object))) == 0


def test_normalising_gives_names_order_and_types() -> None:
    frame = normalise(raw()[list(reversed(SOURCE_COLUMNS))].assign(extra="x"))
    assert list(frame.columns) == list(COLUMNS)
    assert all(frame[name].dtype == np.float64 for name in schema.NUMERIC)
    assert frame["cover_type"].dtype == np.int64
    assert set(frame["wilderness_area"]) <= schema.KNOWN_CATEGORIES["wilderness_area"]
    assert set(frame["soil_type"]) <= schema.KNOWN_CATEGORIES["soil_type"]


def test_normalising_twice_changes_nothing_and_leaves_the_argument_alone() -> None:
    given = raw()
    before = given.copy()
    once = normalise(given)
    pd.testing.assert_frame_equal(given, before)
    pd.testing.assert_frame_equal(normalise(once), once)


def test_features_without_a_class_are_normalised_too() -> None:
    frame = normalise(raw().drop(columns="Cover_Type"))
    assert list(frame.columns) == list(FEATURES)


def test_missing_numbers_stay_missing() -> None:
    frame = normalise(raw(20).assign(Slope=None))
    assert frame["slope"].isna().all()


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match=r"columns are missing: aspect, soil_type"):
        normalise(raw().drop(columns=["Aspect", "Soil_Type"]))


def test_a_number_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="column slope holds something that is not a number"):
        normalise(raw().assign(Slope="steep"))


def test_unknown_categories_are_counted_and_kept() -> None:
    frame = normalise(raw(20).assign(Wilderness_Area=["Narnia"] * 3 + ["Rawah"] * 17))
    assert schema.count_unknown_categories(frame) == {"wilderness_area": 3, "soil_type": 0}
    assert (frame["wilderness_area"] == "narnia").sum() == 3


def test_equal_samples_have_equal_hashes_whatever_the_spelling() -> None:
    frame = raw(20)
    shouted = frame.assign(Wilderness_Area=frame["Wilderness_Area"].str.upper())
    hashes = hash_samples(normalise(frame))
    assert hash_samples(normalise(shouted)) == hashes
    assert len(set(hashes)) == 20
    assert all(len(digest) == 64 for digest in hashes)


@pytest.mark.parametrize("column", SOURCE_COLUMNS)
def test_every_value_counts_in_the_hash(column: str) -> None:
    frame = raw(20)
    value = "other" if column in {"Wilderness_Area", "Soil_Type"} else "6"
    changed = frame.assign(**{column: [value, *frame[column][1:]]})
    before, after = hash_samples(normalise(frame)), hash_samples(normalise(changed))
    assert before[0] != after[0] or frame[column][0] == value
    assert before[1:] == after[1:]
