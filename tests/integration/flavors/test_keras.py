"""Keras on PyTorch: its archive in safe mode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.integration.flavors._common import ARRAY, round_trip

from tauro.errors import UntrustedModelError
from tauro.flavors import load_model, save_model

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("default"),  # the framework's own warnings are not ours
]
keras = pytest.importorskip("keras", reason="Keras is not installed")


def test_a_model_comes_back(tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2)]
    )
    spec, loaded = round_trip(model, tmp_path, ARRAY)
    assert (spec.flavor, spec.runs_code, spec.untrusted) == ("keras", "", [])
    np.testing.assert_allclose(loaded.predict(ARRAY), model.predict(ARRAY, verbose=0))


def test_code_in_a_layer_needs_permission(tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential([layers.Input((3,)), layers.Lambda(lambda x: x * 2)])
    spec = save_model(model, tmp_path / "m")
    assert "Lambda" in spec.runs_code
    with pytest.raises(UntrustedModelError, match="Lambda"):
        load_model(tmp_path / "m")
    loaded = load_model(tmp_path / "m", allow_pickle=True)
    np.testing.assert_allclose(loaded.predict(ARRAY), ARRAY * 2)
