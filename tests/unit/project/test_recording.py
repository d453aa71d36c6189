"""What counts as a metric and as a model in what a node returned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from tauro.project._recording import is_model, models_of, open_run, recorded_run_id, scalars_of

MODEL = LinearRegression()


@pytest.mark.parametrize(
    ("value", "metrics"),
    [
        (None, {}),
        ("text", {}),
        (True, {}),
        (3, {"node": 3.0}),
        (0.5, {"node": 0.5}),
        (np.float64(0.25), {"node": 0.25}),
        (np.array(2), {"node": 2.0}),
        (np.zeros(3), {}),
        ({"a": 1, "b": "x", "c": False, "d": None}, {"a": 1.0}),
        ({"train": {"loss": 0.5, "deep": {"er": 1}}}, {"train.loss": 0.5, "train.deep.er": 1.0}),
        ({"frame": pd.DataFrame({"a": [1]}), "n": 1}, {"n": 1.0}),
        ([1, 2, 3], {}),
        ({}, {}),
    ],
)
def test_numbers_are_metrics_by_key(value: Any, metrics: dict[str, float]) -> None:
    assert scalars_of(value, "node") == metrics


def test_the_number_of_metrics_is_bounded() -> None:
    assert len(scalars_of({str(number): number for number in range(5000)}, "node")) == 200


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (MODEL, ["model"]),
        ((MODEL, {"accuracy": 1}), ["model"]),
        ([MODEL, MODEL], ["model_1", "model_2"]),
        ({"best": MODEL, "score": 1.0, "second": MODEL}, ["best", "second"]),
        ({"accuracy": 1.0}, []),
        (None, []),
        (pd.DataFrame({"a": [1]}), []),
    ],
)
def test_models_are_kept_by_key_or_by_number(value: Any, paths: list[str]) -> None:
    assert list(models_of(value)) == paths


class HasPredict:
    def predict(self, data: Any) -> Any:
        return data


@pytest.mark.parametrize(
    "value", [None, "model.pkl", 3, LinearRegression, len, HasPredict(), [], {}, np.zeros(2)]
)
def test_what_no_framework_made_is_no_model(value: Any) -> None:
    assert not is_model(value)


def test_a_transformer_that_does_not_predict_is_no_model() -> None:
    assert not is_model(StandardScaler())


def test_outside_a_node_there_is_no_run() -> None:
    assert recorded_run_id() is None
    with pytest.raises(AssertionError):
        open_run()
