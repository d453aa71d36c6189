"""The three models that compete: one preparation, three ways to learn from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from forest_cover.schema import CATEGORICAL, CATEGORY_STEPS, NUMERIC


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model before training.

    Attributes:
        name: What its run is called.
        kind: The class of its last step.
        parameters: What that class is made with.
        max_rows: How many rows it may learn from; None is all. The time of an SVC grows with their
            square, and the table grows for ever.
    """

    name: str
    kind: type[BaseEstimator]
    parameters: dict[str, Any] = field(default_factory=dict)
    max_rows: int | None = None

    def build(self) -> Pipeline:
        """Return the model, ready to be fitted to a frame of the 12 features."""
        return Pipeline([("prepare", preparation()), ("model", self.kind(**self.parameters))])


def candidates(svc_max_rows: int | None, seed: int = 42) -> list[Candidate]:
    """Return the three models that are trained."""
    return [
        Candidate("logistic_regression", LogisticRegression, {"C": 1.0, "max_iter": 1000}),
        Candidate(
            "random_forest", RandomForestClassifier, {"n_estimators": 100, "random_state": seed}
        ),
        Candidate("svc", SVC, {"C": 10.0, "gamma": "scale"}, svc_max_rows),
    ]


def preparation() -> ColumnTransformer:
    """Return what turns the 12 features, as anybody may spell them, into numbers."""
    numbers = [("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())]
    categories = [
        # A missing value is NaN in a frame that was read, None in one that was made of JSON.
        ("impute", SimpleImputer(strategy="most_frequent")),
        ("impute_none", SimpleImputer(strategy="most_frequent", missing_values=None)),
        ("text", FunctionTransformer(np.asarray, kw_args={"dtype": "U"})),
        *((step.__name__, FunctionTransformer(step)) for step in CATEGORY_STEPS),
        ("one_hot", OneHotEncoder(handle_unknown="ignore")),
    ]
    return ColumnTransformer(
        [
            ("numbers", Pipeline(numbers), list(NUMERIC)),
            ("categories", Pipeline(categories), list(CATEGORICAL)),
        ]
    )
