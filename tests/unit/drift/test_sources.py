"""Every kind of table is read, and what cannot be compared has an error of its own."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tauro.drift import DataDriftReport, DriftDetector
from tauro.errors import (
    DriftColumnsError,
    DriftDetectionError,
    DriftEmptyError,
    DriftInfiniteError,
    DriftInputError,
    DriftMissingError,
    DriftMixedTypesError,
    DriftOptionError,
    DriftTypeError,
)


def detect(reference: Any, current: Any, **options: Any) -> DataDriftReport:
    columns = options.pop("columns", None)
    return DriftDetector(**options).detect_data_drift(reference, current, columns=columns)


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=rows),
            "whole": rng.integers(0, 50, rows),
            "word": rng.choice(["a", "b", "c"], rows),
            "flag": rng.random(rows) < 0.5,
            "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, rows), "s"),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "number"] = np.nan
    frame.loc[rng.random(rows) < 0.1, "word"] = None
    return frame


def test_every_kind_of_table_gives_the_same_report(tmp_path: Path) -> None:
    reference, current = table(900, 1), table(700, 2)
    forms: dict[str, Any] = {
        "pandas": lambda frame, _: frame,
        "arrow": lambda frame, _: pa.Table.from_pandas(frame, preserve_index=False),
        "batch": lambda frame, _: pa.RecordBatch.from_pandas(frame, preserve_index=False),
        "polars": lambda frame, _: pl.from_pandas(frame),
        "lazy": lambda frame, _: pl.from_pandas(frame).lazy(),
        "mapping": lambda frame, _: {name: frame[name] for name in frame},
        "categories": lambda frame, _: frame.astype({"word": "category"}),
        "nullable": lambda frame, _: frame.convert_dtypes(),
        "objects": lambda frame, _: frame.astype({"word": object}),
        "parquet": _as_parquet,
        "path": lambda frame, path: Path(_as_parquet(frame, path)),
        "csv": _as_csv,
        "records": lambda frame, _: pa.Table.from_pandas(frame).to_pylist(),
    }
    expected = detect(reference, current)
    assert {feature.kind for feature in expected.features.values()} == {
        "numeric",
        "categorical",
        "boolean",
        "datetime",
    }
    for name, form in forms.items():
        report = detect(
            form(reference, tmp_path / f"{name}-1"), form(current, tmp_path / f"{name}-2")
        )
        for column in expected.features:
            for check, other in zip(
                expected.features[column].checks, report.features[column].checks, strict=True
            ):
                assert other.p_value == pytest.approx(check.p_value), (name, column)
                assert other.effect == pytest.approx(check.effect), (name, column)


def _as_parquet(frame: pd.DataFrame, path: Path) -> str:
    frame.to_parquet(f"{path}.parquet", row_group_size=200)
    return f"{path}.parquet"


def _as_csv(frame: pd.DataFrame, path: Path) -> str:
    frame.to_csv(f"{path}.csv", index=False)
    return f"{path}.csv"


def test_arrays_and_lists_are_tables_too() -> None:
    rng = np.random.default_rng(0)
    assert list(detect(rng.normal(size=50), rng.normal(size=60)).features) == ["value"]
    assert list(detect(rng.normal(size=(50, 2)), rng.normal(size=(40, 2))).features) == [
        "column_0",
        "column_1",
    ]
    assert list(detect([1, 2, 3], [1, 2, 3]).features) == ["value"]
    assert list(detect([[1, 2], [3, 4]], [[1, 2], [3, 4]]).features) == ["column_0", "column_1"]
    assert list(detect(pd.Series([1, 2], name="x"), pd.Series([1, 2], name="x")).features) == ["x"]
    assert list(detect(pl.Series("y", [1, 2]), pl.Series("y", [2, 3])).features) == ["y"]
    assert detect(rng.normal(size=(50, 2)).tolist(), rng.normal(size=(9, 2))).reference_rows == 50


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([decimal.Decimal("1.5"), decimal.Decimal("2.5")] * 20, "numeric"),
        ([dt.date(2024, 1, 1), dt.date(2024, 2, 1)] * 20, "datetime"),
        ([dt.time(1, 2), dt.time(3, 4)] * 20, "datetime"),
        ([dt.timedelta(hours=1), dt.timedelta(hours=2)] * 20, "numeric"),
        ([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None] * 20, "datetime"),
        ([True, None, False] * 20, "boolean"),
        ([None, "x"] * 20, "categorical"),
        ([f"text number {i}" for i in range(300)], "text"),
        (np.array(["2024-01-01", "NaT"] * 20, dtype="datetime64[D]"), "datetime"),
        (np.array([1, 2, 3] * 20, dtype=np.uint8), "numeric"),
        (np.array([1.5, 2] * 20, dtype=np.float16), "numeric"),
    ],
)
def test_kinds_follow_the_type(values: Any, kind: str) -> None:
    report = detect({"x": values}, {"x": values})
    assert report.features["x"].kind == kind
    assert not report.drift_detected


def test_a_kind_may_be_given() -> None:
    codes = {"code": np.resize([1, 2, 7], 300)}
    assert detect(codes, codes).features["code"].kind == "numeric"
    report = detect(codes, codes, kinds={"code": "categorical"})
    assert report.features["code"].kind == "categorical"
    assert report.features["code"].reference.labels == ("1", "2", "7")
    words = {"word": ["aa", "b"] * 50}
    assert detect(words, words, kinds={"word": "text"}).features["word"].kind == "text"
    with pytest.raises(DriftTypeError, match="cannot be compared as numeric"):
        detect(words, words, kinds={"word": "numeric"})
    with pytest.raises(DriftTypeError, match="cannot be compared as text"):
        detect(codes, codes, kinds={"code": "text"})


def test_whole_numbers_with_gaps_are_the_same_categories() -> None:
    """pandas turns whole numbers into floats where some are missing."""
    whole = pd.DataFrame({"code": [1, 2, 3] * 50})
    gaps = pd.DataFrame({"code": [1, 2, 3, None] * 50})
    report = detect(whole, gaps, kinds={"code": "categorical"})
    assert report.features["code"].check("new_categories") is None
    missing = report.features["code"].check("missing")
    assert missing is not None
    assert missing.effect == 0.25


def test_single_and_double_precision_of_the_same_values_do_not_drift() -> None:
    values = np.resize(np.round(np.random.default_rng(0).normal(size=40), 1), 4000)
    report = detect({"x": values}, {"x": values.astype(np.float32)})
    assert report.features["x"].effect == 0


@pytest.mark.parametrize("form", ["numpy", "pandas", "arrow", "polars"])
def test_missing_values_of_every_kind_are_counted(form: str) -> None:
    values = [1.0, None, math.nan, 4.0] * 30
    columns: dict[str, Any] = {
        "numpy": np.array([math.nan if v is None else v for v in values]),
        "pandas": pd.Series(values),
        "arrow": pa.array(values),
        "polars": pl.Series("x", values, strict=False),
    }
    column = columns[form]
    report = detect({"x": column}, {"x": column})
    assert report.features["x"].reference.missing == 60


# Bad input: each its own error


def test_different_columns_are_named_with_close_matches() -> None:
    with pytest.raises(DriftColumnsError) as caught:
        detect({"age": [1, 2], "city": ["a", "b"]}, {"agee": [1, 2], "city": ["a", "b"]})
    assert "'age' only in the reference data; 'agee' only in the current data" in str(caught.value)
    assert "Did you mean 'agee'?" in str(caught.value)
    with pytest.raises(DriftColumnsError, match="only in the current data"):
        detect({"a": [1]}, {"a": [1], "b": [2]})
    with pytest.raises(DriftColumnsError, match="no column 'c'"):
        detect({"a": [1]}, {"a": [1]}, columns=["c"])
    with pytest.raises(DriftColumnsError, match="several columns named 'x'"):
        detect(pd.DataFrame([[1, 2]], columns=["x", "x"]), {"x": [1]})
    with pytest.raises(DriftOptionError, match="columns is 'a'"):
        detect({"a": [1]}, {"a": [1]}, columns="a")


def test_chosen_columns_are_compared_alone() -> None:
    report = detect({"a": [1, 2], "b": [..., ...]}, {"a": [1, 2], "z": [1, 1]}, columns=["a"])
    assert list(report.features) == ["a"]


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        ([1.0, 2.0], ["one", "two"]),
        (["1", "2"], [1, 2]),
        ([True, False], [1.0, 2.0]),
        ([1, 2], [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2)]),  # noqa: DTZ001
    ],
)
def test_different_kinds_are_refused(reference: Any, current: Any) -> None:
    with pytest.raises(DriftTypeError, match=r"'x' is \w+ in the reference data and"):
        detect({"x": reference}, {"x": current})


@pytest.mark.parametrize("values", [[[1], [2]], [{"a": 1}, {"a": 2}], [b"x", b"y"], [1j, 2j]])
def test_kinds_that_cannot_be_compared_are_refused(values: Any) -> None:
    with pytest.raises(DriftTypeError, match="cannot be compared"):
        detect({"x": pd.Series(values)}, {"x": pd.Series(values)})


@pytest.mark.parametrize("values", [[1, "a"], ["a", 2.5, None], [1, object()]])
def test_object_columns_of_mixed_types_are_refused_with_their_types(values: Any) -> None:
    with pytest.raises(DriftMixedTypesError) as caught:
        detect(pd.DataFrame({"x": [1, 2, 3]}), pd.DataFrame({"x": pd.Series(values, dtype=object)}))
    assert "of the current data holds values of several types: 1 " in str(caught.value)
    assert "astype(str)" in str(caught.value)


@pytest.mark.parametrize("empty", [pd.DataFrame({"x": []}), np.empty((0, 3)), {"x": []}, []])
def test_no_rows_are_refused(empty: Any) -> None:
    with pytest.raises(DriftEmptyError, match="reference data has no rows"):
        detect(empty, {"x": [1.0]})
    with pytest.raises(DriftEmptyError, match="current data has no rows"):
        detect({"x": [1.0]}, empty)


def test_no_columns_are_refused() -> None:
    absent: list[Any] = [pd.DataFrame(index=[1, 2]), {}, np.empty((3, 0))]
    for nothing in absent:
        with pytest.raises(DriftEmptyError, match="no columns"):
            detect(nothing, {"x": [1.0]})


def test_a_reference_without_values_is_refused() -> None:
    with pytest.raises(DriftMissingError, match="'x' of the reference data holds no value in 3"):
        detect({"x": [None, None, None]}, {"x": [1.0, 2.0, 3.0]})
    with pytest.raises(DriftMissingError, match="reference"):
        detect({"x": np.full(3, np.nan)}, {"x": np.full(3, np.nan)})


def test_current_data_without_any_value_are_refused() -> None:
    with pytest.raises(DriftMissingError, match="current data holds no value in any of 2 columns"):
        detect({"x": [1.0], "y": ["a"]}, {"x": [None], "y": [None]})


def test_a_column_that_lost_all_values_drifted() -> None:
    rng = np.random.default_rng(0)
    reference = {"x": rng.normal(size=200), "y": rng.normal(size=200)}
    report = detect(reference, {"x": np.full(200, np.nan), "y": rng.normal(size=200)})
    assert report.drifted_features == ("x",)
    assert report.features["x"].verdict.startswith("Drift: missing values rose from 0.0 % to 100")
    report = detect({"x": ["a", "b"] * 50, "y": [1] * 100}, {"x": [None] * 100, "y": [1] * 100})
    assert report.drifted_features == ("x",)


def test_infinite_values_are_refused_or_count_as_missing() -> None:
    bad = {"x": [1.0, math.inf, -math.inf, 2.0]}
    with pytest.raises(DriftInfiniteError) as caught:
        detect({"x": [1.0, 2.0]}, bad)
    assert "'x' of the current data holds 2 infinite values" in str(caught.value)
    assert "infinite='missing'" in str(caught.value)
    report = detect({"x": [1.0, 2.0]}, bad, infinite="missing")
    assert report.features["x"].current.missing == 2


def test_ragged_columns_are_refused() -> None:
    with pytest.raises(DriftInputError, match="different lengths: 'a' 2, 'b' 1"):
        detect({"a": [1, 2], "b": [1]}, {"a": [1], "b": [1]})


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "torn.csv").write_text('a,b\n1,2\n3\n"')
    for name, words in [
        ("torn.parquet", "cannot be read"),
        ("torn.csv", "cannot be read"),
        ("notes.txt", "suffix '.txt'"),
        ("absent.csv", "is not a file"),
    ]:
        with pytest.raises(DriftInputError, match=words):
            detect(tmp_path / name, [1, 2])


def test_each_error_is_a_drift_detection_error_and_a_value_error() -> None:
    leaves = [
        DriftColumnsError,
        DriftEmptyError,
        DriftInfiniteError,
        DriftMissingError,
        DriftMixedTypesError,
        DriftOptionError,
        DriftTypeError,
    ]
    assert all(issubclass(leaf, (DriftDetectionError)) for leaf in leaves)
    assert all(issubclass(leaf, ValueError) for leaf in leaves)


def test_importing_the_package_imports_no_heavy_library() -> None:
    import subprocess

    code = (
        "import sys, tauro.drift; "
        "print([m for m in ('numpy', 'pandas', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
