"""Which rows are held out, and how well a model does on them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forest_cover.schema import TARGET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HELD_OUT = 0.2


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to learn from and rows to be measured on."""

    train: pd.DataFrame
    test: pd.DataFrame


def split_samples(samples: pd.DataFrame, seed: int = 42) -> Split:
    """Return 80 % of each class to train on, 20 % to test on.

    Within a class the rows are ordered by a hash of the seed and the sample, and the first fifth is
    held out. So a row stays on its side while the table grows, but for the few at the border: a
    random split of the grown table would test the incumbent on rows that it was trained on, and
    it would seldom lose. A class of a single row is trained on and not tested.

    Args:
        samples: The features, the class, and ``sample_hash``.
        seed: Another seed holds out other rows.

    Raises:
        ValueError: There are fewer than two classes to tell apart.
    """
    counts = samples[TARGET].value_counts()
    if len(counts) < 2 or counts.max() < 2:
        raise ValueError(
            f"training needs samples of two classes or more, got {len(samples)} of "
            f"{len(counts)}; ingest more batches first"
        )
    rank = _rank_in_class(samples, seed)
    size = samples[TARGET].map(counts)
    held_out = (size * HELD_OUT).round().clip(lower=1).where(size > 1, 0)
    test = rank < held_out
    return Split(samples[~test], samples[test])


def take_stratified(samples: pd.DataFrame, rows: int | None, seed: int = 42) -> pd.DataFrame:
    """Return at most so many rows, with the classes in the proportions they have."""
    if rows is None or len(samples) <= rows:
        return samples
    share = (_rank_in_class(samples, seed) + 0.5) / samples[TARGET].map(
        samples[TARGET].value_counts()
    )
    chosen = share.to_numpy().argsort(kind="stable")[:rows]
    return samples.iloc[np.sort(chosen)]


def _rank_in_class(samples: pd.DataFrame, seed: int) -> pd.Series[Any]:
    keys = pd.Series(
        [hashlib.sha256(f"{seed}:{h}".encode()).hexdigest() for h in samples["sample_hash"]],
        index=samples.index,
    )
    return keys.groupby(samples[TARGET]).rank(method="first") - 1


def measure(truth: Sequence[int], predicted: Sequence[int]) -> dict[str, float]:
    """Return accuracy, and precision, recall and F1 as averages over classes and class by class.

    Averages are over the classes that the truth holds: whoever is measured on the same rows is
    averaged over the same classes, whatever else a model may have predicted.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    labels = sorted(set(truth))
    columns = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0.0)
    precision, recall, f1, _ = (np.asarray(column, dtype=float) for column in columns)
    metrics = {
        "accuracy": float(accuracy_score(truth, predicted)),
        "f1_macro": float(f1.mean()),
        "precision": float(precision.mean()),
        "recall": float(recall.mean()),
    }
    for index, label in enumerate(labels):
        metrics[f"precision_class_{label}"] = float(precision[index])
        metrics[f"recall_class_{label}"] = float(recall[index])
        metrics[f"f1_class_{label}"] = float(f1[index])
    return metrics


def confusion(truth: Sequence[int], predicted: Sequence[int]) -> dict[str, Any]:
    """Return the confusion matrix as plain values: rows are the truth, columns the predictions."""
    from sklearn.metrics import confusion_matrix

    labels = sorted({*map(int, truth), *map(int, predicted)})
    return {
        "labels": labels,
        "matrix": confusion_matrix(truth, predicted, labels=labels).tolist(),
    }


def draw_confusion(found: dict[str, Any], title: str) -> Figure:
    """Return a picture of a confusion matrix; its colours are shares of the true class."""
    from matplotlib.figure import Figure

    labels, matrix = found["labels"], np.array(found["matrix"])
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Greens", vmin=0, vmax=1)
    axes.set(title=title, xlabel="predicted", ylabel="true")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count}", ha="center", va="center", color=colour, size=8)
    return figure
