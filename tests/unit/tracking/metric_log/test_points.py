"""How what several writers logged becomes one history and one summary."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tauro.tracking._metric_log._points import (
    Points,
    combined,
    merge,
    over_lanes,
    seq_of,
    summarize,
)


def points(
    times: Sequence[int],
    values: Sequence[float] | None = None,
    *,
    first: int = 0,
    metadata: dict[int, str] | None = None,
) -> Points:
    count = len(times)
    return Points(
        seq=np.arange(first, first + count, dtype=np.int64),
        step=np.arange(first, first + count, dtype=np.int64),
        time=np.array(times, np.int64),
        value=np.array(values if values is not None else times, np.float64),
        metadata=metadata or {},
    )


def test_lanes_merge_by_time_and_ties_by_name() -> None:
    merged = merge({"b": points([1, 5, 9], [10, 50, 90]), "a": points([1, 6, 7], [11, 60, 70])})
    assert merged.timestamp_ns.tolist() == [1, 1, 5, 6, 7, 9]
    assert merged.value.tolist() == [11, 10, 50, 60, 70, 90]


def test_a_lane_keeps_its_order_where_its_clock_goes_back() -> None:
    merged = merge({"a": points([10, 3, 12], [1, 2, 3]), "b": points([11], [9])})
    assert merged.value.tolist() == [1, 2, 9, 3]
    assert merged.timestamp_ns.tolist() == [10, 3, 11, 12]


def test_nothing_merges_to_nothing() -> None:
    assert len(merge({})) == 0
    assert len(merge({"a": points([])})) == 0


def test_metadata_is_found_at_its_place_in_the_merged_history() -> None:
    lanes = {
        "a": points([1, 4], first=100, metadata={101: "late", 999: "of another metric"}),
        "b": points([2, 3], first=500, metadata={500: "early"}),
    }
    merged = merge(lanes)
    assert merged.metadata == {1: "early", 3: "late"}
    assert merge({"a": lanes["a"]}).metadata == {1: "late"}


def test_files_join_in_the_order_logged() -> None:
    joined = Points.joined([points([7, 8], first=10), points([1, 2], first=0)])
    assert joined.seq.tolist() == [0, 1, 10, 11]
    assert joined.time.tolist() == [1, 2, 7, 8]


def test_places_of_later_segments_are_later() -> None:
    assert seq_of(2, np.array([0]))[0] > seq_of(1, np.array([2**32 - 1]))[0]


def test_a_summary_of_stretches_is_that_of_the_whole() -> None:
    values = [3.0, math.nan, -1.0, math.inf, 2.0, 2.0]
    times = [5, 1, 9, 2, 3, 4]
    whole = points(times, values)
    expected = summarize(whole)
    for cut in range(1, 6):
        first = whole.pick(np.arange(cut))
        second = whole.pick(np.arange(cut, 6))
        assert combined([summarize(second), summarize(first)]) == expected
    assert expected.summary.last_value == 2.0
    assert (expected.summary.min, expected.summary.max) == (-1.0, math.inf)
    assert (expected.when, expected.seq) == (9, 5)


def test_the_last_point_over_lanes_is_the_last_of_the_history() -> None:
    lanes = {
        "a": points([1, 30, 2], [1, 2, 3]),
        "b": points([4, 5], [4, 5]),
        "c": points([30], [6]),
    }
    merged = merge(lanes)
    total = over_lanes({name: summarize(lane) for name, lane in lanes.items()})
    assert total.last_value == merged.value[-1]
    assert total.last_timestamp_ns == merged.timestamp_ns[-1]
    assert (total.count, total.min, total.max) == (6, 1.0, 6.0)


def test_a_metric_that_is_never_a_number_has_no_least() -> None:
    summary = summarize(points([1, 2], [math.nan, math.nan])).summary
    assert math.isnan(summary.min)
    assert math.isnan(summary.max)
    assert summary.count == 2
