"""Tests of categories: equal to scipy where counts allow, exact or by permutation where not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tauro.drift._categorical import (
    chi_square,
    contingency,
    fisher,
    new_category_test,
    share_test,
    table_p_value,
)
from tauro.drift._permute import permutation_p_value
from tauro.drift._registry import categorical_test, categorical_tests
from tauro.drift._samples import CategoricalSample


def counted(**counts: int) -> CategoricalSample:
    return CategoricalSample(counts, 0)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_chi_square_equals_scipy_where_counts_are_large() -> None:
    old, new = counted(a=500, b=300, c=200), counted(a=90, b=80, c=30)
    ours = chi_square(old, new, rng())
    expected = stats.chi2_contingency([[500, 300, 200], [90, 80, 30]], correction=False)
    assert ours.statistic == pytest.approx(expected.statistic)
    assert ours.p_value == pytest.approx(expected.pvalue)
    assert ours.method == "asymptotic"
    assert ours.effect == pytest.approx((abs(0.5 - 0.45) + abs(0.3 - 0.4) + abs(0.2 - 0.15)) / 2)


@pytest.mark.parametrize("table", [[[8, 2], [1, 5]], [[3, 0], [0, 3]], [[40, 1], [30, 9]]])
def test_two_categories_with_small_counts_have_fishers_p_value(table: list[list[int]]) -> None:
    old, new = np.array(table)
    expected = stats.fisher_exact(np.array(table)).pvalue
    assert fisher(old, new) == pytest.approx(expected, rel=1e-9)
    p_value, method = table_p_value(old, new, rng())
    assert p_value == pytest.approx(expected, rel=1e-9)
    assert method == "exact"


def test_small_counts_are_permuted() -> None:
    old, new = np.array([40, 3, 2, 5]), np.array([30, 9, 8, 1])
    p_value, method = table_p_value(old, new, rng())
    assert method == "permutation"
    result = stats.chi2_contingency(
        [old, new], correction=False, method=stats.PermutationMethod(n_resamples=20_000, rng=1)
    )
    assert p_value == pytest.approx(result.pvalue, rel=0.3)


def test_hundreds_of_categories_use_the_moments_of_permutations() -> None:
    generator = rng()
    old = generator.multinomial(1000, np.full(600, 1 / 600))
    new = generator.multinomial(1000, np.full(600, 1 / 600))
    p_value, method = table_p_value(old, new, rng())
    assert method == "moments of permutations"
    assert 0.001 < p_value < 0.999
    shifted = generator.multinomial(1000, np.linspace(0.2, 1.8, 600) / 600)
    assert table_p_value(old, shifted, rng())[0] < 0.01


@pytest.mark.parametrize(("n", "m"), [(50, 50), (200, 1000), (500, 500)])
def test_false_alarms_with_rare_categories_are_near_alpha(n: int, m: int) -> None:
    generator = np.random.default_rng(3)
    shares = np.array([0.6, 0.2, 0.1, 0.04, 0.03, 0.02, 0.007, 0.003])
    trials = 300
    alarms = sum(
        table_p_value(
            generator.multinomial(n, shares), generator.multinomial(m, shares), generator
        )[0]
        <= 0.05
        for _ in range(trials)
    )
    assert stats.binom.ppf(0.0005, trials, 0.05) <= alarms <= stats.binom.ppf(0.9995, trials, 0.05)


def test_one_category_cannot_drift() -> None:
    assert table_p_value(np.array([50]), np.array([70]), rng()) == (1.0, "exact")
    assert table_p_value(np.array([50, 0]), np.array([70, 0]), rng()) == (1.0, "exact")


def test_contingency_lines_categories_up() -> None:
    labels, old, new = contingency(counted(a=1, b=2), counted(c=3, a=4))
    assert labels == ["a", "b", "c"]
    assert old.tolist() == [1, 2, 0]
    assert new.tolist() == [4, 0, 3]


def test_a_share_is_compared_exactly_where_hits_are_few() -> None:
    few = share_test((0, 6), (100, 100))
    assert few.method == "exact"
    assert few.p_value == pytest.approx(stats.fisher_exact(np.array([[0, 100], [6, 94]])).pvalue)
    assert few.effect == pytest.approx(0.06)
    assert share_test((500, 600), (5000, 5000)).method == "asymptotic"
    assert share_test((50, 10), (100, 100)).statistic == pytest.approx(-0.4)


def test_a_new_category_of_many_rows_is_no_chance() -> None:
    outcome = new_category_test(np.array([500, 500, 0]), np.array([450, 450, 100]))
    assert outcome is not None
    assert outcome.p_value < 1e-12
    assert outcome.effect == 0.1


def test_a_new_category_of_one_row_is_chance() -> None:
    """One row of 1,200 falls among the 1,000 current ones five times of six."""
    outcome = new_category_test(np.array([200, 0]), np.array([999, 1]))
    assert outcome is not None
    assert outcome.p_value == pytest.approx(1000 / 1200, rel=1e-6)


def test_no_test_of_new_categories_where_none_could_be_unseen() -> None:
    assert new_category_test(np.array([500, 500]), np.array([450, 450])) is None
    possible = new_category_test(np.array([500, 1]), np.array([450, 0]))
    assert possible is not None
    assert possible.p_value == 1.0


@pytest.mark.parametrize(("n", "m"), [(100, 100), (300, 1000), (1000, 300)])
def test_unseen_categories_of_a_long_tail_raise_no_alarm(n: int, m: int) -> None:
    """A column of hundreds of rare categories has unseen ones every time."""
    generator = np.random.default_rng(4)
    shares = 1 / np.arange(1, 400) ** 1.1
    shares /= shares.sum()
    p_values = []
    for _ in range(200):
        outcome = new_category_test(
            generator.multinomial(n, shares), generator.multinomial(m, shares)
        )
        assert outcome is not None
        assert outcome.effect > 0
        p_values.append(outcome.p_value)
    alarms = np.sum(np.array(p_values) <= 0.05)
    assert alarms <= stats.binom.ppf(0.9995, 200, 0.05)
    assert stats.kstest(p_values, "uniform").statistic < 0.2


def test_many_rows_in_unseen_categories_are_counted_on_a_lattice() -> None:
    old = np.concatenate([np.full(50, 400), np.zeros(2, dtype=np.int64)])
    new = np.concatenate([np.full(50, 900), np.full(2, 30_000)])
    outcome = new_category_test(old, new)
    assert outcome is not None
    assert outcome.p_value < 1e-9


@pytest.mark.parametrize("name", categorical_tests())
def test_every_test_sees_nothing_in_equal_and_everything_in_disjoint_samples(name: str) -> None:
    test = categorical_test(name)
    same = test(counted(a=300, b=200), counted(a=300, b=200), rng())
    assert same.p_value > 0.5
    assert same.effect == pytest.approx(0, abs=1e-9)
    apart = test(counted(a=300, b=200), counted(c=300, d=200), rng())
    assert apart.p_value < 0.001
    assert apart.effect > 0.5
    constant = test(counted(a=5), counted(a=9), rng())
    assert (constant.p_value, constant.effect) == (1.0, 0.0)


@pytest.mark.parametrize("name", categorical_tests())
def test_order_and_names_of_categories_do_not_matter(name: str) -> None:
    test = categorical_test(name)
    one = test(counted(a=300, b=200, c=100), counted(a=250, b=250, c=80), rng())
    two = test(counted(z=300, y=200, x=100), counted(y=250, x=80, z=250), rng())
    assert two.statistic == pytest.approx(one.statistic)
    assert two.effect == pytest.approx(one.effect)


def test_permutations_stop_early_where_nothing_is_seen() -> None:
    asked: list[int] = []

    def draw(size: int) -> np.ndarray:
        asked.append(size)
        return rng().random(size)

    assert permutation_p_value(0.5, draw) == pytest.approx(0.5, abs=0.15)
    assert sum(asked) <= 400
    assert permutation_p_value(2.0, draw, draws=999) == 1 / 1000
