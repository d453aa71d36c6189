"""What strangers hand over: masks, indices, ragged rows, torn files, absurd options."""

from __future__ import annotations

import copy
import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tauro.drift import DataDriftReport, DriftDetector, ReferenceProfile, create_stream_detector
from tauro.drift._sources import open_source
from tauro.errors import (
    DriftColumnsError,
    DriftDetectionError,
    DriftEmptyError,
    DriftInputError,
    DriftMixedTypesError,
    DriftOptionError,
    DriftTypeError,
)


def detect(reference: Any, current: Any, **options: Any) -> DataDriftReport:
    columns = options.pop("columns", None)
    return DriftDetector(**options).detect_data_drift(reference, current, columns=columns)


# Values that hide


def test_what_a_mask_hides_is_missing() -> None:
    """The numbers under a mask are rubbish by contract: they must not reach a test."""
    values = np.random.default_rng(0).normal(size=300)
    masked = np.ma.masked_array(np.where(values > 1, 1e9, values), mask=values > 1)
    for form in ({"x": masked}, masked, np.ma.column_stack([masked, masked])):
        plain = {"x": values} if isinstance(form, dict) else np.asarray(values)
        if getattr(form, "ndim", 1) == 2:
            plain = np.column_stack([values, values])
        for feature in detect(plain, form).features.values():
            assert feature.current.missing == int((values > 1).sum())
            assert feature.current.figures["max"] <= 1
    words = np.ma.masked_array(["a", "b"] * 20, mask=[False, True] * 20)
    assert detect({"w": ["a", "b"] * 20}, {"w": words}).features["w"].current.missing == 20


def test_sparse_columns_are_read() -> None:
    values = np.repeat([0.0, 0.0, 3.0], 50)
    sparse = pd.DataFrame({"x": pd.arrays.SparseArray(values)})
    feature = detect(pd.DataFrame({"x": values}), sparse).features["x"]
    assert (feature.kind, feature.effect) == ("numeric", 0)


def test_a_matrix_is_an_array() -> None:
    values = np.random.default_rng(0).normal(size=(60, 2))
    assert len(detect(values, values.view(np.recarray)).features) == 2


# Rows as lists


def test_rows_as_lists_keep_the_types_of_their_columns() -> None:
    rows = [["a", 1], ["b", 2]] * 30
    kinds = {name: feature.kind for name, feature in detect(rows, rows).features.items()}
    assert kinds == {"column_0": "categorical", "column_1": "numeric"}


def test_rows_as_mappings_may_lack_keys() -> None:
    rows = [{"a": 1.0}, {"a": 2.0, "b": "x"}] * 30
    report = detect(rows, rows)
    assert list(report.features) == ["a", "b"]
    assert report.features["b"].reference.missing == 30


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([[1, 2], [3]], "different lengths"),
        ([{"a": 1}, 3], "row 1 a int"),
        ([[1, 2], "ab"], "row 1 a str"),
        ({"a": 1}, "'a' of the reference data is a int"),
        ({"a": "abc"}, "is a str"),
        ({"a": {"b": 1}}, "is a dict"),
    ],
)
def test_what_is_no_table_is_refused(data: Any, words: str) -> None:
    with pytest.raises(DriftInputError, match=words):
        detect(data, data)


def test_rows_of_several_types_name_the_column() -> None:
    with pytest.raises(DriftMixedTypesError, match=r"'a' of the reference data.*1 int, 1 str"):
        detect([{"a": 1}, {"a": "x"}], [{"a": 1}])


def test_names_that_are_the_same_as_text_are_refused() -> None:
    """One of the two would be dropped without a word."""
    with pytest.raises(DriftColumnsError, match="several columns named '1'"):
        detect({1: [1.0], "1": [2.0]}, {1: [1.0]})


def test_columns_may_be_chosen_by_what_names_them() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)))
    assert list(detect(frame, frame, columns=[2, 0, 2]).features) == ["2", "0"]
    absurdities: list[Any] = ["0", [], 5, b"0"]
    for absurd in absurdities:
        with pytest.raises(DriftOptionError, match="a list of column names"):
            detect(frame, frame, columns=absurd)


# Files


def test_the_index_that_pandas_writes_is_no_column(tmp_path: Path) -> None:
    """A shuffled split has its row numbers in the file; the frame itself never compared them."""
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=600)})
    half = frame.sample(frac=0.5, random_state=0)
    half.to_parquet(tmp_path / "a.parquet")
    frame.drop(half.index).rename_axis("row").to_parquet(tmp_path / "b.parquet")
    assert "__index_level_0__" in pq.read_schema(tmp_path / "a.parquet").names
    report = detect(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert list(report.features) == ["x"]
    assert list(detect(pa.Table.from_pandas(half), frame).features) == ["x"]
    assert list(ReferenceProfile.from_data(tmp_path / "a.parquet").names) == ["x"]


def test_a_name_that_begins_another_is_not_taken_for_it(tmp_path: Path) -> None:
    """Parquet readers take 'price' for all of 'price.usd', 'price.eur' and itself."""
    frame = pd.DataFrame({"price.usd": [100.0] * 40, "price": [1.0] * 40, "price.eur": [90.0] * 40})
    frame.to_parquet(tmp_path / "t.parquet")
    assert not detect(tmp_path / "t.parquet", frame).drift_detected
    profile = ReferenceProfile.from_data(tmp_path / "t.parquet")
    assert not detect(profile, frame).drift_detected


def folder(tmp_path: Path, *parts: pd.DataFrame) -> Path:
    place = tmp_path / "table"
    (place / "more").mkdir(parents=True)
    for number, part in enumerate(parts):
        part.to_parquet(place / ("more" if number else "") / f"part-{number}.parquet")
    (place / "_metadata.parquet").write_text("not a part of the table")
    return place


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = pd.DataFrame({"x": rng.integers(0, 9, 900), "w": rng.choice(["a", "b"], 900)})
    gaps = whole[500:].assign(x=whole["x"][500:].astype(float).where(rng.random(400) > 0.1))
    place = folder(tmp_path, whole[:500], gaps)
    expected = pd.concat([whole[:500], gaps])
    report, frame = detect(place, whole), detect(expected, whole)
    assert report.to_json() == frame.to_json()
    profile = ReferenceProfile.from_data(str(place))
    assert profile.rows == 900
    assert detect(profile, whole).features["w"].effect == 0


def test_files_of_a_folder_must_fit_together(tmp_path: Path) -> None:
    one = pd.DataFrame({"x": [1.0] * 9})
    with pytest.raises(DriftColumnsError, match=r"part-0.parquet' of the reference data have diff"):
        detect(folder(tmp_path / "a", one, one.assign(y=1)), one)
    with pytest.raises(DriftTypeError, match="'x' of the reference data is of different types"):
        detect(folder(tmp_path / "b", one, pd.DataFrame({"x": ["a"] * 9})), one)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DriftInputError, match=r"holds no .parquet file"):
        detect(tmp_path / "empty", one)


def test_a_file_torn_behind_its_metadata_is_named(tmp_path: Path) -> None:
    """The footer reads well; the pages do not."""
    rng = np.random.default_rng(0)
    path = tmp_path / "torn.parquet"
    pd.DataFrame({"x": rng.normal(size=5000)}).to_parquet(path, compression="snappy")
    content = bytearray(path.read_bytes())
    content[4:300] = bytes(296)
    path.write_bytes(content)
    with pytest.raises(DriftInputError, match=r"torn.parquet' cannot be read"):
        detect(path, {"x": [1.0]})
    with pytest.raises(DriftInputError, match=r"torn.parquet' cannot be read"):
        ReferenceProfile.from_data(path)


def test_a_file_that_goes_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone.parquet"
    pd.DataFrame({"x": [1.0]}).to_parquet(path)
    source = open_source(path, "reference")
    path.unlink()
    with pytest.raises(DriftInputError, match=r"gone.parquet' cannot be read"):
        source.read("x")
    with pytest.raises(DriftInputError, match=r"gone.parquet' cannot be read"):
        list(source.chunks("x", 10))


def test_compressed_csv_is_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write("x,w\n" + "1,a\n2,b\n" * 30)
    report = detect(tmp_path / "t.csv.gz", {"x": [1, 2] * 30, "w": ["a", "b"] * 30})
    assert not report.drift_detected


# Options


def broken(*_: Any) -> None:
    raise AssertionError("never called")


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 0},
        {"workers": "two"},
        {"workers": 1.5},
        {"seed": -1},
        {"seed": "x"},
        {"seed": 0.5},
        {"kinds": ["a"]},
        {"kinds": "abc"},
        {"kinds": {"a": ["numeric"]}},
        {"on_drift": "call me"},
        {"on_drift": 5},
        {"on_drift": [broken, None]},
        {"correction": ["none"]},
        {"correction": None},
        {"numeric_test": ["ks"]},
        {"min_rows": True},
        {"min_effect": "large"},
        {"min_effect": {"ks": None}},
        {"min_effect": {5: 0.1}},
    ],
)
def test_absurd_options_are_refused_when_given(options: dict[str, Any]) -> None:
    with pytest.raises(DriftOptionError, match=next(iter(options))):
        DriftDetector(**options)


def test_numbers_of_numpy_are_options_too() -> None:
    detector = DriftDetector(seed=np.int64(3), workers=np.int32(1), min_effect=np.float32(0.1))  # type: ignore[arg-type]
    report = detector.detect_data_drift([1, 2], [1, 2], threshold=np.float32(0.05))  # type: ignore[arg-type]
    assert report.threshold == pytest.approx(0.05)


@pytest.mark.parametrize("multivariate", [5, "classifer", ["mmd", 3], {"x": 1}])
def test_absurd_multivariate_tests_are_refused(multivariate: Any) -> None:
    frame = {"a": np.arange(40.0), "b": np.arange(40.0)}
    with pytest.raises(DriftOptionError, match="multivariate is"):
        DriftDetector().detect_data_drift(frame, frame, multivariate=multivariate)


def test_nothing_given_is_a_drift_detection_error() -> None:
    detector = DriftDetector()
    for call in (detector.detect_data_drift, detector.detect_model_drift, detector.check_drift):
        with pytest.raises(DriftDetectionError):
            call()


@pytest.mark.parametrize("method", [5, ["adwin"], None])
def test_a_stream_detector_has_a_name(method: Any) -> None:
    with pytest.raises(DriftOptionError, match="method is"):
        create_stream_detector(method)


def test_numbers_beyond_all_bounds_and_masked_ones_are_no_errors_of_a_model() -> None:
    for value in (10**400, np.ma.masked_array([0.0, 1.0], mask=[False, True])):
        with pytest.raises(DriftInputError):
            create_stream_detector("adwin").update(value)
        with pytest.raises(DriftInputError):
            DriftDetector().detect_concept_drift(errors=value)


def test_a_refusal_does_not_show_all_the_data() -> None:
    with pytest.raises(DriftInputError) as caught:
        DriftDetector().detect_concept_drift(errors=["wrong"] * 10_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_too_large_for_a_float_are_refused(digits: int) -> None:
    huge = 10**digits
    with pytest.raises(DriftInputError, match=r"reference_metrics\['a'\] is"):
        DriftDetector().detect_model_drift({"a": huge}, {"a": 1.0})
    with pytest.raises(DriftOptionError, match="threshold is"):
        DriftDetector().detect_model_drift({"a": 1.0}, {"a": 1.0}, threshold=huge)
    with pytest.raises(DriftOptionError, match="min_effect"):
        DriftDetector(min_effect=huge)
    with pytest.raises(DriftOptionError, match="delta is"):
        create_stream_detector("adwin", delta=huge)


# All columns together


def test_every_kind_of_column_is_compared_together() -> None:
    rng = np.random.default_rng(0)
    hours = [dt.time(int(hour)) for hour in rng.integers(0, 24, 300)]
    frame = pd.DataFrame(
        {
            "time": hours,
            "span": pd.to_timedelta(rng.integers(0, 99, 300), "h"),
            "day": [dt.date(2024, 1, int(day)) for day in rng.integers(1, 28, 300)],
            "when": pd.date_range("2024", periods=300, tz="UTC"),
            "category": pd.Categorical(rng.choice(["a", "b"], 300)),
            "whole": pd.array(rng.integers(0, 9, 300), dtype="Int64"),
            "infinite": np.where(rng.random(300) < 0.1, np.inf, rng.normal(size=300)),
        }
    )
    frame.loc[:20, ["time", "span", "whole"]] = None
    mixed = frame.sample(frac=1, random_state=0)
    detector = DriftDetector(infinite="missing")
    report = detector.detect_data_drift(mixed[:150], mixed[150:], multivariate=True)
    assert not report.drift_detected
    evening = pd.Series([dt.time(23, minute % 60) for minute in range(150)], dtype=object)
    late = mixed[150:].assign(time=evening.to_numpy())
    assert detector.detect_data_drift(mixed[:150], late, multivariate=True).drift_detected


def test_infinities_that_count_as_missing_are_missing_together_too() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(400, 2)), rng.normal(size=(400, 2))
    new[:200, 0] = np.inf
    detector = DriftDetector(infinite="missing")
    (test,) = detector.detect_data_drift(old, new, multivariate="classifier").multivariate
    assert test.drift_detected
    assert test.features[0] == "column_0"


def test_a_kept_profile_has_no_rows_to_compare_together(tmp_path: Path) -> None:
    frame = {"a": np.arange(40.0), "b": np.arange(40.0)}
    ReferenceProfile.from_data(frame).save(tmp_path / "p.json")
    with pytest.raises(DriftInputError, match="a profile does not keep"):
        DriftDetector().detect_data_drift(tmp_path / "p.json", frame, multivariate=True)


# Damaged profiles

NUMBERS = {"values": [1.0, 2.0], "between": [0, 0], "at": [1, 1], "missing": 1}


def profile() -> dict[str, Any]:
    return ReferenceProfile.from_data({"x": [1.0, 2.0, None], "w": ["a", "b", None]}).to_dict()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("rows",), None),
        (("rows",), 4),
        (("rows",), float("inf")),
        (("points",), "many"),
        (("version",), None),
        (("version",), []),
        (("columns",), []),
        (("columns", "x"), None),
        (("columns", "x", "kind"), "colour"),
        (("columns", "x", "numbers", "values"), [2.0, 1.0]),
        (("columns", "x", "numbers", "values"), [1.0, float("nan")]),
        (("columns", "x", "numbers", "values"), [1.0]),
        (("columns", "x", "numbers", "at"), None),
        (("columns", "x", "numbers", "between"), [-1, 1]),
        (("columns", "x", "numbers", "missing"), -1),
        (("columns", "w", "categories"), []),
        (("columns", "w", "categories"), {"a": "b"}),
        (("columns", "w", "categories"), {"a": -1, "b": 3}),
        (("columns", "w", "missing"), None),
    ],
)
def test_a_damaged_profile_is_refused_whatever_is_wrong(place: tuple[str, ...], value: Any) -> None:
    plain = copy.deepcopy(profile())
    inner = plain
    for key in place[:-1]:
        inner = inner[key]
    assert place[-1] in inner
    inner[place[-1]] = value
    with pytest.raises(DriftInputError, match="damaged"):
        ReferenceProfile.from_dict(plain)


def test_a_profile_is_read_or_refused_at_every_truncation(tmp_path: Path) -> None:
    text = json.dumps(profile())
    path = tmp_path / "p.json"
    for length in range(0, len(text), 7):
        path.write_text(text[:length])
        with pytest.raises(DriftInputError):
            ReferenceProfile.load(path)
    assert ReferenceProfile.from_dict(json.loads(text)).to_dict() == profile()


def test_what_is_no_profile_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(DriftInputError, match="cannot be read"):
        ReferenceProfile.load(tmp_path / "folder.json")
    for absurd in ([1], "x", None):
        with pytest.raises(DriftInputError, match="not a drift profile"):
            ReferenceProfile.from_dict(absurd)


@pytest.mark.parametrize(
    "options",
    [
        {"points": 0},
        {"points": "x"},
        {"kinds": {"x": "numberr"}},
        {"infinite": "drop"},
        {"columns": "x"},
        {"columns": []},
    ],
)
def test_absurd_options_of_a_profile_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DriftOptionError, match=next(iter(options))):
        ReferenceProfile.from_data({"x": [1.0, 2.0]}, **options)
    with pytest.raises(DriftEmptyError):
        ReferenceProfile.from_data({"x": []})
