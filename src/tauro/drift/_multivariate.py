"""Tests of all columns together, against shifts that no single column shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from tauro.drift._ks import ks_distance, ks_p_value
from tauro.drift._matrix import Matrix
from tauro.drift._permute import permutation_p_value
from tauro.drift._samples import TestOutcome

FloatArray = NDArray[np.float64]

TESTS: Final = ("classifier", "mmd", "pca")
MIN_EFFECTS: Final = {"classifier": 0.05, "mmd": 0.05, "pca": 0.05}
"""The smallest change that counts: AUC above one half, discrepancy, Kolmogorov-Smirnov distance."""

_FOLDS: Final = 3
_RIDGE: Final = 0.1
"""Of the classifier: share of the rows' number that is added to each squared feature."""
_REFITS: Final = 199
"""Cross-fits under permuted labels; they cost what one does, a thousandth."""
_EMPIRICAL: Final = 0.04
"""Below this share of the refits their normal law is asked: their count is too coarse."""
_KERNEL_ROWS: Final = 800
_DRAWS: Final = 499
"""Of each side for the discrepancy, whose cost is their square; and its permutations."""
_EXPLAINED: Final = 0.8
"""Share of the reference's variance that the components kept explain."""


def run(test: str, matrix: Matrix, rng: np.random.Generator) -> tuple[TestOutcome, list[str]]:
    """Return the outcome of a test by name, and the columns, most telling first."""
    tests: dict[str, Callable[[Matrix, np.random.Generator], tuple[TestOutcome, list[str]]]]
    tests = {"classifier": domain_classifier, "mmd": discrepancy, "pca": reconstruction}
    return tests[test](matrix, rng)


def domain_classifier(matrix: Matrix, rng: np.random.Generator) -> tuple[TestOutcome, list[str]]:
    """Train a classifier to tell the samples apart; its AUC on rows it has not seen says whether.

    A ridge classifier on the columns, their products (of up to 25) and random waves of all; it is
    linear in the labels, so the whole cross-fit is repeated under permuted labels for some
    thousandths of its cost, and the p-value is that of the AUC itself.
    """
    features = _Features(matrix.values, rng)
    inputs = features(matrix.values)
    fold = rng.permutation(np.arange(len(inputs)) % _FOLDS)
    solvers = [_fit(inputs[fold != k]) for k in range(_FOLDS)]

    def auc(labels: FloatArray) -> FloatArray:
        """Return the mean AUC over the folds, for each column of labels (0 and 1)."""
        total = np.zeros(labels.shape[1])
        for k, solve in enumerate(solvers):
            inside = fold == k
            weights = solve(labels[~inside] - labels[~inside].mean(axis=0))
            total += _auc(inputs[inside] @ weights, labels[inside])
        return total / _FOLDS

    labels = matrix.is_current.astype(np.float64)
    observed = float(auc(labels[:, None])[0])

    def draw(size: int) -> FloatArray:
        return auc(rng.permuted(np.repeat(labels[:, None], size, axis=1), axis=0))

    refits = draw(_REFITS)
    p_value = (1 + int(np.count_nonzero(refits >= observed))) / (1 + _REFITS)
    if p_value < _EMPIRICAL:  # the few draws cannot say more; a mean of ranks is near normal
        p_value = float(special.ndtr(-(observed - refits.mean()) / max(refits.std(ddof=1), 1e-12)))
    outcome = TestOutcome(observed, p_value, max(0.0, observed - 0.5), "permutation")
    weights = [
        solve(labels[fold != k] - labels[fold != k].mean()) for k, solve in enumerate(solvers)
    ]
    return outcome, _telling(matrix, features, weights, fold, rng)


class _Features:
    """The columns, their products where they are few, and cosines of random combinations."""

    MOST_PRODUCTS = 25
    WAVES = 100

    def __init__(self, values: FloatArray, rng: np.random.Generator) -> None:
        columns = values.shape[1]
        self._pairs = np.triu_indices(columns) if columns <= self.MOST_PRODUCTS else None
        self._waves = rng.normal(size=(columns, self.WAVES)) / np.sqrt(max(1, columns))
        self._phases = rng.uniform(0, 2 * np.pi, self.WAVES)
        raw = self._raw(values)
        self._mean, self._spread = raw.mean(axis=0), raw.std(axis=0) + 1e-12

    def _raw(self, values: FloatArray) -> FloatArray:
        parts = [values, np.cos(values @ self._waves + self._phases)]
        if self._pairs is not None:
            parts.append(values[:, self._pairs[0]] * values[:, self._pairs[1]])
        return np.hstack(parts)

    def __call__(self, values: FloatArray) -> FloatArray:
        return np.asarray((self._raw(values) - self._mean) / self._spread)


def _fit(inputs: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Return what solves the ridge regression of these inputs for any labels."""
    gram = inputs.T @ inputs
    gram[np.diag_indices_from(gram)] += _RIDGE * len(inputs)
    factor = linalg.cho_factor(gram, check_finite=False)

    def solve(labels: FloatArray) -> FloatArray:
        return np.asarray(linalg.cho_solve(factor, inputs.T @ labels, check_finite=False))

    return solve


def _auc(scores: FloatArray, labels: FloatArray) -> FloatArray:
    """Return the chance that a current row scores above a reference row, a column each."""
    order = np.argsort(scores, axis=0)
    ranked = np.take_along_axis(labels, order, axis=0)
    positive = labels.sum(axis=0)
    negative = len(labels) - positive
    ranks = np.arange(1, len(labels) + 1) @ ranked
    pairs = np.maximum(positive * negative, 1)
    return np.where(positive * negative > 0, (ranks - positive * (positive + 1) / 2) / pairs, 0.5)


def _telling(
    matrix: Matrix,
    features: _Features,
    weights: Sequence[FloatArray],
    fold: NDArray[np.int64],
    rng: np.random.Generator,
) -> list[str]:
    """Return the columns, first those whose shuffling lowers the AUC most."""
    labels = matrix.is_current.astype(np.float64)

    def auc(values: FloatArray) -> float:
        inputs = features(values)
        scores = np.empty(len(values))
        for k, weight in enumerate(weights):
            scores[fold == k] = inputs[fold == k] @ weight
        return float(_auc(scores[:, None], labels[:, None])[0])

    losses = []
    whole = auc(matrix.values)
    for index in range(len(matrix.columns)):
        shuffled = matrix.values.copy()
        mine = matrix.owner == index
        shuffled[:, mine] = shuffled[rng.permutation(len(shuffled))][:, mine]
        losses.append(whole - auc(shuffled))
    return [matrix.columns[i] for i in np.argsort(-np.array(losses), kind="stable")]


def discrepancy(matrix: Matrix, rng: np.random.Generator) -> tuple[TestOutcome, list[str]]:
    """Compare the samples by the maximum mean discrepancy of a Gaussian kernel, by permutation.

    The kernel is as wide as the median distance of the pooled rows. The effect is the root of the
    unbiased discrepancy.
    """
    keep = np.concatenate(
        [rng.permutation(np.flatnonzero(side))[:_KERNEL_ROWS] for side in _sides(matrix)]
    )
    rows, labels = matrix.values[keep], matrix.is_current[keep].astype(np.float64)
    squares = (rows**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares[None, :] - 2 * rows @ rows.T, 0.0)
    width = float(np.median(distances[np.triu_indices(len(rows), 1)])) or 1.0
    kernel = np.exp(-distances / width)
    np.fill_diagonal(kernel, 0.0)
    m = float(labels.sum())
    n = len(labels) - m
    total = float(kernel.sum())

    def statistic(current: FloatArray) -> FloatArray:
        inside = kernel @ current
        within = (current * inside).sum(axis=0)
        between = inside.sum(axis=0) - within
        outside = total - within - 2 * between
        return np.asarray(
            within / (m * max(1.0, m - 1)) + outside / (n * max(1.0, n - 1)) - 2 * between / (n * m)
        )

    observed = float(statistic(labels[:, None])[0])

    def draw(size: int) -> FloatArray:
        return statistic(rng.permuted(np.repeat(labels[:, None], size, axis=1), axis=0))

    p_value = permutation_p_value(observed, draw, draws=_DRAWS)
    effect = float(np.sqrt(max(0.0, observed)))
    return TestOutcome(observed, p_value, effect, "permutation"), list(matrix.columns)


def _sides(matrix: Matrix) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return ~matrix.is_current, matrix.is_current


def reconstruction(matrix: Matrix, rng: np.random.Generator) -> tuple[TestOutcome, list[str]]:
    """Fit principal components to half of the reference and compare how well they rebuild the rest.

    The errors of the other half and of the current rows, none of which the fit has seen, are
    compared by Kolmogorov-Smirnov. The statistic is the ratio of their means.
    """
    reference = rng.permutation(np.flatnonzero(~matrix.is_current))
    train, held = np.array_split(reference, 2)
    centre = matrix.values[train].mean(axis=0)
    _, strengths, axes = np.linalg.svd(matrix.values[train] - centre, full_matrices=False)
    explained = np.cumsum(strengths**2) / max(float((strengths**2).sum()), 1e-300)
    kept = int(np.searchsorted(explained, _EXPLAINED)) + 1
    kept = max(1, min(kept, matrix.values.shape[1] - 1))

    def squared(rows: FloatArray) -> FloatArray:
        moved = rows - centre
        return np.asarray((moved - (moved @ axes[:kept].T) @ axes[:kept]) ** 2)

    old = squared(matrix.values[held])
    new = squared(matrix.values[matrix.is_current])
    first, second = np.sort(old.sum(axis=1)), np.sort(new.sum(axis=1))
    gap, _ = ks_distance(first, second)
    p_value, method = ks_p_value(gap, first, second)
    ratio = float(second.mean() / first.mean()) if first.mean() > 0 else 1.0
    growth = np.abs(np.log((new.mean(axis=0) + 1e-12) / (old.mean(axis=0) + 1e-12)))
    by_column = [
        float(growth[matrix.owner == i].max(initial=0)) for i in range(len(matrix.columns))
    ]
    telling = [matrix.columns[i] for i in np.argsort(-np.array(by_column), kind="stable")]
    return TestOutcome(ratio, p_value, abs(gap), method), telling
