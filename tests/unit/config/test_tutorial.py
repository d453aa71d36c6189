"""The files of the tutorial (seed 002) read as its text says."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.unit.config.conftest import load, write_files

from tauro.config import AppConfigManager, Context, ContextLoader


def test_reads_every_record(tutorial: Path) -> None:
    context = load(tutorial)
    pipeline = context.pipelines["ml_training_pipeline"]
    assert pipeline.nodes == ("train_churn_model",)
    assert pipeline.description == "Train and register customer churn prediction model"
    node = context.nodes["train_churn_model"]
    assert node.function == "pipelines.ml.train_model.train_and_register"
    assert node.inputs == {"training_data": "preprocessed_training_data"}
    assert node.outputs == ()
    dataset = context.inputs["preprocessed_training_data"]
    assert (dataset.path, dataset.format, dataset.engine) == (
        "data/train.parquet",
        "parquet",
        "pandas",
    )
    assert [(column.name, column.type) for column in dataset.schema] == [
        ("churn", "boolean"),
        ("age", "integer"),
    ]
    assert context.env == "dev"
    assert context.root == tutorial


def test_reads_the_mlops_block(tutorial: Path) -> None:
    settings = load(tutorial).mlops_for("ml_training_pipeline", "train_churn_model")
    assert settings.backend_type == "local"
    assert settings.storage_path == str(tutorial / "mlops_data")
    assert settings.model_retention_days == 90
    assert settings.default_experiment_name == "customer_churn"
    assert settings.experiment_tracking.metric_buffer_size == 200
    assert settings.experiment_tracking.auto_flush_metrics is True
    assert settings.registry.max_versions_per_model == 100
    assert settings.mlflow.tracking_uri == "http://127.0.0.1:5000"
    assert settings.mlflow.experiment_name == "customer_churn_ml"
    assert settings.mlflow.is_configured
    assert settings.enabled is None, "nobody said so; detection decides"


def test_says_that_nothing_is_mirrored_yet(tutorial: Path) -> None:
    (mirror,) = [str(w) for w in load(tutorial).warnings if "MLflow" in w.message]
    assert "global_settings.yaml:11:" in mirror


def test_says_where_each_value_is_written(tutorial: Path) -> None:
    context = load(tutorial)
    where = context.mlops.origin("model_retention_days")
    assert where.level == "global"
    assert where.location is not None
    assert (where.location.line, where.location.column) == (4, 25)
    place = context.origin("nodes.train_churn_model.inputs.training_data")
    assert place.file.endswith("nodes.yaml")
    assert (place.line, place.column) == (6, 22)


def test_runs_without_the_files_of_dev_and_says_so(
    tutorial: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="tauro.config"):
        context = load(tutorial)
    missing = [
        warning.message.split()[0] for warning in context.warnings if "not there" in str(warning)
    ]
    assert [Path(name).name for name in missing] == [
        "global_settings.yaml",
        "input.yaml",
        "output.yaml",
        "output.yaml",
    ]
    assert all("\n" not in record.message for record in caplog.records)
    assert "settings_json.json:12:" in caplog.text


def test_lays_the_files_of_dev_over_base(tutorial: Path) -> None:
    write_files(
        tutorial,
        {
            "config/dev/global_settings.yaml": """
                mlops:
                  experiment_tracking:
                    metric_buffer_size: 5
                """,
            "config/dev/input.yaml": """
                preprocessed_training_data:
                  filepath: data/small.parquet
                """,
            "config/dev/output.yaml": "",
        },
    )
    context = load(tutorial)
    assert context.mlops.experiment_tracking.metric_buffer_size == 5
    assert context.mlops.experiment_tracking.auto_flush_metrics is True
    dataset = context.inputs["preprocessed_training_data"]
    assert dataset.path == "data/small.parquet"
    assert len(dataset.schema) == 2, "what dev does not say stays as base has it"


def test_works_from_a_relative_descriptor(tutorial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step 6 of the tutorial, up to the executor."""
    monkeypatch.chdir(tutorial)
    descriptor = AppConfigManager("settings_json.json")
    config_paths = descriptor.get_env_config("dev")
    context = ContextLoader().load_from_paths(config_paths, "dev")
    assert context.root == tutorial
    assert descriptor.list_environments() == ["dev"]
    assert config_paths["nodes_config_path"].endswith("config/nodes.yaml")
    assert config_paths["input_config_path"].endswith("config/dev/input.yaml")


def test_a_context_of_paths_as_the_first_seed_makes_it(
    tutorial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tutorial)
    context = Context(
        global_settings="config/global_settings.yaml",
        pipelines_config="config/pipelines.yaml",
        nodes_config="config/nodes.yaml",
        input_config="config/input.yaml",
        output_config="config/output.yaml",
    )
    assert list(context.nodes) == ["train_churn_model"]
    assert context.mlops.default_experiment_name == "customer_churn"
    assert context.root == tutorial


def test_a_context_of_mappings() -> None:
    context = Context(
        nodes_config={"a": {"function": "m.f"}},
        pipelines_config={"p": {"nodes": ["a"]}},
        global_settings={"mlops_enabled": False},
    )
    assert context.pipelines["p"].nodes == ("a",)
    assert context.mlops.enabled is False
