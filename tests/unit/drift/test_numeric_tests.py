"""The other tests of numbers: equal to scipy, closed forms, edge cases."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import spatial, stats

from tauro.drift._binned import bin_counts, reference_bins
from tauro.drift._numeric import ad_tail, cvm_tail
from tauro.drift._registry import numeric_test, numeric_tests
from tauro.drift._samples import NumericSample, TestOutcome
from tauro.drift._tally import deal, tally


def sample(values: NDArray[np.float64]) -> NumericSample:
    return NumericSample(np.sort(values), 0)


def run(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> TestOutcome:
    return numeric_test(name)(sample(x), sample(y), np.random.default_rng(0))


@pytest.mark.parametrize("shift", [0.0, 0.03, 0.08])
def test_cramer_von_mises_equals_scipy(shift: float) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=4000), rng.normal(shift, 1, size=2500)
    expected = stats.cramervonmises_2samp(x, y, method="asymptotic")
    ours = run("cramer_von_mises", x, y)
    assert ours.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert ours.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)


def test_small_cramer_von_mises_agrees_with_the_exact_test_of_scipy() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=12), rng.normal(0.9, 1, size=14)
    expected = stats.cramervonmises_2samp(x, y, method="exact").pvalue
    assert run("cramer_von_mises", x, y).p_value == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize("decimals", [1, 8])
def test_anderson_darling_equals_scipy(decimals: int) -> None:
    rng = np.random.default_rng(3)
    for n, m, shift in [(40, 60, 0.2), (4000, 3000, 0.03)]:
        x = np.round(rng.normal(size=n), decimals)
        y = np.round(rng.normal(shift, 1, size=m), decimals)
        ours = run("anderson_darling", x, y)
        with warnings.catch_warnings():  # of p-values beyond scipy's table, of `variant` to come
            warnings.simplefilter("ignore")
            expected = stats.anderson_ksamp([x, y])  # its default is of midranks
        variance = _ad_variance(n, m)
        assert (ours.statistic - 1) / math.sqrt(variance) == pytest.approx(
            expected.statistic, rel=1e-6
        )


def _ad_variance(n: int, m: int) -> float:
    """Return the variance of the statistic of two samples (Scholz and Stephens 1987)."""
    total, k = n + m, 2
    harmonic = 1 / n + 1 / m
    h = (1 / np.arange(1, total)).sum()
    inner = np.cumsum(1 / np.arange(total - 1, 1, -1))
    g = (inner / np.arange(2, total)).sum()
    a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * harmonic
    b = (2 * g - 4) * k**2 + 8 * h * k + (2 * g - 14 * h - 4) * harmonic - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * k**2 + (4 * h - 4 * g + 6) * k + (2 * h - 6) * harmonic + 4 * h
    d = (2 * h + 6) * k**2 - 4 * h * k
    top = a * total**3 + b * total**2 + c * total + d
    return float(top / ((total - 1.0) * (total - 2.0) * (total - 3.0)))


@pytest.mark.parametrize(
    ("tail", "quantiles"),
    [
        (cvm_tail, {0.10: 0.34730, 0.05: 0.46136, 0.01: 0.74346, 0.001: 1.16786}),
        (ad_tail, {0.10: 1.9330, 0.05: 2.4924, 0.01: 3.8781, 0.001: 5.9694}),
    ],
)
def test_tails_reach_the_published_quantiles(
    tail: Callable[[float], float], quantiles: dict[float, float]
) -> None:
    for p_value, quantile in quantiles.items():
        assert tail(quantile) == pytest.approx(p_value, rel=0.02)
    grid = np.linspace(0.01, 40, 400)
    values = [tail(point) for point in grid]
    assert all(0 <= value <= 1 for value in values)
    assert all(later <= earlier * 1.01 for earlier, later in itertools.pairwise(values))
    assert values[-1] > 0


def test_wasserstein_is_scipys_distance_and_the_shift_of_a_shifted_sample() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.lognormal(size=500), rng.lognormal(0.2, 1, size=700)
    ours = run("wasserstein", x, y)
    assert ours.statistic == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-9)
    shifted = run("wasserstein", x, x + 3)
    assert shifted.statistic == pytest.approx(3.0)
    assert shifted.effect == pytest.approx(3.0 / x.std())


def test_wasserstein_of_large_samples_is_dealt_in_groups() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=20_000), rng.normal(size=30_000)
    assert run("wasserstein", x, y).p_value > 0.01
    assert run("wasserstein", x, y + 0.1).p_value < 0.001


@pytest.mark.parametrize("delta", [0.25, 0.5, 1.0])
def test_divergences_reach_their_closed_forms(delta: float) -> None:
    """Two unit normals delta apart, in many bins of many rows."""
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=400_000), rng.normal(delta, 1, size=400_000)
    bins = 400
    psi = numeric_test("psi")(sample(x), sample(y), rng, bins=bins)  # type: ignore[call-arg]
    assert psi.effect == pytest.approx(delta**2, rel=0.03)
    hellinger = numeric_test("hellinger")(sample(x), sample(y), rng, bins=bins)  # type: ignore[call-arg]
    assert hellinger.effect == pytest.approx(math.sqrt(1 - math.exp(-(delta**2) / 8)), rel=0.01)
    ks = run("ks", x, y)
    assert ks.effect == pytest.approx(2 * stats.norm.cdf(delta / 2) - 1, abs=0.004)
    assert run("wasserstein", x, y).statistic == pytest.approx(delta, abs=0.01)


def test_jensen_shannon_is_scipys_distance_of_the_bins() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=200_000), rng.normal(0.5, 1, size=200_000)
    edges = reference_bins(sample(x))
    expected = spatial.distance.jensenshannon(
        bin_counts(sample(x), edges), bin_counts(sample(y), edges), base=2
    )
    assert run("jensen_shannon", x, y).effect == pytest.approx(expected, rel=0.001)


@pytest.mark.parametrize("name", ["psi", "jensen_shannon", "hellinger"])
def test_small_samples_of_one_population_show_no_divergence_on_average(name: str) -> None:
    """Without the correction the index of 50 against 50 rows is 0.36: a false alarm by itself."""
    rng = np.random.default_rng(8)
    outcomes = [run(name, rng.normal(size=50), rng.normal(size=50)) for _ in range(60)]
    raw = np.mean([outcome.statistic for outcome in outcomes])
    unit = {"psi": 1.0, "jensen_shannon": 1 / 8, "hellinger": 1 / 8}[name]
    assert raw == pytest.approx(9 * unit * (2 / 50), rel=0.25)
    assert np.median([outcome.effect for outcome in outcomes]) < 0.2


def test_equal_width_bins_would_miss_this_shift_of_a_skewed_column() -> None:
    rng = np.random.default_rng(9)
    x, y = rng.lognormal(0, 2.5, size=2000), rng.lognormal(0.5, 2.5, size=2000)
    wide = np.histogram_bin_edges(np.concatenate([x, y]), 10)
    p, q = (np.histogram(side, wide)[0] / 2000 for side in (x, y))
    assert np.abs(p - q).sum() / 2 < 0.02
    for name in ("ks", "psi", "cramer_von_mises", "anderson_darling"):
        assert run(name, x, y).p_value < 1e-4, name


def test_bins_hold_repeated_values_apart() -> None:
    values = np.concatenate([np.zeros(700), np.linspace(0.1, 1, 300)])
    counts = bin_counts(sample(values), reference_bins(sample(values)))
    assert counts.max() == 700
    assert counts.sum() == 1000
    constant = sample(np.ones(50))
    assert bin_counts(constant, reference_bins(constant)).sum() == 50


@pytest.mark.parametrize("name", numeric_tests())
def test_every_test_sees_nothing_in_equal_and_everything_in_disjoint_samples(name: str) -> None:
    x = np.arange(200.0)
    same, apart = run(name, x, x), run(name, x, x + 1e6)
    assert same.p_value > 0.9
    assert same.effect == pytest.approx(0, abs=1e-9)
    assert apart.p_value <= 1e-3
    assert apart.effect > 0.5


@pytest.mark.parametrize("name", numeric_tests())
def test_every_test_copes_with_constant_and_tiny_samples(name: str) -> None:
    ones = np.ones(40)
    assert run(name, ones, ones).p_value == 1.0
    assert run(name, ones, ones).effect == 0
    assert run(name, ones, ones + 1).p_value < 0.01
    single = run(name, np.array([1.0]), np.array([2.0]))
    assert 0 < single.p_value <= 1


def test_dealing_rows_keeps_their_number() -> None:
    rng = np.random.default_rng(0)
    for x, y in [(np.arange(6.0), np.arange(10.0, 15.0)), (np.ones(6), np.array([1.0, 2, 2]))]:
        counted = tally(sample(x), sample(y))
        dealt = deal(counted.pooled, len(x), 50, rng)
        assert (dealt.sum(axis=1) == len(x)).all()
        assert (dealt <= counted.pooled).all()


def test_coarse_tallies_keep_all_rows_and_the_order() -> None:
    rng = np.random.default_rng(1)
    counted = tally(sample(rng.normal(size=5000)), sample(np.round(rng.normal(size=4000))))
    coarse = counted.coarse()
    assert len(coarse.values) <= 256
    assert (coarse.first.sum(), coarse.second.sum()) == (5000, 4000)
    assert (np.diff(coarse.values) > 0).all()


@pytest.mark.parametrize(
    ("centre", "spread"),
    [(0, 1), (1e9, 1), (1e9, 1e-3), (-5, 1e6), (0, 1e300), (3, 0), (0, 1e-300)],
)
def test_mean_and_spread_are_right_at_every_scale(centre: float, spread: float) -> None:
    values = centre + spread * np.random.default_rng(0).normal(size=2000)
    mean, deviation = sample(values).moments()
    shift, size = float(np.median(values)), max(spread, 1e-300)
    scaled = (values - shift) / size
    assert mean == pytest.approx(shift + float(scaled.mean()) * size, rel=1e-9, abs=1e-9 * size)
    assert deviation == pytest.approx(float(scaled.std()) * size, rel=1e-6, abs=1e-300)
