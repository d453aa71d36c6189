from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from forest_cover.data import split_tenths
from forest_cover.evaluation import (
    confusion,
    draw_confusion,
    measure,
    split_samples,
    take_stratified,
)
from forest_cover.generator import generate_samples
from forest_cover.models import candidates, preparation
from forest_cover.schema import (
    CATEGORICAL,
    FEATURES,
    SOURCE_COLUMNS,
    TARGET,
    hash_samples,
    normalise,
)


def samples(rows: list[list[str]] | None = None) -> pd.DataFrame:
    given = generate_samples(1500) if rows is None else rows
    frame = normalise(pd.DataFrame(given, columns=list(SOURCE_COLUMNS)))
    return frame.assign(sample_hash=hash_samples(frame))


def labelled(counts: dict[int, int]) -> pd.DataFrame:
    """Samples of which only class and hash matter."""
    labels = [label for label, count in counts.items() for _ in range(count)]
    hashes = [hashlib.sha256(f"{i}".encode()).hexdigest() for i in range(len(labels))]
    return pd.DataFrame({TARGET: labels, "sample_hash": hashes})


def test_a_fifth_of_each_class_is_held_out() -> None:
    split = split_samples(labelled({0: 500, 1: 1000, 4: 35}))
    assert split.test[TARGET].value_counts().to_dict() == {0: 100, 1: 200, 4: 7}
    assert split.train[TARGET].value_counts().to_dict() == {0: 400, 1: 800, 4: 28}
    assert not set(split.train.index) & set(split.test.index)


def test_small_classes_are_trained_on_and_tested_where_they_can_be() -> None:
    split = split_samples(labelled({0: 50, 1: 1, 2: 2, 3: 4}))
    assert split.test[TARGET].value_counts().to_dict() == {0: 10, 2: 1, 3: 1}
    assert split.train[TARGET].value_counts().to_dict() == {0: 40, 1: 1, 2: 1, 3: 3}


@pytest.mark.parametrize("counts", [{}, {3: 100}, {1: 1, 2: 1}])
def test_too_little_to_tell_apart_is_an_error(counts: dict[int, int]) -> None:
    with pytest.raises(ValueError, match="ingest more batches first"):
        split_samples(labelled(counts))


def test_the_split_depends_on_the_samples_and_the_seed_alone() -> None:
    frame = labelled({0: 300, 1: 300})
    test = set(split_samples(frame).test["sample_hash"])
    assert set(split_samples(frame.sample(frac=1, random_state=1)).test["sample_hash"]) == test
    assert set(split_samples(frame, seed=7).test["sample_hash"]) != test


def test_rows_stay_on_their_side_while_the_table_grows() -> None:
    frame = labelled({0: 4000})
    frame.loc[frame.index % 2 == 1, TARGET] = 1
    before = split_samples(frame.iloc[:3000])
    after = split_samples(frame)
    leaked = set(before.train["sample_hash"]) & set(after.test["sample_hash"])
    # A random split would have moved about 480 of the 2,400 trained rows into the new hold-out.
    assert len(leaked) < 40


def test_a_bounded_part_keeps_the_proportions_and_is_repeatable() -> None:
    frame = labelled({0: 600, 1: 300, 2: 100})
    part = take_stratified(frame, 100)
    counts = part[TARGET].value_counts()
    assert len(part) == 100
    assert counts.to_dict() == {0: 60, 1: 30, 2: 10}
    pd.testing.assert_frame_equal(part, take_stratified(frame, 100))
    assert take_stratified(frame, None) is frame
    assert take_stratified(frame, 5000) is frame


def test_measures_are_those_of_the_textbook() -> None:
    metrics = measure([0, 0, 1, 1], [0, 1, 1, 1])
    assert metrics["accuracy"] == 0.75
    assert metrics["precision_class_0"] == 1.0
    assert metrics["recall_class_0"] == 0.5
    assert metrics["f1_class_0"] == pytest.approx(2 / 3)
    assert metrics["f1_class_1"] == pytest.approx(0.8)
    assert metrics["f1_macro"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert metrics["precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert metrics["recall"] == pytest.approx(0.75)


def test_classes_are_those_of_the_truth() -> None:
    # Class 6 is predicted and absent from the truth: it must not lower one model's average and
    # leave another's alone.
    metrics = measure([0, 0, 2, 2], [0, 0, 2, 6])
    assert set(metrics) == {
        "accuracy",
        "f1_macro",
        "precision",
        "recall",
        *(f"{kind}_class_{label}" for kind in ("precision", "recall", "f1") for label in (0, 2)),
    }
    assert metrics["f1_macro"] == pytest.approx((1 + 2 / 3) / 2)


def test_the_confusion_matrix_has_the_truth_in_rows() -> None:
    found = confusion([0, 0, 2], [0, 2, 6])
    assert found == {"labels": [0, 2, 6], "matrix": [[1, 1, 0], [0, 0, 1], [0, 0, 0]]}
    figure = draw_confusion(found, "svc")
    axes = figure.axes[0]
    assert axes.get_title() == "svc"
    assert [text.get_text() for text in axes.texts] == ["1", "1", "0", "0", "0", "1", "0", "0", "0"]


def test_there_are_three_candidates_and_only_the_svc_is_bounded() -> None:
    found = candidates(5000)
    assert [one.name for one in found] == ["logistic_regression", "random_forest", "svc"]
    assert [one.max_rows for one in found] == [None, None, 5000]


@pytest.mark.parametrize("candidate", candidates(None), ids=lambda one: one.name)
def test_each_model_learns_and_answers_with_whole_classes(candidate: object) -> None:
    split = split_samples(samples())
    model = candidate.build().fit(split.train[list(FEATURES)], split.train[TARGET])
    predicted = model.predict(split.test[list(FEATURES)])
    assert predicted.dtype.kind == "i"
    metrics = measure(split.test[TARGET].tolist(), predicted.tolist())
    # Always saying class 1, the most frequent one, gives less than 0.1.
    assert metrics["f1_macro"] > 0.5


@pytest.mark.parametrize("candidate", candidates(None), ids=lambda one: one.name)
def test_the_spelling_of_categories_changes_no_prediction(candidate: object) -> None:
    split = split_samples(samples())
    model = candidate.build().fit(split.train[list(FEATURES)], split.train[TARGET])
    features = split.test[list(FEATURES)]
    expected = model.predict(features).tolist()
    for spell in (str.upper, str.title, "  {}\t".format):
        other = features.assign(**{name: features[name].map(spell) for name in CATEGORICAL})
        assert model.predict(other).tolist() == expected


@pytest.mark.parametrize("missing", [None, np.nan], ids=["None", "NaN"])
@pytest.mark.parametrize("kind", ["object", "str"])
def test_missing_values_are_imputed_and_unknown_categories_ignored(
    missing: object, kind: str
) -> None:
    train = samples()[list(FEATURES)]
    prepare = preparation().fit(train)
    row = train.iloc[[0]].copy()
    modes = {name: train[name].mode()[0] for name in CATEGORICAL}
    medians = train[[name for name in FEATURES if name not in CATEGORICAL]].median()

    def matrix(frame: pd.DataFrame) -> np.ndarray:
        found = prepare.transform(frame)
        return found.toarray() if hasattr(found, "toarray") else found

    nothing = row.assign(**dict.fromkeys(medians.index, np.nan))
    for name in CATEGORICAL:
        nothing[name] = pd.Series([missing], dtype=kind, index=row.index)
    imputed = row.assign(**medians.to_dict(), **modes)
    np.testing.assert_allclose(matrix(nothing), matrix(imputed))

    strange = row.assign(**dict.fromkeys(CATEGORICAL, "a name that is far longer than any known"))
    assert matrix(strange)[0, 10:].sum() == 0
    assert matrix(row)[0, 10:].sum() == 2


def test_tenths_that_lack_classes_can_be_trained_on_and_measured() -> None:
    last = [row for tenth in split_tenths(generate_samples(4000))[8:] for row in tenth]
    frame = samples(last)
    assert set(frame[TARGET]) < set(range(7))
    split = split_samples(frame)
    model = candidates(None)[0].build().fit(split.train[list(FEATURES)], split.train[TARGET])
    metrics = measure(
        split.test[TARGET].tolist(), model.predict(split.test[list(FEATURES)]).tolist()
    )
    assert 0 < metrics["f1_macro"] <= 1
    # A model that knows all classes is measured over the same ones.
    full = split_samples(samples())
    other = candidates(None)[0].build().fit(full.train[list(FEATURES)], full.train[TARGET])
    again = measure(split.test[TARGET].tolist(), other.predict(split.test[list(FEATURES)]).tolist())
    assert set(again) == set(metrics)
