"""XGBoost, LightGBM and CatBoost, each in its native format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.integration.flavors._common import RANDOM, ROWS, WORDS, X, Y, round_trip

from tauro.errors import FlavorError
from tauro.flavors import load_model

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("default"),  # the framework's own warnings are not ours
]


WORDED = X.assign(
    city=pd.Categorical(RANDOM.choice(["oslo", "rome", "bern"], 60)),
    floor=pd.Categorical(RANDOM.choice([3, 1, 7], 60)),
)
PICKED = ((WORDED["city"] == "rome") | (WORDED["floor"] == 7)).astype(int)


# LightGBM looks at categories of a hundred rows and more by default.
EAGER: dict[str, Any] = {
    "n_estimators": 5,
    "min_child_samples": 2,
    "min_data_per_group": 1,
    "cat_smooth": 1,
    "verbose": -1,
}


def check_categories(model: Any, folder: Path) -> None:
    """Check that a model of WORDED answers the same however the categories arrive."""
    spec, loaded = round_trip(model, folder, WORDED)
    assert spec.signature is not None
    known = {c.name: c.categories for c in spec.signature.inputs if c.categories}
    assert known == {"city": ("bern", "oslo", "rome"), "floor": (1, 3, 7)}
    expected = model.predict_proba(WORDED)
    same = WORDED.assign(
        city=pd.Categorical(["bern"] * 60, categories=known["city"]),
        floor=pd.Categorical([1] * 60, categories=known["floor"]),
    )
    assert not np.allclose(model.predict_proba(same), expected)  # it does look at the categories
    rows = WORDED.astype({"city": str, "floor": int}).to_dict("records")
    np.testing.assert_allclose(loaded.predict_proba(rows), expected)
    backwards = WORDED.assign(
        city=WORDED["city"].cat.set_categories(["rome", "oslo", "bern"]),
        floor=WORDED["floor"].cat.set_categories([7, 3, 1]),
    )
    np.testing.assert_allclose(loaded.predict_proba(backwards), expected)
    for position in (0, 30, 59):  # alone, a row holds one category of three
        alone = loaded.predict_proba([rows[position]])
        np.testing.assert_allclose(alone, expected[position : position + 1])
    columns = pd.DataFrame(rows)[["a", "b", "c", "city", "floor"]]
    np.testing.assert_array_equal(loaded.predict_checked(columns), model.predict(WORDED))


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

    def test_categories_are_those_of_training(self, tmp_path: Path) -> None:
        model = self.xgboost.XGBClassifier(n_estimators=5, enable_categorical=True)
        check_categories(model.fit(WORDED, PICKED), tmp_path)

    def test_a_booster_takes_categories(self, tmp_path: Path) -> None:
        data = self.xgboost.DMatrix(WORDED, PICKED, enable_categorical=True)
        model = self.xgboost.train({"max_depth": 2}, data, 3)
        _, loaded = round_trip(model, tmp_path, WORDED)
        rows = WORDED.astype({"city": str, "floor": int}).to_dict("records")
        np.testing.assert_allclose(loaded.predict(rows), model.predict(data))

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

    def test_categories_are_those_of_training(self, tmp_path: Path) -> None:
        model = self.lightgbm.LGBMClassifier(**EAGER)
        check_categories(model.fit(WORDED, PICKED), tmp_path)

    def test_a_category_that_training_had_not_counts_as_missing(self, tmp_path: Path) -> None:
        model = self.lightgbm.LGBMClassifier(**EAGER)
        _, loaded = round_trip(model.fit(WORDED, PICKED), tmp_path, WORDED)
        row = {"a": 0.5, "b": 0.5, "c": 0.5, "floor": 1}
        missing = WORDED.head(1).assign(
            a=0.5, b=0.5, c=0.5, floor=pd.Categorical([1], categories=[1, 3, 7]), city=np.nan
        )
        missing["city"] = missing["city"].astype(WORDED["city"].dtype)
        found = loaded.predict_proba([{**row, "city": "paris"}])
        np.testing.assert_allclose(found, model.predict_proba(missing))

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

    def test_categories_are_those_of_training(self, tmp_path: Path) -> None:
        model = self.catboost.CatBoostClassifier(
            iterations=5, verbose=0, allow_writing_files=False, cat_features=["city", "floor"]
        )
        check_categories(model.fit(WORDED, PICKED), tmp_path)

    def test_a_damaged_file_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "mine.cbm").write_bytes(b"nonsense")
        with pytest.raises(FlavorError, match="cannot be read by CatBoost"):
            load_model(tmp_path / "m")

    def test_a_file_of_its_own_is_read(self, tmp_path: Path) -> None:
        model = self.catboost.CatBoostRegressor(
            iterations=3, verbose=0, allow_writing_files=False
        ).fit(X, Y)
        (tmp_path / "m").mkdir()
        model.save_model(str(tmp_path / "m" / "mine.cbm"))
        np.testing.assert_allclose(load_model(tmp_path / "m").predict(X), model.predict(X))

    def test_a_regressor_comes_back(self, tmp_path: Path) -> None:
        model = self.catboost.CatBoostRegressor(
            iterations=3, verbose=0, allow_writing_files=False
        ).fit(X, Y)
        _, loaded = round_trip(model, tmp_path)
        np.testing.assert_allclose(loaded.predict(X), model.predict(X))
