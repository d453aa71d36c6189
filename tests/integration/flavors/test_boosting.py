"""XGBoost, LightGBM and CatBoost, each in its native format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.flavors._common import ROWS, WORDS, X, Y, round_trip

from tauro.errors import FlavorError
from tauro.flavors import load_model

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("default"),  # the framework's own warnings are not ours
]


class TestXGBoost:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")

    @pytest.mark.parametrize("kind", ["XGBClassifier", "XGBRegressor", "XGBRFClassifier"])
    def test_estimators_come_back_as_what_they_were(self, kind: str, tmp_path: Path) -> None:
        model = getattr(self.xgboost, kind)(n_estimators=3).fit(X, Y)
        spec, loaded = round_trip(model, tmp_path)
        assert (spec.flavor, spec.runs_code, spec.untrusted) == ("xgboost", "", [])
        assert type(loaded.native).__name__ == kind
        np.testing.assert_array_equal(loaded.predict(ROWS), model.predict(X))
        assert hasattr(loaded, "predict_proba") == hasattr(model, "predict_proba")

    def test_a_booster_comes_back(self, tmp_path: Path) -> None:
        model = self.xgboost.train({"max_depth": 2}, self.xgboost.DMatrix(X, Y), 3)
        _, loaded = round_trip(model, tmp_path)
        np.testing.assert_allclose(loaded.predict(X), model.predict(self.xgboost.DMatrix(X)))
        assert loaded.signature is not None
        assert loaded.signature.input_names == ["a", "b", "c"]

    @pytest.mark.parametrize("name", ["mine.ubj", "model.json"])
    def test_a_file_of_its_own_is_read(self, name: str, tmp_path: Path) -> None:
        model = self.xgboost.train({}, self.xgboost.DMatrix(X, Y), 2)
        (tmp_path / "m").mkdir()
        model.save_model(str(tmp_path / "m" / name))
        loaded = load_model(tmp_path / "m")
        np.testing.assert_allclose(loaded.predict(X), model.predict(self.xgboost.DMatrix(X)))

    def test_a_damaged_file_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "mine.ubj").write_bytes(b"{nonsense")
        with pytest.raises(FlavorError, match="cannot be read by XGBoost"):
            load_model(tmp_path / "m")


class TestLightGBM:
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed")

    @pytest.mark.parametrize("labels", [Y, WORDS, Y + (X["c"] > 0.5)])
    def test_a_classifier_keeps_its_labels(self, labels: Any, tmp_path: Path) -> None:
        model = self.lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, labels)
        spec, loaded = round_trip(model, tmp_path)
        assert (spec.flavor, spec.runs_code) == ("lightgbm", "")
        np.testing.assert_array_equal(loaded.predict(ROWS), model.predict(X))
        np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X))

    def test_regressors_and_boosters_come_back(self, tmp_path: Path) -> None:
        model = self.lightgbm.LGBMRegressor(n_estimators=3, verbose=-1).fit(X, Y)
        for name, each in (("estimator", model), ("booster", model.booster_)):
            _, loaded = round_trip(each, tmp_path / name)
            np.testing.assert_allclose(loaded.predict(X), model.predict(X))
            assert not hasattr(loaded, "predict_proba")

    def test_a_file_of_its_own_is_read_and_another_text_is_not(self, tmp_path: Path) -> None:
        model = self.lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(X, Y)
        for name in ("m", "n"):
            (tmp_path / name).mkdir()
        model.booster_.save_model(str(tmp_path / "m" / "mine.txt"))
        (tmp_path / "n" / "notes.txt").write_text("notes")
        np.testing.assert_allclose(load_model(tmp_path / "m").predict(X), model.predict(X))
        assert load_model(tmp_path / "n").spec.flavor == "files"


class TestCatBoost:
    catboost = pytest.importorskip("catboost", reason="CatBoost is not installed")

    def test_words_as_features_and_labels_come_back(self, tmp_path: Path) -> None:
        data = X.assign(city=["x", "y"] * 30)
        model = self.catboost.CatBoostClassifier(
            iterations=3, verbose=0, allow_writing_files=False, cat_features=["city"]
        ).fit(data, WORDS)
        spec, loaded = round_trip(model, tmp_path, data)
        assert (spec.flavor, spec.runs_code) == ("catboost", "")
        np.testing.assert_array_equal(loaded.predict(data.to_dict("records")), model.predict(data))
        np.testing.assert_allclose(loaded.predict_proba(data), model.predict_proba(data))

    def test_a_regressor_comes_back(self, tmp_path: Path) -> None:
        model = self.catboost.CatBoostRegressor(
            iterations=3, verbose=0, allow_writing_files=False
        ).fit(X, Y)
        _, loaded = round_trip(model, tmp_path)
        np.testing.assert_allclose(loaded.predict(X), model.predict(X))
