"""Models as datasets: registered by one node, read by another, by stage, alias and version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.project.conftest import Make

from tauro.errors import DatasetError, DatasetNotFoundError, PipelineExecutionError
from tauro.mlops import set_mlops_context
from tauro.project import PipelineExecutor

CODE = """
from sklearn.linear_model import LogisticRegression
def train_model(flip=False):
    labels = [1, 0] if flip else [0, 1]
    return LogisticRegression().fit([[0.0], [1.0]], labels)
def apply_model(model): return [int(label) for label in model.predict([[5.0]])]
def wrong(): return {"not": "a model"}
"""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    set_mlops_context(None)


def make(project: Make, reader: dict[str, Any] | None = None, **writer: Any) -> PipelineExecutor:
    described = {"format": "model", "model": "churn"}
    return project(
        code=CODE,
        nodes={
            "train_model": {"function": "steps.train_model", "output": "trained"},
            "apply_model": {
                "function": "steps.apply_model",
                "inputs": {"model": "served"},
                "dependencies": ["train_model"],
            },
            "score": {"function": "steps.apply_model", "inputs": {"model": "served"}},
            "wrong": {"function": "steps.wrong", "output": "trained"},
        },
        pipelines={
            "main": {"nodes": ["train_model", "apply_model"]},
            "train": {"nodes": ["train_model"]},
            "score": {"nodes": ["score"]},
            "wrong": {"nodes": ["wrong"]},
        },
        inputs={"served": {**described, **(reader or {})}},
        outputs={"trained": {**described, **writer}},
    )


def test_a_model_is_registered_by_one_node_and_read_by_the_next(project: Make) -> None:
    executor = make(project)
    result = executor.run_pipeline("main")
    assert result.outputs["apply_model"] == [1]
    version = executor.mlops_context.model_registry.get_model_version("churn")
    assert version.version == 1
    assert version.experiment_run_id == result.nodes["train_model"].run_ids[0]
    assert len(executor.mlops_context.experiment_tracker.list_runs()) == len(result.run_ids)


def test_stages_aliases_and_numbers_choose_the_version(project: Make) -> None:
    executor = make(project, stage="Production", alias="best")
    executor.run_pipeline("train")
    executor.run_pipeline("train", params={"flip": True})
    registry = executor.mlops_context.model_registry
    assert registry.get_model_by_stage("churn", "Production").version == 2
    assert registry.get_model_by_alias("churn", "best").version == 2
    for reader, expected in (
        ({"stage": "Production"}, [0]),
        ({"alias": "best"}, [0]),
        ({"version": "1"}, [1]),
        ({"version": "v2"}, [0]),
        ({}, [0]),
    ):
        assert make(project, reader).run_pipeline("score").outputs["score"] == expected


def test_the_record_says_which_version_was_read_and_written(project: Make) -> None:
    executor = make(project)
    record = executor.history().get_run(executor.run_pipeline("main").run_id)
    assert record.nodes["train_model"].outputs == {"trained": "model:churn:v1"}
    assert record.nodes["apply_model"].inputs == {"served": "model:churn:v1"}


def test_a_model_that_is_not_there_is_named(project: Make) -> None:
    executor = make(project)
    catalog = executor.catalog()
    assert not catalog.exists("served")
    assert catalog.fingerprint("served") == ""
    assert catalog.describe("served")["version"] is None
    with pytest.raises(DatasetNotFoundError, match="Dataset 'served'"):
        catalog.load("served")
    with pytest.raises(PipelineExecutionError, match="Dataset 'served'"):
        executor.run_pipeline("score")


def test_a_version_is_a_number(project: Make) -> None:
    with pytest.raises(DatasetError, match="a number, got 'newest'"):
        make(project, {"version": "newest"}).catalog().load("served")


def test_what_is_no_model_is_not_registered(project: Make) -> None:
    executor = make(project)
    with pytest.raises(PipelineExecutionError, match="could not be registered"):
        executor.run_pipeline("wrong")
    assert executor.mlops_context.model_registry.list_models() == []


def test_only_missing_knows_registered_models(project: Make, tmp_path: Path) -> None:
    executor = make(project)
    executor.run_pipeline("train")
    assert executor.run_pipeline("train", only_missing=True).nodes == {}
    assert (tmp_path / "mlops_data" / "model_registry").is_dir()
