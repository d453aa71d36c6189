"""ML detection: a table of names, half of them traps, and what overrules a name."""

from __future__ import annotations

from typing import Any

import pytest

from tauro.pipeline import Node, Service, detect_ml, ml_word

ML_NAMES = [
    "train_model",
    "train",
    "TrainModel",
    "trainChurnModel",
    "train_churn_model",
    "train_xgboost",
    "train_and_register",
    "train_forest_models",
    "model_training",
    "training",
    "retrain_weekly",
    "01_train_baseline",
    "run_training",
    "fit",
    "fit_scaler",
    "fit_transform",
    "predict_churn",
    "batch_scoring",
    "score_model",
    "evaluate_model",
    "model_evaluation",
    "validate_model",
    "tune_hyperparameters",
    "hyperopt_search",
    "register_model",
    "promote_champion",
    "deploy_model",
    "lightgbm_classifier",
    "build_sklearn_features",
    "batch_inference",
    "compare_models",
    "ml_features",
    "forecast_demand",
    "finetune_encoder",
    "cross_validate_estimator",
    "select_best_model",
    "cross_validate",
    "fine_tune_bert",
    "grid_search",
    "random_forest",
    "logistic_regression_baseline",
    "neural_network",
    "evaluate_network",
    "daily_forest_tuning",
]

TRAPS = [
    "test_network",
    "build_network_topology",
    "register_network",
    "compare_regression_files",
    "regression_test_results",
    "select_forest_plots",
    "build_forest_map",
    "score_forest",
    "search_the_grid",
    "validate_crossings",
    "fine_collection",
    "random_sample",
    "linear_interpolation",
    "profit_report",
    "benefits",
    "outfit_catalog",
    "remodel_address",
    "scoreboard_load",
    "fitness_members",
    "retrofit_orders",
    "constrain_values",
    "strain_measurements",
    "restrained_list",
    "train_schedule_load",
    "train_stations",
    "employee_training_hours",
    "training_attendance",
    "data_model_export",
    "build_data_model",
    "validate_data_model",
    "register_car_model",
    "phone_models_import",
    "model_year_lookup",
    "html_export",
    "xml_load",
    "yaml_merge",
    "remove_duplicates",
    "predicted_arrivals",
    "unpredictable_events",
    "classified_ads",
    "mlb_games",
    "email_blast",
    "normalize_names",
    "infer_schema",
    "validate_orders",
    "evaluate_invoices",
    "test_connection",
    "load_csv",
    "clean_data",
    "tuneup_appointments",
    "testimonials",
    "selection_of_shops",
    "estimated_arrival",
]


@pytest.mark.parametrize("name", ML_NAMES)
def test_a_name_that_speaks_of_ml_is_recognised(name: str) -> None:
    assert ml_word(name)


@pytest.mark.parametrize("name", TRAPS)
def test_a_name_that_only_looks_like_ml_is_not(name: str) -> None:
    assert ml_word(name) == ""


def node(name: str = "step", function: str = "etl.step", **fields: Any) -> Node:
    return Node(name=name, function=function, **fields)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (node("train_model"), "its name says 'train'"),
        (node(function="pipelines.ml.train_model.train_and_register"), "says 'train'"),
        (node(type="ml_training"), "its type is 'ml_training'"),
        (node(hints=frozenset({"mlops"})), "it has the key 'mlops'"),
        (node(hints=frozenset({"hyperparams"})), "it has the key 'hyperparams'"),
        (node(hints=frozenset({"config.mlops"})), "it has the key 'config.mlops'"),
    ],
)
def test_the_reason_says_what_decided(given: Node, reason: str) -> None:
    found = detect_ml(given)
    assert found.is_ml
    assert reason in found.reason


@pytest.mark.parametrize("kind", ["etl", "transform", "batch", "html", ""])
def test_other_types_decide_nothing(kind: str) -> None:
    assert not detect_ml(node(type=kind)).is_ml


def test_a_folder_called_ml_does_not_make_its_etl_functions_ml() -> None:
    assert not detect_ml(node(function="pipelines.ml.load_csv")).is_ml


@pytest.mark.parametrize(
    ("service", "is_ml"),
    [
        (Service.TRACKER, True),
        (Service.REGISTRY, True),
        (Service.RUN, True),
        (Service.MLOPS, True),
        (Service.CONTEXT, False),
    ],
)
def test_a_type_hint_of_the_tracking_side_decides(service: Service, is_ml: bool) -> None:
    assert detect_ml(node(), {service}).is_ml is is_ml


def test_settings_overrule_everything_in_both_directions() -> None:
    off = detect_ml(node("train_model", hints=frozenset({"ml"})), {Service.TRACKER}, enabled=False)
    on = detect_ml(node("load_csv"), enabled=True)
    assert not off.is_ml
    assert off.reason == "its settings say mlops.enabled: false"
    assert on.is_ml


def test_a_function_given_as_an_object_is_judged_by_its_name() -> None:
    def train_model() -> None: ...

    def load() -> None: ...

    assert detect_ml(Node(name="a", function=train_model)).is_ml
    assert not detect_ml(Node(name="a", function=load)).is_ml
