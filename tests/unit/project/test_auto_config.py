"""The decisions about ML nodes, for inspection."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from tests.unit.project.conftest import Make

from tauro.errors import ConfigError
from tauro.project import BaseExecutor, MLOpsAutoConfigurator, PipelineExecutor

CODE = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from tauro.mlops import ExperimentTracker
def load_csv(): ...
def clean_data(): ...
def work(tracker: ExperimentTracker): ...
def train_xgboost(): ...
"""
NODES: dict[str, Any] = {
    "load_data": {"function": "steps.load_csv"},
    "transform": {"function": "steps.clean_data"},
    "train_model": {
        "function": "steps.train_xgboost",
        "type": "ml_training",
        "config": {"mlops": {"experiment_name": "xgboost-tuning"}},
    },
    "hinted": {"function": "steps.work"},
    "gone": {"function": "steps.train_gone"},
}


@pytest.fixture
def configurator(project: Make) -> MLOpsAutoConfigurator:
    executor = project(
        code=CODE,
        nodes=NODES,
        pipelines={
            "etl": {"nodes": ["load_data", "transform"]},
            "ml": {"nodes": ["load_data", "train_model", "hinted", "gone"]},
        },
        settings={"mlops": {"experiment_name": "global", "auto_log": False}},
    )
    return MLOpsAutoConfigurator(executor.context)


def test_pure_etl_has_no_ml_nodes(configurator: MLOpsAutoConfigurator) -> None:
    assert configurator.ml_nodes("etl") == []
    assert not configurator.is_ml_pipeline("etl")


def test_ml_nodes_are_named_with_their_reasons(configurator: MLOpsAutoConfigurator) -> None:
    found = configurator.detect("ml")
    assert configurator.is_ml_pipeline("ml")
    assert {name for name, detection in found.items() if detection.is_ml} == {
        "train_model",
        "hinted",
        "gone",
    }
    assert found["train_model"].reason == "its type is 'ml_training'"
    assert "type hint" in found["hinted"].reason
    assert "train" in found["gone"].reason, "a function that is not there is judged by its name"


def test_without_imports_only_words_and_keys_count(configurator: MLOpsAutoConfigurator) -> None:
    sys.modules.pop("steps", None)
    found = configurator.detect("ml", imports=False)
    assert not found["hinted"].is_ml
    assert found["train_model"].is_ml
    assert "steps" not in sys.modules


def test_settings_are_merged_from_node_to_defaults(configurator: MLOpsAutoConfigurator) -> None:
    settings = configurator.settings_for("ml", "train_model")
    assert settings.default_experiment_name == "xgboost-tuning"
    assert settings.origin("default_experiment_name").level == "node"
    assert settings.auto_log is False
    assert settings.origin("auto_log").level == "global"
    assert settings.origin("storage_path").level == "default"
    assert configurator.settings_for("ml").default_experiment_name == "global"


def test_an_unknown_pipeline_is_named(configurator: MLOpsAutoConfigurator) -> None:
    with pytest.raises(ConfigError, match="no pipeline 'mll'"):
        configurator.detect("mll")


def test_executors_make_their_mlops_context_on_demand(project: Make) -> None:
    executor = project(code=CODE, nodes=NODES)
    assert isinstance(executor, PipelineExecutor)
    assert issubclass(PipelineExecutor, BaseExecutor)
    base = BaseExecutor(executor.context)
    assert base.mlops_context is base.mlops_context
    assert str(base.mlops_context.config.storage_path).endswith("mlops_data")
