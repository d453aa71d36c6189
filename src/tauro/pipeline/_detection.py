"""Whether a node is machine learning, decided from words, keys and type hints.

The decision must be right both ways: a missed training run is not recorded, and a false alarm
makes an ETL pipeline pay for tracking. So whole words are compared, never parts of them
(``profit_report`` has no ``fit``), and words with several meanings count only in company.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass

from tauro.pipeline._hints import ML_SERVICES, Service
from tauro.pipeline._models import Node


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ML_KEYS = frozenset({"ml", "mlops", "config.mlops", "hyperparams", "metrics"})

_ALWAYS = _words(
    "ml mlops automl xgboost xgb lightgbm lgbm catboost sklearn scikit pytorch tensorflow keras "
    "hyperparameter hyperparameters hyperparam hyperparams hyperopt optuna classifier classifiers "
    "regressor regressors finetune finetuning retrain retraining pretrain pretraining "
    "autoencoder backtest crossval"
)
"""Words that have no other meaning in the name of a node."""

_VERBS = _words("train fit predict forecast classify")
"""Words that decide when the name starts with them."""

_ACTIONS = _words(
    "train training trainer fit fitting evaluate evaluation eval validate validation tune tuning "
    "score scoring predict prediction register registration promote promotion select selection "
    "deploy deployment calibrate calibration compare comparison explain serve serving build "
    "test optimize optimise inference search cross"
)
"""Words that decide beside one of ``_SUBJECTS``."""

_SUBJECTS = _words(
    "model models estimator estimators embedding embeddings classification clustering learner "
    "champion challenger"
)

_TRAINING = _words(
    "train training trainer fit fitting tune tuning evaluate evaluation calibrate calibration "
    "predict prediction scoring inference"
)
_DOUBTFUL_SUBJECTS = _words("network forest boosting regression")
"""Words that other trades have too, so that only those of training decide beside them."""

_PHRASES = frozenset(
    {
        ("cross", "validate"),
        ("cross", "validation"),
        ("fine", "tune"),
        ("fine", "tuning"),
        ("gradient", "boosting"),
        ("grid", "search"),
        ("linear", "regression"),
        ("logistic", "regression"),
        ("neural", "network"),
        ("random", "forest"),
    }
)
"""Pairs of words, one after the other, that have no other meaning."""

_FINAL = _words("training inference scoring prediction finetune")
"""Nouns that decide when the name ends with them."""

_OTHER_MODELS = _words(
    "data dimensional semantic star snowflake car cars vehicle phone device product fashion dbt "
    "business relational entity year number price pricing role scale"
)
"""Words beside which ``model`` means something else: a data model, a car's model."""

_RAILWAY = _words(
    "schedule schedules station stations timetable timetables ticket tickets delay delays arrival "
    "arrivals departure departures route routes line lines operator operators passenger passengers "
    "trip trips fare fares track tracks"
)
_PEOPLE = _words(
    "employee employees staff attendance course courses session sessions certificate certificates "
    "hours calendar hr compliance safety"
)
"""Words beside which ``train`` and ``training`` are of rails or of people."""

_SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_LEADING = _words("run do step task node job auto")


@dataclass(frozen=True, slots=True)
class Detection:
    """Whether a node counts as ML, and why.

    Attributes:
        is_ml: The decision.
        reason: What decided, for ``tauro config explain``.
    """

    is_ml: bool
    reason: str


def detect_ml(
    node: Node, services: Collection[Service] = (), enabled: bool | None = None
) -> Detection:
    """Return whether a node is ML.

    Args:
        node: The node, with the keys of its configuration as hints.
        services: What its function asks for by type hint, where that is known.
        enabled: What the settings say for this node in particular; None leaves it to detection.
    """
    if enabled is not None:
        return Detection(enabled, f"its settings say mlops.enabled: {str(enabled).lower()}")
    if node.type and _type_is_ml(node.type):
        return Detection(True, f"its type is {node.type!r}")
    keys = sorted(node.hints & ML_KEYS)
    if keys:
        return Detection(True, f"it has the key {keys[0]!r}")
    asked = sorted(service.value for service in services if service in ML_SERVICES)
    if asked:
        return Detection(True, f"its function asks for {asked[0]} by type hint")
    word = ml_word(node.name)
    if word:
        return Detection(True, f"its name says {word!r}")
    function = node.function_name.rpartition(".")[2]
    word = ml_word(function)
    if word:
        return Detection(True, f"the name of its function, {function!r}, says {word!r}")
    return Detection(False, "no word, key or type hint speaks of ML")


def ml_word(name: str) -> str:
    """Return the word by which a name speaks of ML, or an empty text."""
    words: list[str] = [word.lower() for word in _SPLIT.findall(name)]
    while len(words) > 1 and (words[0] in _LEADING or words[0].isdigit()):
        words = words[1:]
    present = set(words)
    for word in words:
        if word in _ALWAYS:
            return word
    for pair in itertools.pairwise(words):
        if pair in _PHRASES:
            return " ".join(pair)
    if not words or present & (_RAILWAY | _PEOPLE):
        return ""
    if words[0] in _VERBS:
        return words[0]
    if words[-1] in _FINAL:
        return words[-1]
    for subjects, actions in ((_SUBJECTS, _ACTIONS), (_DOUBTFUL_SUBJECTS, _TRAINING)):
        if present & subjects and present & actions and not present & _OTHER_MODELS:
            return f"{min(present & actions)} {min(present & subjects)}"
    return ""


def _type_is_ml(kind: str) -> bool:
    words = {word.lower() for word in _SPLIT.findall(kind)}
    return bool(words & (_ALWAYS | _FINAL | _VERBS)) or bool(words & _SUBJECTS & {"model"})
