"""Reference profiles: exact where they can be, close where not, mergeable, small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from tauro.drift import PROFILE_FILE, DriftDetector, ReferenceProfile
from tauro.drift._ks import ks_distance
from tauro.drift._samples import NumericSample
from tauro.drift._sketch import Sketch
from tauro.errors import (
    DriftColumnsError,
    DriftEmptyError,
    DriftInfiniteError,
    DriftInputError,
    DriftMissingError,
    DriftTypeError,
)

Values = NDArray[np.float64]


def sketch(values: Any, points: int = 1024) -> Sketch:
    return Sketch.of(NumericSample(np.sort(np.asarray(values, dtype=np.float64)), 0), points)


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "skewed": rng.lognormal(0, 2, rows),
            "whole": rng.poisson(4, rows),
            "word": rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]),
            "flag": rng.random(rows) < 0.5,
            "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, rows), "s"),
            "note": [f"{'x' * int(k)}{i}" for i, k in enumerate(rng.integers(1, 30, rows))],
        }
    )
    frame.loc[rng.random(rows) < 0.05, "skewed"] = np.nan
    return frame


def columns() -> dict[str, Values]:
    rng = np.random.default_rng(1)
    return {
        "normal": rng.normal(size=200_000),
        "skewed": rng.lognormal(0, 2, size=150_000),
        "cauchy": rng.standard_cauchy(100_000),
        "prices": np.round(rng.lognormal(2, 1, size=120_000), 2),
        "half zeros": np.maximum(rng.normal(size=100_000), 0),
        "two humps": np.concatenate([rng.normal(size=50_000), rng.normal(1e6, 1, size=50_000)]),
    }


@pytest.mark.parametrize("name", columns())
def test_a_sketch_has_the_columns_distribution_within_a_step(name: str) -> None:
    values = np.sort(columns()[name])
    kept = sketch(values)
    assert len(kept.values) <= 1024
    assert kept.present == len(values)
    like = kept.sample().values
    assert len(like) == len(values)
    assert (np.diff(like) >= 0).all()
    assert abs(ks_distance(like, values)[0]) <= 1 / 900
    assert (like[0], like[-1]) == (values[0], values[-1])


@pytest.mark.parametrize(
    "values", [[3.0], [1.0] * 9, [1, 2, 2, 5], list(range(1000)), np.arange(99_999) % 700]
)
def test_few_values_are_kept_whole(values: Any) -> None:
    kept = sketch(values)
    assert (kept.between == 0).all()
    assert np.array_equal(kept.sample().values, np.sort(values))


def test_exact_sketches_merge_exactly() -> None:
    rng = np.random.default_rng(2)
    parts = [rng.poisson(20, 3000) for _ in range(5)]
    merged = sketch(parts[0])
    for part in parts[1:]:
        merged = merged.merge(sketch(part))
    assert np.array_equal(merged.sample().values, np.sort(np.concatenate(parts)))


@pytest.mark.parametrize("name", columns())
@pytest.mark.parametrize("parts", [2, 40])
def test_merged_sketches_stay_close_whatever_the_parts(name: str, parts: int) -> None:
    values = columns()[name]  # in order of the draw, or of the humps: parts may be disjoint
    pieces = np.array_split(values, parts)
    merged = sketch(pieces[0])
    for piece in pieces[1:]:
        merged = merged.merge(sketch(piece))
    assert merged.present == len(values)
    assert len(merged.values) <= 2048
    gap, _ = ks_distance(merged.sample().values, np.sort(values))
    assert abs(gap) <= 0.003


def test_merging_is_commutative_and_takes_empty_parts() -> None:
    rng = np.random.default_rng(3)
    one, two = sketch(rng.normal(size=5000)), sketch(rng.normal(2, 1, size=900))
    forth, back = one.merge(two), two.merge(one)
    assert np.array_equal(forth.values, back.values)
    assert np.array_equal(forth.upto, back.upto)
    nothing = Sketch.of(NumericSample(np.empty(0), 7))
    assert one.merge(nothing).missing == 7
    assert nothing.merge(one).present == 5000
    assert nothing.merge(nothing).missing == 14
    assert len(nothing.sample().values) == 0


def test_a_check_against_a_profile_is_the_check_against_the_data() -> None:
    reference, current = table(20_000, 1), table(5000, 2)
    current["skewed"] *= 1.4
    expected = DriftDetector().detect_data_drift(reference, current)
    report = DriftDetector().detect_data_drift(ReferenceProfile.from_data(reference), current)
    assert report.drifted_features == expected.drifted_features == ("skewed",)
    for name, feature in expected.features.items():
        other = report.features[name]
        assert (other.kind, other.status) == (feature.kind, feature.status)
        for check, same in zip(feature.checks, other.checks, strict=True):
            assert same.effect == pytest.approx(check.effect, abs=0.002), name
            assert same.p_value == pytest.approx(check.p_value, rel=0.2, abs=1e-9), name


@pytest.mark.parametrize(
    "test", ["psi", "wasserstein", "cramer_von_mises", "anderson_darling", "hellinger"]
)
def test_every_test_runs_against_a_profile(test: str) -> None:
    rng = np.random.default_rng(4)
    reference = {"x": rng.lognormal(size=30_000)}
    profile = ReferenceProfile.from_data(reference)
    detector = DriftDetector(numeric_test=test)
    assert not detector.detect_data_drift(profile, {"x": rng.lognormal(size=9000)}).drift_detected
    assert detector.detect_data_drift(profile, {"x": rng.lognormal(0.5, 1, 9000)}).drift_detected


@pytest.mark.parametrize("rows", [50, 20_000])
def test_false_alarms_against_a_profile_are_near_alpha(rows: int) -> None:
    rng = np.random.default_rng(5)
    detector = DriftDetector(min_effect=0.0)
    trials, alarms = 150, 0
    for _ in range(trials):
        profile = ReferenceProfile.from_data(rng.lognormal(0, 2, size=rows))
        report = detector.detect_data_drift(profile, rng.lognormal(0, 2, size=rows))
        alarms += report.drift_detected
    assert alarms <= stats.binom.ppf(0.9995, trials, 0.05)
    assert alarms >= stats.binom.ppf(0.0005, trials, 0.05)


def test_a_profile_is_saved_and_loaded_as_it_was(tmp_path: Path) -> None:
    reference = table(3000, 1)
    profile = ReferenceProfile.from_data(reference)
    path = tmp_path / PROFILE_FILE
    profile.save(path)
    loaded = ReferenceProfile.load(path)
    assert loaded.to_dict() == profile.to_dict()
    current = table(800, 2)
    detector = DriftDetector()
    assert (
        detector.detect_data_drift(loaded, current).to_json()
        == detector.detect_data_drift(profile, current).to_json()
    )


def test_a_profile_is_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    frame = {f"x{i}": rng.normal(size=50_000) for i in range(10)}
    frame["id"] = np.array([f"user {i}" for i in range(50_000)])
    ReferenceProfile.from_data(frame).save(tmp_path / "p.json")
    assert (tmp_path / "p.json").stat().st_size < 11 * 30_000


def test_parts_on_several_workers_give_the_profile_of_the_whole() -> None:
    reference = table(24_000, 1)
    pieces = [reference.iloc[start : start + 4000] for start in range(0, 24_000, 4000)]
    parts = [ReferenceProfile.from_data(piece) for piece in pieces]
    merged = parts[0].merge(*parts[1:])
    assert merged.rows == 24_000
    report = DriftDetector().detect_data_drift(merged, reference)
    assert not report.drift_detected
    assert all(feature.effect <= 0.003 for feature in report.features.values())
    streamed = ReferenceProfile.from_batches(iter(pieces))
    assert streamed.to_dict() == merged.to_dict()


def test_a_parquet_file_is_profiled_in_parts(tmp_path: Path, monkeypatch: Any) -> None:
    from tauro.drift import _profile

    monkeypatch.setattr(_profile, "_BATCH_ROWS", 4000)
    frame = table(15_000, 1)
    frame["gone"] = np.nan
    frame["late"] = [None] * 9000 + ["x"] * 6000
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=2500)
    profile = ReferenceProfile.from_data(tmp_path / "t.parquet")
    report = DriftDetector().detect_data_drift(
        profile, frame, columns=frame.columns.drop("gone").tolist()
    )
    assert not report.drift_detected
    assert report.features["note"].kind == "text"
    assert report.features["late"].reference.missing == 9000
    with pytest.raises(DriftMissingError, match="'gone'"):
        DriftDetector().detect_data_drift(profile, frame)


def test_both_sides_may_be_profiles() -> None:
    one, two = ReferenceProfile.from_data(table(4000, 1)), ReferenceProfile.from_data(table(999, 2))
    both = DriftDetector().detect_data_drift(one, two)
    raw = DriftDetector().detect_data_drift(table(4000, 1), table(999, 2))
    for name, feature in raw.features.items():
        assert both.features[name].p_value == pytest.approx(feature.p_value, rel=0.1), name


def test_thousands_of_categories_are_folded_into_others() -> None:
    rng = np.random.default_rng(7)
    names = np.array([f"c{i}" for i in range(8000)])
    weights = 1 / np.arange(1, 8001)
    weights /= weights.sum()
    reference = {"c": rng.choice(names, 60_000, p=weights)}
    profile = ReferenceProfile.from_data(reference)
    assert profile.columns["c"].others
    detector = DriftDetector()
    same = detector.detect_data_drift(profile, {"c": rng.choice(names, 20_000, p=weights)})
    assert not same.drift_detected
    assert all(c.effect == 0 for c in same.features["c"].checks if c.name == "new_categories")
    merged = profile.merge(profile)
    assert merged.columns["c"].others
    assert sum(merged.columns["c"].content.counts.values()) == 120_000  # type: ignore[union-attr]


def test_profiles_of_other_columns_or_kinds_do_not_merge() -> None:
    profile = ReferenceProfile.from_data({"a": [1.0, 2.0]})
    with pytest.raises(DriftColumnsError, match="'b'"):
        profile.merge(ReferenceProfile.from_data({"a": [1.0], "b": [1.0]}))
    with pytest.raises(DriftTypeError, match="numeric in one profile and categorical in another"):
        profile.merge(ReferenceProfile.from_data({"a": ["x", "y"]}))
    gone = profile.merge(ReferenceProfile.from_data({"a": [None, None]}))
    assert gone.columns["a"].content.missing == 2


def test_a_profile_cannot_be_compared_as_what_it_does_not_hold() -> None:
    numbers = ReferenceProfile.from_data({"a": [1.0, 2.0]})
    with pytest.raises(DriftTypeError, match="kept in the profile as numeric"):
        DriftDetector(kinds={"a": "categorical"}).detect_data_drift(numbers, {"a": [1.0]})
    words = ReferenceProfile.from_data({"a": ["x", "y"]})
    with pytest.raises(DriftTypeError, match="kept in the profile as categorical"):
        DriftDetector(kinds={"a": "text"}).detect_data_drift(words, {"a": ["x"]})
    with pytest.raises(DriftTypeError, match="numeric in the reference data and categorical"):
        DriftDetector().detect_data_drift(numbers, {"a": ["x"]})


def test_bad_input_to_a_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DriftColumnsError, match="'z'"):
        ReferenceProfile.from_data({"a": [1]}, columns=["z"])
    with pytest.raises(DriftInfiniteError):
        ReferenceProfile.from_data({"a": [np.inf]})
    with pytest.raises(DriftEmptyError):
        ReferenceProfile.from_batches([])
    for name, text, words in [
        ("absent.json", None, "There is no drift profile"),
        ("text.json", "{", "is not JSON"),
        ("deep.json", "[" * 100_000, "is not JSON"),
        ("list.json", "[]", "not a drift profile"),
        ("other.json", '{"format": "x"}', "not a drift profile"),
        ("new.json", '{"format": "tauro.drift.profile", "version": 9}', "version 9"),
        ("torn.json", '{"format": "tauro.drift.profile", "columns": {"a": {}}}', "damaged"),
    ]:
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(DriftInputError, match=words):
            ReferenceProfile.load(tmp_path / name)


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    ReferenceProfile.from_data({"a": [1.0, 2.5, 2.5, None], "b": list("xyxz")}).save(
        tmp_path / "p.json"
    )
    plain = json.loads((tmp_path / "p.json").read_text())
    assert plain["columns"]["a"]["numbers"] == {
        "values": [1.0, 2.5],
        "between": [0, 0],
        "at": [1, 2],
        "missing": 1,
    }
    assert plain["columns"]["b"]["categories"] == {"x": 2, "y": 1, "z": 1}
