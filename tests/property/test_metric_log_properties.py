"""What holds of the metric log's parts for all input."""

from __future__ import annotations

import zlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tauro.tracking._metric_log._checksum import checksums
from tauro.tracking._metric_log._envelope import keep
from tauro.tracking._metric_log._format import (
    BODY_SIZE,
    KEY,
    METADATA,
    RUN,
    SLOT,
    SLOT_SIZE,
    Names,
    definition,
    metadata_bodies,
)
from tauro.tracking._metric_log._points import Points, combined, merge, over_lanes, summarize

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
INT64 = st.integers(-(2**63), 2**63 - 1)


@given(data=st.binary(min_size=0, max_size=SLOT_SIZE * 200), salt=st.integers(0, 2**32 - 1))
def test_checksums_are_those_of_zlib(data: bytes, salt: int) -> None:
    data = data[: len(data) // SLOT_SIZE * SLOT_SIZE]
    slots = np.frombuffer(data, SLOT) if data else np.empty(0, SLOT)
    expected = [
        zlib.crc32(data[at : at + BODY_SIZE], salt) for at in range(0, len(data), SLOT_SIZE)
    ]
    assert checksums(slots, salt).tolist() == expected


@given(text=NAMES.filter(lambda text: len(text.encode()) <= 1020), number=st.integers(1, 65535))
def test_names_are_read_back(text: str, number: int) -> None:
    for kind in (RUN, KEY):
        names = Names()
        for place, body in enumerate(definition(kind, number, text.encode())):
            names.add(place, body)
        assert (names.runs if kind == RUN else names.keys) == {number: text}


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_metadata_is_read_back(text: str) -> None:
    names = Names()
    bodies = metadata_bodies(5, text.encode())
    for place, body in enumerate(bodies):
        assert body[0] == METADATA
        names.add(place, body)
    assert names.metadata == {5: text}


@given(values=st.lists(FLOATS, max_size=500), most=st.integers(4, 60))
@settings(deadline=None)
def test_thinning_keeps_first_last_lowest_and_highest(values: list[float], most: int) -> None:
    column = np.array(values, np.float64)
    kept = keep(column, most)
    assert len(kept) <= max(most, len(values)) if len(values) <= most else len(kept) <= most
    assert (np.diff(kept) > 0).all()
    if values:
        assert kept[0] == 0
        assert kept[-1] == len(values) - 1
    numbers = column[~np.isnan(column)]
    if len(numbers):
        assert np.nanmax(column[kept]) == numbers.max()
        assert np.nanmin(column[kept]) == numbers.min()


LANE = st.lists(st.tuples(INT64, INT64, FLOATS), min_size=1, max_size=30)


def points(rows: list[tuple[int, int, float]]) -> Points:
    step, time, value = zip(*rows, strict=True)
    return Points(
        np.arange(len(rows)),
        np.array(step, np.int64),
        np.array(time, np.int64),
        np.array(value, np.float64),
    )


@given(lanes=st.dictionaries(st.sampled_from("abc"), LANE, min_size=1), cut=st.integers(1, 29))
@settings(deadline=None)
def test_a_summary_is_that_of_the_merged_history(
    lanes: dict[str, list[tuple[int, int, float]]], cut: int
) -> None:
    parts = {}
    for name, rows in lanes.items():
        whole = points(rows)
        stretches = [whole.pick(np.arange(cut)[: len(rows)]), whole.pick(np.arange(cut, len(rows)))]
        parts[name] = combined([summarize(some) for some in stretches if len(some)])
    history = merge({name: points(rows) for name, rows in lanes.items()})
    total = over_lanes(parts)
    assert total.count == len(history)
    assert total.last_step == history.step[-1]
    assert total.last_timestamp_ns == history.timestamp_ns[-1]
    assert np.array_equal([total.last_value], [history.value[-1]], equal_nan=True)
    numbers = history.value[~np.isnan(history.value)]
    if len(numbers):
        assert (total.min, total.max) == (numbers.min(), numbers.max())
    for name, rows in lanes.items():
        assert len(points(rows)) == parts[name].summary.count
