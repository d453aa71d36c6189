"""In a node of a pipeline: what an integration logs is in the node's run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro.mlops import ExperimentTracker, set_mlops_context
from tauro.project import open_project

CODE = """
from sklearn.linear_model import LogisticRegression
from tauro.integrations.sklearn import log_estimator


def train_model():
    model = LogisticRegression(C=0.25).fit([[0.0], [1.0], [8.0], [9.0]], [0, 0, 1, 1])
    log_estimator(model, X=[[0.0], [9.0]], y=[0, 1])
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    parts = {
        "global_settings": {"mlops": {"storage_path": "store"}},
        "pipelines_config": {"main": {"nodes": ["train_model"]}},
        "nodes_config": {"train_model": {"function": "node_with_callback.train_model"}},
        "input_config": {},
        "output_config": {},
    }
    for name, content in parts.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    base = {f"{name}_path": f"{name}.json" for name in parts}
    descriptor = {"base_path": ".", "env_config": {"base": base, "dev": {}}}
    (tmp_path / "settings_json.json").write_text(json.dumps(descriptor))
    (tmp_path / "node_with_callback.py").write_text(CODE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("node_with_callback", None)
    set_mlops_context(None)


def test_the_node_s_run_gets_it_and_is_the_only_one(project: Path) -> None:
    result = open_project(project, "dev").run_pipeline("main")
    with ExperimentTracker(project / "store") as reader:
        (row,) = reader.query_runs().runs
        found = reader.get_run(row.run_id)
    assert found.name == "main.train_model"
    assert found.status == "COMPLETED"
    assert found.parameters["C"] == 0.25
    assert found.metrics["test_accuracy"] == 1.0
    assert found.run_id in str(result.run_ids)
