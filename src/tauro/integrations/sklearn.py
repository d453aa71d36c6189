"""scikit-learn: record a fitted estimator, or a search with each of its candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from tauro._internal._optional import load
from tauro.errors import ValidationError
from tauro.integrations._target import RunTarget, plain_parameters
from tauro.tracking import Run

_base: Any = load("sklearn.base", extra="mlops", purpose=__name__)
_metrics: Any = load("sklearn.metrics", extra="mlops", purpose=__name__)
_validation: Any = load("sklearn.utils.validation", extra="mlops", purpose=__name__)

_CURVES: Final[Mapping[str, str]] = {
    "loss_curve_": "loss",
    "validation_scores_": "validation_score",
    "validation_score_": "validation_score",
    "train_score_": "train_score",
    "oob_scores_": "oob_score",
}
"""Attributes in which estimators that iterate keep their curves, and the metric of each."""

_FIGURES: Final[Mapping[str, str]] = {
    "n_iter_": "n_iter",
    "best_loss_": "best_loss",
    "best_validation_score_": "best_validation_score",
    "best_iteration_": "best_iteration",
    "n_estimators_": "n_estimators",
    "oob_score_": "oob_score",
    "inertia_": "inertia",
    "alpha_": "alpha",
}
"""Single numbers that fitting found."""


def log_estimator(
    estimator: Any,
    run: Run | None = None,
    *,
    X: Any = None,  # noqa: N803 - scikit-learn's own name
    y: Any = None,
    prefix: str = "test_",
    max_candidates: int = 50,
) -> dict[str, float]:
    """Record a fitted estimator in a run; return the metrics that were recorded.

    Its parameters, those of a pipeline's steps by their full names; the curves and figures that
    fitting left (``loss``, ``validation_score``, ``n_iter``, …); with data, its scores on them. Of
    a search (``GridSearchCV`` and its kin) also the best candidate with its parameters and score,
    all candidates as the table ``cv_results.csv``, and the best of them as child runs, each with
    its parameters, mean, spread and single scores of the folds.

    Args:
        estimator: A fitted estimator, pipeline or search.
        run: The run; by default the active run, opened if there is none.
        X: Data to score it on; the estimator does not see them otherwise.
        y: Their target.
        prefix: Put before the names of these scores.
        max_candidates: The most child runs for a search.

    Raises:
        NotFittedError: The estimator is not fitted; of scikit-learn.
        TrackingValidationError: The run is not open, or does not accept a name.
        ValidationError: ``y`` is given without ``X``.
    """
    _validation.check_is_fitted(estimator)
    if X is None and y is not None:
        raise ValidationError(
            "y is given without X; scores need both.", suggestions=["Pass X=…, y=…."]
        )
    # Before the run is touched: what fails here leaves nothing behind.
    scores = {} if X is None else _scores(estimator, X, y, prefix)
    target = RunTarget(run).run
    target.log_params(_parameters(estimator))
    target.set_tag("estimator", type(estimator).__name__)
    _log_curves(target, _fitted(estimator))
    figures = {**_figures(_fitted(estimator)), **scores}
    if hasattr(estimator, "cv_results_"):
        figures |= _log_search(target, estimator, max_candidates)
    target.log_metrics(figures)
    return figures


def _parameters(estimator: Any) -> dict[str, Any]:
    return plain_parameters({"estimator": type(estimator).__name__, **estimator.get_params()})


def _fitted(estimator: Any) -> Any:
    """Return what was fitted last: a search's best estimator, a pipeline's last step."""
    best = getattr(estimator, "best_estimator_", estimator)
    return best.steps[-1][1] if hasattr(best, "steps") else best


def _log_curves(run: Run, fitted: Any) -> None:
    for attribute, key in _CURVES.items():
        found = getattr(fitted, attribute, None)
        if found is not None and np.ndim(found) == 1 and len(found):
            run.log_metrics_batch({key: np.asarray(found, float)})


def _figures(fitted: Any) -> dict[str, float]:
    found = {key: getattr(fitted, name, None) for name, key in _FIGURES.items()}
    # Some estimators keep one number a class or a target: their greatest is no figure of the whole.
    return {
        key: float(np.ravel(value)[0])
        for key, value in found.items()
        if value is not None and np.size(value) == 1
    }


def _scores(estimator: Any, data: Any, target: Any, prefix: str) -> dict[str, float]:
    """Return the estimator's own score and those of its kind."""
    found: dict[str, float] = {}
    # Several outputs at once have no one accuracy; their own score still says something.
    single = target is not None and np.ndim(target) == 1
    if single and _base.is_classifier(estimator):
        found = _classification(estimator, data, target)
    elif single and _base.is_regressor(estimator):
        guess = estimator.predict(data)
        found = {
            "r2": _metrics.r2_score(target, guess),
            "rmse": _metrics.root_mean_squared_error(target, guess),
            "mae": _metrics.mean_absolute_error(target, guess),
        }
    if hasattr(estimator, "score"):
        found["score"] = estimator.score(data, target)
    return {f"{prefix}{name}": float(value) for name, value in found.items()}


def _classification(estimator: Any, data: Any, target: Any) -> dict[str, float]:
    guess = estimator.predict(data)
    averages = {"average": "macro", "zero_division": 0}
    found = {
        "accuracy": _metrics.accuracy_score(target, guess),
        "precision_macro": _metrics.precision_score(target, guess, **averages),
        "recall_macro": _metrics.recall_score(target, guess, **averages),
        "f1_macro": _metrics.f1_score(target, guess, **averages),
    }
    # The area under the curve needs every class among the targets.
    if hasattr(estimator, "predict_proba") and set(np.unique(target)) == set(estimator.classes_):
        chances = estimator.predict_proba(data)
        found["log_loss"] = _metrics.log_loss(target, chances)
        chosen = chances[:, 1] if chances.shape[1] == 2 else chances
        found["roc_auc"] = _metrics.roc_auc_score(target, chosen, multi_class="ovr")
    return found


def _log_search(run: Run, search: Any, max_candidates: int) -> dict[str, float]:
    """Record a search's candidates; return the figures of the best."""
    table = pd.DataFrame(search.cv_results_)
    plain = table.assign(params=[str(params) for params in table["params"]])
    run.log_table(plain, "cv_results.csv")
    ranks = [name for name in table.columns if name.startswith("rank_test_")]
    refit = search.refit if isinstance(search.refit, str) else "score"
    rank = f"rank_test_{refit}" if f"rank_test_{refit}" in ranks else ranks[0]
    for index in table[rank].sort_values(kind="stable").index[:max_candidates]:
        _log_candidate(run, table.loc[index], int(index))
    found: dict[str, float] = {"candidates": len(table)}
    if hasattr(search, "best_params_"):
        run.log_params(plain_parameters(search.best_params_, "best_"))
    if hasattr(search, "best_score_"):
        found |= {"best_score": float(search.best_score_), "best_index": int(search.best_index_)}
    return found


def _log_candidate(parent: Run, row: Mapping[str, Any], index: int) -> None:
    run = parent.tracker.start_run(
        parent.experiment_id,
        f"candidate {index}",
        parameters=plain_parameters(row["params"]),
        tags={"sklearn.candidate": index},
        parent_run_id=parent,
    )
    with run:
        for name, value in row.items():
            fold, split, metric = str(name).partition("_test_")
            if name == "params" or name.startswith("param_"):
                continue
            if split and fold.startswith("split"):
                run.log_metric(f"fold_{metric}", value, step=int(fold.removeprefix("split")))
            elif not name.startswith("split"):
                run.log_metric(str(name), value)
