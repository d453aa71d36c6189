"""Projects made of text, and the tutorial's own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tauro.config import AppConfigManager, Context, ContextLoader

TUTORIAL = {
    "settings_json.json": """
        {
          "base_path": ".",
          "env_config": {
            "base": {
              "global_settings_path": "config/global_settings.yaml",
              "pipelines_config_path": "config/pipelines.yaml",
              "nodes_config_path": "config/nodes.yaml",
              "input_config_path": "config/input.yaml",
              "output_config_path": "config/output.yaml"
            },
            "dev": {
              "global_settings_path": "config/dev/global_settings.yaml",
              "input_config_path": "config/dev/input.yaml",
              "output_config_path": "config/dev/output.yaml"
            }
          }
        }
        """,
    "global_settings.yaml": """
        mlops:
          backend_type: local             # local filesystem (default) or databricks
          storage_path: ./mlops_data      # root for experiments, registry, and logs
          model_retention_days: 90
          default_experiment_name: customer_churn
          experiment_tracking:
            metric_buffer_size: 200       # buffer metrics to avoid OOM
            auto_flush_metrics: true      # flush on threshold
          registry:
            max_versions_per_model: 100
          mlflow:
            tracking_uri: http://127.0.0.1:5000    # optional: MLflow server
            experiment_name: customer_churn_ml
        """,
    "pipelines.yaml": """
        ml_training_pipeline:
          description: "Train and register customer churn prediction model"
          nodes:
            - train_churn_model
        """,
    "nodes.yaml": """
        nodes:
          train_churn_model:
            function: "pipelines.ml.train_model.train_and_register"
            description: "Train RandomForest model and register to registry"
            inputs:
              training_data: preprocessed_training_data  # Defined in input.yaml
        """,
    "inputs.yaml": """
        inputs:
          preprocessed_training_data:
            path: "data/train.parquet"
            format: "parquet"
            schema:
              - name: churn
                type: boolean
              - name: age
                type: integer
        """,
}

Write = Callable[[Mapping[str, str]], Path]


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files of indented text below the test's folder."""
    return lambda files: write_files(tmp_path, files)


def load(folder: Path, env: str = "dev") -> Context:
    paths = AppConfigManager(folder / "settings_json.json").get_env_config(env)
    return ContextLoader().load_from_paths(paths, env)


@pytest.fixture(params=["config", "config/base"])
def tutorial(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The tutorial's project, in either folder its text names."""
    files = {
        name if name == "settings_json.json" else f"{request.param}/{name}": text
        for name, text in TUTORIAL.items()
    }
    return write_files(tmp_path, files)
