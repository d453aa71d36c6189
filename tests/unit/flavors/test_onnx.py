"""ONNX: graphs on arrays and on columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skl2onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tests.integration.flavors._common import ARRAY, WORDS, X, Y, round_trip

from tauro.errors import FlavorError
from tauro.flavors import load_model, save_model


def test_a_classifier_on_an_array(tmp_path: Path) -> None:

    model = LogisticRegression().fit(ARRAY, Y)
    graph = skl2onnx.to_onnx(model, ARRAY)
    spec, loaded = round_trip(graph, tmp_path, ARRAY)
    assert (spec.flavor, spec.runs_code) == ("onnx", "")
    np.testing.assert_array_equal(loaded.predict(ARRAY), model.predict(ARRAY))
    np.testing.assert_allclose(
        loaded.predict_proba(ARRAY),
        model.predict_proba(ARRAY),
        rtol=1e-4,
    )


def test_a_pipeline_on_columns_takes_records(tmp_path: Path) -> None:

    data = X.assign(city=["x", "y"] * 30)
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["a", "b", "c"]), ("w", OneHotEncoder(), ["city"])]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(data, WORDS)
    types = [(name, FloatTensorType([None, 1])) for name in "abc"]
    graph = skl2onnx.convert_sklearn(
        model, initial_types=[*types, ("city", StringTensorType([None, 1]))]
    )
    save_model(graph, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert loaded.signature is not None
    assert [(c.name, c.type) for c in loaded.signature.inputs] == [
        ("a", "float"),
        ("b", "float"),
        ("c", "float"),
        ("city", "string"),
    ]
    np.testing.assert_array_equal(loaded.predict(data.to_dict("records")), model.predict(data))
    np.testing.assert_allclose(loaded.predict_proba(data), model.predict_proba(data), rtol=1e-4)


def test_a_file_of_its_own_is_read_and_damage_is_said(tmp_path: Path) -> None:

    graph = skl2onnx.to_onnx(LinearRegression().fit(ARRAY, Y), ARRAY)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine.onnx").write_bytes(graph.SerializeToString())
    assert load_model(tmp_path / "m").predict(ARRAY).shape == (60, 1)
    (tmp_path / "m" / "mine.onnx").write_bytes(b"nonsense")
    with pytest.raises(FlavorError, match="cannot be read by ONNX Runtime"):
        load_model(tmp_path / "m")
