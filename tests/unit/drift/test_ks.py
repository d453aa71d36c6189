"""The Kolmogorov-Smirnov test: equal to scipy, exact with ties, calibrated."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from tauro.drift._ks import ks_distance, ks_p_value, untied_p_value
from tauro.drift._ties import bridge_p_value, exact_p_value

FloatArray = NDArray[np.float64]
SIZES = [(5, 7), (50, 50), (200, 1000), (999, 400), (3000, 3000), (20_000, 5000), (9999, 10_001)]


def samples(n: int, m: int, shift: float, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    return np.sort(rng.normal(size=n)), np.sort(rng.normal(shift, 1, size=m))


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.5])
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_statistic_and_place_equal_scipy(n: int, m: int, shift: float) -> None:
    x, y = samples(n, m, shift)
    expected = stats.ks_2samp(x, y, method="asymp")
    gap, where = ks_distance(x, y)
    assert abs(gap) == pytest.approx(expected.statistic, rel=1e-12)
    assert np.sign(gap) == expected.statistic_sign
    # Where the largest gap is in several places, which of them is told is a matter of rounding.
    for place in (where, expected.statistic_location):
        below = np.searchsorted(x, place, "right") / n - np.searchsorted(y, place, "right") / m
        assert below == pytest.approx(gap, rel=1e-12)


TIED: dict[str, Callable[[FloatArray], FloatArray]] = {
    "few values": lambda x: np.round(x, 0),
    "rounded": lambda x: np.round(x, 2),
    "half zeros": lambda x: np.maximum(x, 0),
    "constant": lambda x: x * 0,
}


@pytest.mark.parametrize("kind", TIED)
def test_statistic_equals_scipy_with_ties(kind: str) -> None:
    rng = np.random.default_rng(3)
    for n, m in [(40, 9000), (6000, 5000), (7000, 7000)]:
        x = np.sort(TIED[kind](rng.normal(size=n)))
        y = np.sort(TIED[kind](rng.normal(0.1, 1.2, size=m)))
        gap, _ = ks_distance(x, y)
        expected = stats.ks_2samp(x, y, method="asymp").statistic
        assert abs(gap) == pytest.approx(expected, abs=1e-12)


def test_disjoint_samples_are_as_far_apart_as_can_be() -> None:
    for n, m in [(5, 9000), (6000, 5000)]:
        gap, _ = ks_distance(np.linspace(0, 1, n), np.linspace(2, 3, m))
        assert gap == 1.0


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5])
@pytest.mark.parametrize(("n", "m"), [(5, 7), (12, 12), (50, 50), (100, 700), (300, 301)])
def test_small_samples_have_the_exact_p_value_of_scipy(n: int, m: int, shift: float) -> None:
    x, y = samples(n, m, shift)
    gap, _ = ks_distance(x, y)
    assert ks_p_value(gap, x, y)[0] == pytest.approx(
        stats.ks_2samp(x, y, method="exact").pvalue, rel=1e-9
    )


@pytest.mark.parametrize(("n", "m"), [(50, 50), (12, 30), (600, 600)])
@pytest.mark.parametrize("decimals", [1, 9])
def test_small_samples_say_that_their_p_value_is_exact(n: int, m: int, decimals: int) -> None:
    x, y = (np.sort(np.round(side, decimals)) for side in samples(n, m, 0.3))
    assert ks_p_value(ks_distance(x, y)[0], x, y)[1] == "exact"


@pytest.mark.parametrize("n", [10, 60, 400])
def test_the_law_of_equal_sizes_is_the_count_of_paths_from_the_least_gap_on(n: int) -> None:
    """Terms that cannot matter are left out, none that can."""
    apart = np.ones(2 * n, dtype=np.int64)
    for steps in sorted({1, 2, 3, 5, n // 10, n // 4, n}):
        expected = exact_p_value(steps / n, n, n, apart)
        assert untied_p_value(steps / n, n, n) == pytest.approx(expected, rel=1e-6, abs=1e-11)


def test_equal_sizes_are_exact_however_large() -> None:
    for shift in (0.0, 0.02, 0.04):
        x, y = samples(9000, 9000, shift)
        gap, _ = ks_distance(x, y)
        expected = stats.ks_2samp(x, y, method="exact").pvalue
        assert ks_p_value(gap, x, y)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(3000, 2000), (20_000, 5000), (100_000, 30_000)])
def test_large_samples_have_the_asymptotic_p_value_of_scipy(n: int, m: int) -> None:
    for shift in (0.0, 0.01, 0.03):
        x, y = samples(n, m, shift)
        gap, _ = ks_distance(x, y)
        expected = stats.ks_2samp(x, y, method="asymp").pvalue
        assert ks_p_value(gap, x, y)[0] == pytest.approx(expected, rel=0.01)


def test_exact_p_value_with_ties_is_the_share_of_all_relabellings() -> None:
    values = np.array([0.0, 0, 0, 1, 1, 2, 2, 2, 3])
    n = 4
    ways = [
        ks_distance(values[list(chosen)], np.delete(values, list(chosen)))[0]
        for chosen in itertools.combinations(range(len(values)), n)
    ]
    sizes = np.unique(values, return_counts=True)[1]
    for gap in sorted({round(abs(way), 12) for way in ways} - {0.0}):
        share = np.mean([abs(way) >= gap - 1e-9 for way in ways])
        assert exact_p_value(gap, n, len(values) - n, sizes) == pytest.approx(share, rel=1e-12)


def test_limit_with_ties_agrees_with_the_exact_law() -> None:
    """Six values of 600 against 600 rows: the limit for jumps is near the exact p-value."""
    rng = np.random.default_rng(5)
    x, y = np.sort(rng.integers(0, 6, 600) / 1.0), np.sort(rng.integers(0, 6, 620) / 1.0)
    pooled = np.concatenate([x, y])
    sizes = np.unique(pooled, return_counts=True)[1]
    ends = np.cumsum(sizes) / len(pooled)
    starts = [float(end - share) for end, share in zip(ends, sizes / len(pooled), strict=True)]
    shares = [float(share) for share in sizes / len(pooled)]
    atoms = tuple(zip(starts, shares, strict=True))
    root = np.sqrt(600 * 620 / 1220)
    for gap in (0.03, 0.05, 0.08):
        exact = exact_p_value(gap, 600, 620, sizes)
        assert bridge_p_value(root * gap, atoms) == pytest.approx(exact, rel=0.15)


def test_limit_with_one_small_atom_is_nearly_kolmogorovs() -> None:
    for height in (0.5, 0.8, 1.2, 1.6):
        expected = float(special.kolmogorov(height))
        assert bridge_p_value(height, ((0.5, 0.004),)) == pytest.approx(expected, abs=0.005)


def test_two_values_give_the_test_of_a_proportion() -> None:
    """With one jump of a half, the bridge is looked at once, where it is normal."""
    height = 0.7
    two = ((0.0, 0.5), (0.5, 0.5))
    assert bridge_p_value(height, two) == pytest.approx(2 * stats.norm.sf(height / 0.5), rel=1e-6)


def test_identical_samples_show_nothing() -> None:
    x = np.arange(10_000.0)
    gap, _ = ks_distance(x, x)
    assert gap == 0
    assert ks_p_value(gap, x, x) == (1.0, "exact")


@pytest.mark.parametrize(
    ("n", "m", "levels"), [(50, 50, 3), (200, 1000, 4), (2000, 1500, 5), (3000, 3000, 8)]
)
def test_false_alarms_with_ties_are_near_alpha(n: int, m: int, levels: int) -> None:
    """The usual p-value is far too cautious with few values; ours uses most of the alpha."""
    rng = np.random.default_rng(11)
    trials = 400
    alarms = 0
    for _ in range(trials):
        x = np.sort(rng.integers(0, levels, n) / 1.0)
        y = np.sort(rng.integers(0, levels, m) / 1.0)
        alarms += ks_p_value(ks_distance(x, y)[0], x, y)[0] <= 0.05
    low, high = (stats.binom.ppf(chance, trials, 0.05) for chance in (0.0005, 0.9995))
    assert alarms <= high
    assert n == 50 or alarms >= low


def test_untied_p_value_is_one_without_a_gap_and_falls_with_it() -> None:
    values = [untied_p_value(gap, 400, 400) for gap in (0.0, 0.05, 0.1, 0.2)]
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)
