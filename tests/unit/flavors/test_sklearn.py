"""scikit-learn: safe by default, honest where it cannot be."""

from __future__ import annotations

import io
import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import Birch
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from tauro.errors import CorruptDataError, FlavorError, UntrustedModelError
from tauro.flavors import load_model, read_spec, save_model

RANDOM = np.random.RandomState(0)
X = pd.DataFrame({"a": RANDOM.rand(40), "b": RANDOM.rand(40), "city": ["x", "y"] * 20})
Y = (X["a"] > 0.5).astype(int)
NUMBERS = X[["a", "b"]]


class Doubler(BaseEstimator):  # type: ignore[misc]
    """A transformer of the user's own."""

    def fit(self, X: Any, y: Any = None) -> Doubler:
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X) * 2


class Always(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of the user's own."""

    def fit(self, X: Any, y: Any) -> Always:
        self.answer_ = int(np.asarray(y)[0])
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.answer_)


def pipeline(model: Any) -> Any:
    """Return the pipeline that tables with numbers and categories need."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = ColumnTransformer([("n", numbers, ["a", "b"]), ("c", words, ["city"])])
    return make_pipeline(columns, model)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RandomForestClassifier(5, random_state=0),
        SVC(),
        KNeighborsClassifier(3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_pipelines_come_back_without_any_permission(model: Any, tmp_path: Path) -> None:
    fitted = pipeline(model).fit(X, Y)
    spec = save_model(fitted, tmp_path / "m", input_example=X.head(3))
    loaded = load_model(tmp_path / "m")
    assert (spec.flavor, spec.framework, spec.runs_code) == ("sklearn", "scikit-learn", "")
    assert (loaded.predict(X) == fitted.predict(X)).all()
    assert hasattr(loaded, "predict_proba") == hasattr(fitted, "predict_proba")


def test_gradient_boosting_comes_back(tmp_path: Path) -> None:
    fitted = HistGradientBoostingClassifier(max_iter=3).fit(NUMBERS, Y)
    save_model(fitted, tmp_path / "m")
    assert (load_model(tmp_path / "m").predict(NUMBERS) == fitted.predict(NUMBERS)).all()


def test_the_signature_comes_from_the_example(tmp_path: Path) -> None:
    save_model(pipeline(LogisticRegression()).fit(X, Y), tmp_path / "m", input_example=X.head(2))
    loaded = load_model(tmp_path / "m")
    assert loaded.signature is not None
    assert loaded.signature.input_names == ["a", "b", "city"]
    assert loaded.signature.outputs[0].type == "integer"
    pd.testing.assert_frame_equal(loaded.input_example, X.head(2))


def test_records_in_any_order_predict_as_the_frame_does(tmp_path: Path) -> None:
    fitted = pipeline(LogisticRegression()).fit(X, Y)
    save_model(fitted, tmp_path / "m", input_example=X)
    records = [{"city": "x", "b": row.b, "a": row.a, "id": 7} for row in X.itertuples()]
    assert (load_model(tmp_path / "m").predict(records) == fitted.predict(X.assign(city="x"))).all()


def test_the_users_own_type_must_be_trusted_by_name(tmp_path: Path) -> None:
    fitted = make_pipeline(Doubler(), LogisticRegression()).fit(NUMBERS, Y)
    spec = save_model(fitted, tmp_path / "m")
    own = spec.untrusted[0]
    assert own.endswith("Doubler")
    with pytest.raises(UntrustedModelError) as caught:
        load_model(tmp_path / "m")
    assert caught.value.context.details["untrusted"] == [own]
    assert (
        load_model(tmp_path / "m", trusted=[Doubler]).predict(NUMBERS) == fitted.predict(NUMBERS)
    ).all()
    assert load_model(tmp_path / "m", trusted=[own]).spec == spec


@pytest.mark.parametrize(
    "model",
    [make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression()), Birch(threshold=0.1)],
)
def test_what_skops_cannot_hold_is_a_pickle_that_needs_permission(
    model: Any, tmp_path: Path
) -> None:
    fitted = model.fit(NUMBERS, Y)
    spec = save_model(fitted, tmp_path / "m")
    assert "pickle" in spec.runs_code
    with pytest.raises(UntrustedModelError, match="allow_pickle=True"):
        load_model(tmp_path / "m")
    again = load_model(tmp_path / "m", allow_pickle=True)
    assert (again.predict(NUMBERS) == fitted.predict(NUMBERS)).all()


def test_saying_that_a_pickle_is_harmless_does_not_make_it_so(tmp_path: Path) -> None:
    save_model(Birch(threshold=0.1).fit(NUMBERS), tmp_path / "m")
    file = tmp_path / "m" / "model.json"
    spec = json.loads(file.read_text())
    del spec["runs_code"]
    file.write_text(json.dumps(spec))
    with pytest.raises(UntrustedModelError):
        load_model(tmp_path / "m")


def test_a_changed_byte_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    save_model(LogisticRegression().fit(NUMBERS, Y), tmp_path / "m")
    file = tmp_path / "m" / "model.skops"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(CorruptDataError, match=r"'model\.skops'.*was changed"):
        load_model(tmp_path / "m", allow_pickle=True)


def test_a_file_that_was_added_is_refused(tmp_path: Path) -> None:
    save_model(LogisticRegression().fit(NUMBERS, Y), tmp_path / "m")
    (tmp_path / "m" / "more.py").write_text("")
    with pytest.raises(CorruptDataError, match=r"'more\.py' was added"):
        load_model(tmp_path / "m")


def test_a_description_cannot_point_outside_the_folder(tmp_path: Path) -> None:
    save_model(Birch(threshold=0.1).fit(NUMBERS), tmp_path / "m")
    (tmp_path / "secret.pkl").write_bytes(b"")
    file = tmp_path / "m" / "model.json"
    file.write_text(file.read_text().replace('"file": "model.pkl"', '"file": "../secret.pkl"'))
    with pytest.raises(FlavorError, match=r"has no file '../secret\.pkl'"):
        load_model(tmp_path / "m", allow_pickle=True)


def test_an_estimator_class_of_the_user_is_saved_by_skops(tmp_path: Path) -> None:
    save_model(Always().fit(NUMBERS, Y), tmp_path / "m")
    assert read_spec(tmp_path / "m").data["format"] == "skops"
    assert load_model(tmp_path / "m", trusted=[Always]).predict(NUMBERS)[0] == Y[0]


def test_a_transformer_without_predict_transforms(tmp_path: Path) -> None:
    save_model(StandardScaler().fit(NUMBERS), tmp_path / "m")
    assert load_model(tmp_path / "m").predict(NUMBERS).shape == (40, 2)


def test_an_estimator_that_asks_for_the_category_dtype_gets_it_from_records(
    tmp_path: Path,
) -> None:
    data = X.assign(city=pd.Categorical(X["city"]))
    labels = (data["city"] == "y").astype(int)
    model = HistGradientBoostingClassifier(
        max_iter=5, min_samples_leaf=2, categorical_features="from_dtype"
    ).fit(data, labels)
    save_model(model, tmp_path / "m", input_example=data)
    loaded = load_model(tmp_path / "m")
    assert loaded.predict(X.to_dict("records")).tolist() == labels.tolist()
    assert loaded.predict([{"a": 0.1, "b": 0.1, "city": "y"}]).tolist() == [1]


def test_a_partial_is_trusted_no_more_than_its_function(tmp_path: Path) -> None:
    functions: dict[str, Any] = {"harmless": np.mean, "code": eval}
    for name, function in functions.items():
        model = FunctionTransformer(partial(function, axis=1))
        spec = save_model(model, tmp_path / name)
        assert bool(spec.untrusted or spec.runs_code) == (function is eval)
    with pytest.raises(UntrustedModelError):
        load_model(tmp_path / "code")


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    """Also an equal one that was fitted anew, at other addresses and at another time."""
    saved = []
    for name in ("first", "again"):
        model = make_pipeline(
            ColumnTransformer(
                [("n", StandardScaler(), ["a", "b"]), ("c", OneHotEncoder(), ["city"])]
            ),
            RandomForestClassifier(n_estimators=3, random_state=0),
        ).fit(X, Y)
        for turn in range(2):
            save_model(model, tmp_path / f"{name}-{turn}", input_example=X)
            saved.append((tmp_path / f"{name}-{turn}" / "model.skops").read_bytes())
    assert saved[0] == saved[1]
    assert saved[2] == saved[3]
    with zipfile.ZipFile(io.BytesIO(saved[0])) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        assert "000001.npy" in archive.namelist()
    loaded = load_model(tmp_path / "again-1")
    assert loaded.predict(X).tolist() == model.predict(X).tolist()


def test_what_is_one_object_stays_one(tmp_path: Path) -> None:
    shared = np.arange(5.0)
    model = Doubler()
    model.first, model.second, model.other = shared, shared, np.arange(5.0)
    save_model(model, tmp_path / "m")
    native = load_model(tmp_path / "m", trusted=[Doubler]).native
    assert native.first is native.second
    assert native.other is not native.first
    assert native.other.tolist() == shared.tolist()
