"""What must not matter does not: order, units, monotone transforms, duplicates, names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import stats

from tauro.drift import DriftDetector
from tauro.drift._categorical import table_p_value
from tauro.drift._decide import CORRECTIONS, correct
from tauro.drift._ks import ks_distance, ks_p_value
from tauro.drift._registry import numeric_test
from tauro.drift._samples import NumericSample
from tauro.drift._sketch import Sketch
from tauro.drift._ties import exact_p_value

Values = NDArray[np.float64]
columns = hnp.arrays(
    np.float64, st.integers(1, 60), elements=st.integers(-50, 50).map(lambda x: x / 4)
)
RANKED = ["ks", "cramer_von_mises", "anderson_darling"]


def outcome(name: str, x: Values, y: Values) -> tuple[float, float]:
    found = numeric_test(name)(
        NumericSample(np.sort(x), 0), NumericSample(np.sort(y), 0), np.random.default_rng(0)
    )
    return found.statistic, found.p_value


@pytest.mark.parametrize("name", RANKED)
@given(x=columns, y=columns)
@settings(max_examples=25, deadline=None)
def test_rank_tests_do_not_see_monotone_transforms(name: str, x: Values, y: Values) -> None:
    before, after = outcome(name, x, y), outcome(name, np.exp(x / 5) * 7, np.exp(y / 5) * 7)
    assert after == pytest.approx(before, rel=1e-9, abs=1e-12)


@given(x=columns, y=columns, factor=st.sampled_from([1e-6, 0.5, 1000.0]), offset=st.integers(-9, 9))
@settings(max_examples=25, deadline=None)
def test_wasserstein_follows_the_unit(x: Values, y: Values, factor: float, offset: int) -> None:
    before, _ = outcome("wasserstein", x, y)
    after, _ = outcome("wasserstein", x * factor + offset, y * factor + offset)
    assert after == pytest.approx(before * factor, rel=1e-6, abs=1e-9)
    assert before == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-9, abs=1e-12)


@given(x=columns, y=columns, seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_reports_do_not_see_the_order_of_rows(x: Values, y: Values, seed: int) -> None:
    rng = np.random.default_rng(seed)
    detector = DriftDetector()
    before = detector.detect_data_drift(x, y)
    after = detector.detect_data_drift(rng.permutation(x), rng.permutation(y))
    assert after.to_json() == before.to_json()


@given(x=columns, y=columns)
@settings(max_examples=60, deadline=None)
def test_the_distance_is_symmetric_and_the_largest_gap_there_is(x: Values, y: Values) -> None:
    forth, back = ks_distance(np.sort(x), np.sort(y))[0], ks_distance(np.sort(y), np.sort(x))[0]
    assert abs(forth) == pytest.approx(abs(back))
    gaps = [(x <= point).mean() - (y <= point).mean() for point in np.concatenate([x, y])]
    assert abs(forth) == pytest.approx(np.abs(gaps).max())


@given(x=columns, y=columns, times=st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_duplicated_rows_leave_the_effect_and_lower_the_p_value(
    x: Values, y: Values, times: int
) -> None:
    once, many = (np.sort(x), np.sort(y)), (np.sort(np.tile(x, times)), np.sort(np.tile(y, times)))
    gap, repeated = ks_distance(*once)[0], ks_distance(*many)[0]
    assert abs(repeated) == pytest.approx(abs(gap))
    assert ks_p_value(repeated, *many)[0] <= ks_p_value(gap, *once)[0] + 1e-9


@given(
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=12),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_the_exact_p_value_falls_with_the_distance(sizes: list[int], data: st.DataObject) -> None:
    total = sum(sizes)
    n = data.draw(st.integers(1, total - 1))
    levels = np.array(sizes)
    found = [exact_p_value(gap, n, total - n, levels) for gap in np.linspace(0.01, 1, 12)]
    assert all(0 <= p_value <= 1 for p_value in found)
    assert all(b <= a + 1e-9 for a, b in itertools.pairwise(found))


@given(
    values=hnp.arrays(np.float64, st.integers(1, 3000), elements=st.floats(-1e6, 1e6)),
    cuts=st.lists(st.integers(0, 3000), max_size=4),
)
@settings(max_examples=40, deadline=None)
def test_a_profile_in_parts_keeps_the_rows_and_the_distribution(
    values: Values, cuts: list[int]
) -> None:
    parts = [part for part in np.split(values, sorted(cuts)) if len(part)]
    merged = Sketch.of(NumericSample(np.sort(parts[0]), 0))
    for part in parts[1:]:
        merged = merged.merge(Sketch.of(NumericSample(np.sort(part), 0)))
    assert merged.present == len(values)
    assert (np.diff(merged.values) > 0).all()
    assert (merged.between >= 0).all()
    assert (merged.at >= 0).all()
    gap, _ = ks_distance(merged.sample().values, np.sort(values))
    assert abs(gap) <= 0.005


@given(p_values=st.lists(st.floats(0, 1), max_size=30))
@settings(max_examples=60, deadline=None)
def test_corrections_keep_the_order_and_never_lower_a_p_value(p_values: list[float]) -> None:
    for correction in CORRECTIONS:
        corrected = correct(p_values, correction)
        assert len(corrected) == len(p_values)
        pairs = list(zip(p_values, corrected, strict=True))
        assert all(p - 1e-12 <= c <= 1 for p, c in pairs)
        ranked = [c for _, c in sorted(pairs)]
        assert ranked == sorted(ranked)
    if p_values:
        expected = stats.false_discovery_control(p_values)
        assert correct(p_values, "benjamini-hochberg") == pytest.approx(expected.tolist())


@given(
    counts=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_tables_have_a_p_value_whatever_their_counts(
    counts: list[tuple[int, int]], seed: int
) -> None:
    first, second = np.array(counts).T
    if not first.sum() or not second.sum():
        return
    p_value, _ = table_p_value(first, second, np.random.default_rng(seed))
    assert 0 <= p_value <= 1
    swapped, _ = table_p_value(second, first, np.random.default_rng(seed))
    assert swapped == pytest.approx(p_value, rel=0.5, abs=0.05)
