"""Real data: contiguous tenths of the cover type data drift; halves of a tenth do not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tauro.drift import DriftDetector, ReferenceProfile

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "covertype_22849.csv"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the cover type data are not here")


@pytest.fixture(scope="module")
def tenths() -> list[pd.DataFrame]:
    frame = pd.read_csv(DATA)
    size = len(frame) // 10
    return [frame.iloc[i * size : (i + 1) * size] for i in range(10)]


def test_every_feature_drifts_from_the_first_tenth_to_the_ninth(
    tenths: list[pd.DataFrame],
) -> None:
    report = DriftDetector().detect_data_drift(tenths[0], tenths[8])
    assert report.drift_detected
    named = set(report.drifted_features)
    assert {
        "Elevation",
        "Slope",
        "Horizontal_Distance_To_Roadways",
        "Horizontal_Distance_To_Fire_Points",
        "Wilderness_Area",
        "Soil_Type",
        "Cover_Type",
    } <= named
    for name in named:
        verdict = report.features[name].verdict
        assert verdict.startswith("Drift: ")
        assert "2,284 reference against 2,284 current rows" in verdict


def test_the_same_is_found_against_a_profile(tenths: list[pd.DataFrame]) -> None:
    profile = ReferenceProfile.from_data(tenths[0])
    raw = DriftDetector().detect_data_drift(tenths[0], tenths[8])
    kept = DriftDetector().detect_data_drift(profile, tenths[8])
    assert kept.drifted_features == raw.drifted_features


@pytest.mark.parametrize("tenth", range(10))
def test_no_feature_drifts_between_random_halves_of_a_tenth(
    tenths: list[pd.DataFrame], tenth: int
) -> None:
    mixed = tenths[tenth].sample(frac=1, random_state=tenth)
    half = len(mixed) // 2
    report = DriftDetector().detect_data_drift(mixed[:half], mixed[half:])
    assert not report.drift_detected, report.summary
    assert report.drifted_features == ()


def test_the_categories_that_moved_are_named(tenths: list[pd.DataFrame]) -> None:
    report = DriftDetector().detect_data_drift(tenths[0], tenths[8])
    moved = report.features["Wilderness_Area"]
    assert any(repr(name) in moved.verdict for name in ("Rawah", "Commanche", "Cache", "Neota"))
