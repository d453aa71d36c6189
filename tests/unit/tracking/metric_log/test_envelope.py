"""Thinning a history for a plot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tauro.errors import TrackingValidationError
from tauro.tracking._metric_log import MetricLog
from tauro.tracking._metric_log._envelope import check_max_points, keep, thinned
from tauro.tracking._metric_log._points import History


@pytest.mark.parametrize("max_points", [4, 5, 10, 100, 999])
def test_first_last_lowest_and_highest_are_kept(max_points: int) -> None:
    value = np.random.default_rng(1).normal(size=1000)
    value[417], value[803] = 99.0, -99.0
    kept = keep(value, max_points)
    assert len(kept) <= max_points
    assert kept[0] == 0
    assert kept[-1] == 999
    assert {417, 803} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()


def test_every_spike_of_a_flat_line_is_kept() -> None:
    value = np.zeros(100_000)
    spikes = np.arange(500, 100_000, 1000)
    value[spikes] = np.where(np.arange(len(spikes)) % 2, 5.0, -5.0)
    assert set(spikes.tolist()) <= set(keep(value, 1000).tolist())


def test_infinities_are_spikes() -> None:
    value = np.zeros(10_000)
    value[3000], value[7000] = math.inf, -math.inf
    assert {3000, 7000} <= set(keep(value, 50).tolist())


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan], ids=repr)
@pytest.mark.parametrize("max_points", [8, 50, 500])
def test_an_infinity_does_not_hide_the_spikes_beside_it(odd: float, max_points: int) -> None:
    """In the same stretch: a plot cannot even show the one, and must show the others."""
    value = np.sin(np.arange(10_000) / 100)
    value[3000], value[3001], value[3002] = odd, 99.0, -99.0
    kept = keep(value, max_points)
    assert len(kept) <= max_points
    assert {3000, 3001, 3002} <= set(kept.tolist())


@pytest.mark.parametrize("max_points", [4, 5, 6, 7, 8, 20])
def test_of_all_kinds_at_once_no_more_are_kept_than_asked_for(max_points: int) -> None:
    value = np.resize([0.0, math.nan, 1.0, math.inf, 2.0, -math.inf], 1001)
    kept = keep(value, max_points)
    assert len(kept) <= max_points
    assert {0, 1000} <= set(kept.tolist())
    assert {math.inf, -math.inf} <= set(value[kept].tolist())
    assert max_points == 4 or np.isnan(value[kept]).any()


def test_a_rare_nan_leaves_the_room_to_the_curve() -> None:
    """Of a hundred points asked for, one of three kinds takes one, and not a third."""
    value = np.sin(np.arange(10_000) * 0.7)
    value[5555] = math.nan
    assert len(keep(value, 100)) >= 98


def test_a_lone_nan_is_seen() -> None:
    value = np.arange(10_000.0)
    value[5555] = math.nan
    kept = keep(value, 100)
    assert len(kept) <= 100
    assert 5555 in kept.tolist()
    assert len(keep(np.full(1000, math.nan), 10)) <= 10


def test_few_points_are_all_kept() -> None:
    assert keep(np.arange(10.0), 10).tolist() == list(range(10))
    assert keep(np.array([]), 4).tolist() == []


@pytest.mark.parametrize("wrong", [0, 3, -1, 2.5, "10", True], ids=repr)
def test_too_few_points_are_refused(wrong: Any) -> None:
    with pytest.raises(TrackingValidationError, match="max_points"):
        check_max_points(wrong)


def test_metadata_moves_with_its_point() -> None:
    value = np.zeros(1000)
    value[600] = 7.0
    history = History(np.arange(1000), value, np.arange(1000), {600: "kept", 601: "dropped"})
    found = thinned(history, 10)
    (place,) = found.metadata
    assert found.metadata[place] == "kept"
    assert found.step[place] == 600
    assert thinned(history, None) is history


@pytest.mark.parametrize("compacted", [False, True])
def test_the_log_thins_over_segments_and_parts(tmp_path: Any, compacted: bool) -> None:
    log = MetricLog(tmp_path, segment_points=1)
    value = np.sin(np.arange(200_000) / 1000)
    value[123_456], value[77] = 50.0, -50.0
    log.writer("exp", "run").append_batch("m", value, np.arange(200_000))
    if compacted:
        assert log.compact("exp").segments > 3
    found = log.history("exp", "run", "m", max_points=100)
    assert len(found) <= 100
    assert (found.step[0], found.step[-1]) == (0, 199_999)
    assert {77, 123_456} <= set(found.step.tolist())
    assert (np.diff(found.step) > 0).all()
    assert np.array_equal(found.value, value[found.step])
