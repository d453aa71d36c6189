"""ML nodes: services by type hint, and what is recorded by itself, read back from the store."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.project.conftest import Make

from tauro.errors import PipelineExecutionError, PlanningError
from tauro.mlops import ExperimentTracker, ModelRegistry, RunStatus, set_mlops_context
from tauro.project import PipelineExecutor

CODE = """
from __future__ import annotations
from typing import Any
import numpy as np
import tauro
from tauro import Context
from tauro.mlops import ExperimentTracker, ModelRegistry, MLOpsContext, Run

def load(): return [1, 2]
def train_model(rows, n_estimators=10, flag=True):
    nested = {"f1": 1, "name": "x"}
    return {"accuracy": np.float32(0.5), "nested": nested, "ok": True, "n": len(rows)}
def train_number(): return 0.25
def own_run(tracker: ExperimentTracker):
    with tracker.start_run(run_name="mine") as run:
        run.log_metric("loss", 2.0)
    return {"loss": 1.0}
def left_open(tracker: ExperimentTracker):
    tracker.start_run().log_metric("loss", 3.0)
def nested(tracker: ExperimentTracker):
    with tracker.start_run(name="parent"):
        for number in range(2):
            with tracker.start_run(name=f"trial-{number}", nested=True): pass
def train_fluent():
    tauro.log_metric("epoch_loss", 0.5)
    tauro.log_param("seed", 7)
    return {"returned": 0.75}
def train_broken(rows):
    raise ValueError("no convergence")
def fails_inside(tracker: ExperimentTracker):
    with tracker.start_run(name="inside") as run:
        raise KeyError("column")
def with_run(run: Run):
    run.log_metric("loss", 4.0)
    return {"accuracy": 0.75}
def ends_run(run: Run):
    run.log_metric("loss", 1.0)
    run.end()
    return {"accuracy": 0.5}
def all_services(context: Context, tracker: ExperimentTracker, registry: ModelRegistry,
                 mlops: MLOpsContext, maybe: Run | None = None):
    assert mlops.experiment_tracker is tracker and mlops.model_registry is registry
    return context.env
def optional(tracker: ExperimentTracker | None = None): return tracker
def train_sklearn():
    from sklearn.linear_model import LogisticRegression
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    return {"classifier": model, "accuracy": 1.0}
def tracked_by_context_leak(tracker: ExperimentTracker):
    return tracker.active_run() is None
"""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    set_mlops_context(None)


def tracker_of(executor: PipelineExecutor) -> ExperimentTracker:
    tracker: ExperimentTracker = executor.mlops_context.experiment_tracker
    return tracker


def make(project: Make, *functions: str, **parts: Any) -> PipelineExecutor:
    nodes = {name: {"function": f"steps.{name}"} for name in functions}
    return project(code=CODE, nodes={**nodes, **parts.pop("nodes", {})}, **parts)


def test_an_ml_node_with_nothing_configured_is_recorded(project: Make, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[1, 2, 3]")
    executor = make(
        project,
        nodes={
            "train_model": {
                "function": "steps.train_model",
                "inputs": {"rows": "rows"},
                "params": {"n_estimators": 50, "password": "hunter2"},
                "hyperparams": {"depth": 3},
            }
        },
        inputs={"rows": {"path": "rows.json"}},
    )
    result = executor.run_pipeline("main")
    (run_id,) = result.run_ids
    assert result.nodes["train_model"].run_ids == (run_id,)
    run = tracker_of(executor).get_run(run_id)
    assert run.name == "main.train_model"
    assert run.status is RunStatus.COMPLETED
    assert run.parameters == {"n_estimators": 50, "depth": 3, "flag": True, "password": "***"}
    duration = run.metrics.pop("duration_seconds")
    assert duration >= 0
    metrics = {key: value for key, value in run.metrics.items() if key != "duration_seconds"}
    assert metrics == {"accuracy": 0.5, "nested.f1": 1.0, "n": 3.0}
    assert run.tags["tauro.pipeline"] == "main"
    assert run.tags["tauro.node"] == "train_model"
    assert run.tags["tauro.pipeline_run"] == result.run_id
    (data,) = run.inputs
    assert data.name == "rows"
    assert data.fingerprint.startswith("sha256:")
    assert (tmp_path / "mlops_data" / "experiment_tracking").is_dir()


def test_a_returned_number_is_a_metric_named_after_the_node(project: Make) -> None:
    executor = make(project, "train_number")
    (run_id,) = executor.run_pipeline("main").run_ids
    assert tracker_of(executor).get_run(run_id).metrics["train_number"] == 0.25


def test_a_run_that_the_node_starts_takes_the_place_of_the_automatic_one(
    project: Make, tmp_path: Path
) -> None:
    (tmp_path / "rows.json").write_text("[]")
    executor = make(project, "own_run")
    result = executor.run_pipeline("main")
    (run_id,) = result.run_ids
    run = tracker_of(executor).get_run(run_id)
    assert run.name == "mine"
    assert run.metrics == {"loss": 2.0}
    assert run.tags["tauro.node"] == "own_run"
    assert len(tracker_of(executor).list_runs()) == 1


def test_a_run_that_the_node_leaves_open_ends_with_it(project: Make) -> None:
    executor = make(project, "left_open", "tracked_by_context_leak")
    result = executor.run_pipeline("main")
    run = tracker_of(executor).get_run(result.nodes["left_open"].run_ids[0])
    assert run.status is RunStatus.COMPLETED
    assert run.name == "main.left_open"
    assert result.outputs["tracked_by_context_leak"] is True


def test_nested_runs_are_all_named_in_the_result(project: Make) -> None:
    executor = make(project, "nested")
    ids = executor.run_pipeline("main").run_ids
    runs = [tracker_of(executor).get_run(run_id) for run_id in ids]
    assert [run.name for run in runs] == ["parent", "trial-0", "trial-1"]
    assert {run.parent_run_id for run in runs[1:]} == {ids[0]}


def test_logging_at_top_level_opens_a_run_named_after_the_node(project: Make) -> None:
    executor = make(project, "train_fluent")
    (run_id,) = executor.run_pipeline("main").run_ids
    run = tracker_of(executor).get_run(run_id)
    assert run.name == "main.train_fluent"
    # What the node logs by itself and what is recorded of every node stand in one run.
    assert run.metrics["duration_seconds"] >= 0
    assert {key: run.metrics[key] for key in ("epoch_loss", "returned")} == {
        "epoch_loss": 0.5,
        "returned": 0.75,
    }
    assert run.parameters == {"seed": 7}
    assert run.status is RunStatus.COMPLETED


def test_a_failure_is_recorded_with_its_error(project: Make) -> None:
    executor = make(
        project,
        "load",
        nodes={"train_broken": {"function": "steps.train_broken", "inputs": {"rows": "load"}}},
    )
    with pytest.raises(PipelineExecutionError, match="no convergence"):
        executor.run_pipeline("main")
    (listed,) = tracker_of(executor).list_runs()
    run = tracker_of(executor).get_run(listed["run_id"])
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("ValueError", "no convergence")
    record = executor.history().list_runs()[0]
    assert record.nodes["train_broken"].run_ids == [run.run_id]


def test_a_failure_inside_the_nodes_own_run_fails_that_run_only(project: Make) -> None:
    executor = make(project, "fails_inside")
    with pytest.raises(PipelineExecutionError, match="KeyError"):
        executor.run_pipeline("main")
    (listed,) = tracker_of(executor).list_runs()
    assert (listed["name"], listed["status"]) == ("inside", "FAILED")


def test_a_run_by_type_hint_gets_what_is_recorded(project: Make) -> None:
    executor = make(project, "with_run")
    (run_id,) = executor.run_pipeline("main").run_ids
    run = tracker_of(executor).get_run(run_id)
    assert run.name == "main.with_run"
    assert run.metrics["loss"] == 4.0
    assert run.metrics["accuracy"] == 0.75
    assert run.status is RunStatus.COMPLETED


def test_a_run_that_the_node_ended_is_left_as_it_is(
    project: Make, caplog: pytest.LogCaptureFixture
) -> None:
    executor = make(project, "ends_run")
    (run_id,) = executor.run_pipeline("main").run_ids
    assert tracker_of(executor).get_run(run_id).metrics == {"loss": 1.0}
    assert not caplog.records


def test_every_service_comes_from_one_context(project: Make) -> None:
    assert make(project, "all_services").run_pipeline("main").outputs["all_services"] == "dev"


def test_a_returned_model_is_kept_in_its_flavor(project: Make) -> None:
    executor = make(project, "train_sklearn")
    (run_id,) = executor.run_pipeline("main").run_ids
    run = tracker_of(executor).get_run(run_id)
    (model,) = run.models
    assert (model.artifact_path, model.flavor) == ("classifier", "sklearn")
    assert run.metrics["accuracy"] == 1.0


def test_auto_log_off_records_only_what_the_node_records(project: Make, tmp_path: Path) -> None:
    executor = make(project, "train_number", "own_run", settings={"mlops": {"auto_log": False}})
    result = executor.run_pipeline("main")
    assert result.nodes["train_number"].run_ids == ()
    assert len(result.nodes["own_run"].run_ids) == 1
    only = make(
        project, "train_number", settings={"mlops": {"auto_log": False, "storage_path": "other"}}
    )
    only.run_pipeline("main")
    assert not (tmp_path / "other").exists()


def test_switched_off_nothing_is_recorded(project: Make, tmp_path: Path) -> None:
    executor = make(project, "train_number", "optional", settings={"mlops": {"enabled": False}})
    result = executor.run_pipeline("main")
    assert result.run_ids == ()
    assert result.outputs["optional"] is None
    assert not (tmp_path / "mlops_data").exists()


def test_switched_off_a_node_that_needs_a_tracker_is_refused(project: Make) -> None:
    executor = make(project, "own_run", settings={"mlops": {"enabled": False}})
    with pytest.raises(PlanningError) as raised:
        executor.validate("main")
    text = str(raised.value)
    assert "asks for ExperimentTracker" in text
    assert "global_settings_config.json" in text or "global_settings.json" in text
    assert "tracker: ExperimentTracker | None" in text


def test_a_nodes_settings_go_above_the_pipelines_and_the_global_ones(project: Make) -> None:
    executor = make(
        project,
        "own_run",
        nodes={
            "left_open": {"function": "steps.left_open", "mlops": {"experiment_name": "nodes"}},
            "load": {"function": "steps.load", "mlops": {"enabled": True}},
            "train_number": {"function": "steps.train_number", "mlops": {"enabled": False}},
        },
        pipelines={
            "main": {
                "nodes": ["own_run", "left_open", "load", "train_number"],
                "mlops": {"experiment_name": "pipelines"},
            }
        },
        settings={"mlops": {"experiment_name": "global"}},
    )
    result = executor.run_pipeline("main")
    tracker = tracker_of(executor)

    def experiment(node: str) -> str:
        (run_id,) = result.nodes[node].run_ids
        return tracker.get_experiment(tracker.get_run(run_id).experiment_id).name

    assert experiment("own_run") == "pipelines"
    assert experiment("left_open") == "nodes"
    assert experiment("load") == "pipelines"
    assert result.nodes["train_number"].run_ids == ()


def test_mlops_on_for_the_project_does_not_make_etl_nodes_ml(project: Make, tmp_path: Path) -> None:
    make(project, "load", settings={"mlops": {"enabled": True}}).run_pipeline("main")
    assert not (tmp_path / "mlops_data").exists()


def test_a_backend_that_is_not_there_fails_the_node_before_its_work(
    project: Make, tmp_path: Path
) -> None:
    executor = make(
        project,
        "load",
        "train_number",
        settings={"mlops": {"backend": "databricks", "catalog": "main", "schema": "ml"}},
    )
    with pytest.raises(PipelineExecutionError, match="databricks") as raised:
        executor.run_pipeline("main")
    assert raised.value.context.details["node"] == "train_number"
    assert executor.history().list_runs()[0].nodes["load"].status == "succeeded"


def test_what_cannot_be_recorded_never_fails_the_node(
    project: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = CODE + (
        "\nfrom sklearn.linear_model import LogisticRegression\n"
        "class Odd(LogisticRegression):\n"
        "    def __reduce__(self): raise RuntimeError('no')\n"
        "def train_odd(): return Odd()\n"
    )
    executor = project(code=code, nodes={"train_odd": {"function": "steps.train_odd"}})
    with caplog.at_level(logging.WARNING):
        result = executor.run_pipeline("main")
    assert result.success
    assert "was not recorded" in caplog.text
    assert tracker_of(executor).get_run(result.run_ids[0]).status is RunStatus.COMPLETED


def test_parallel_ml_nodes_each_get_their_own_run(project: Make) -> None:
    code = CODE + (
        "\nimport threading\nbarrier = threading.Barrier(3, timeout=240)\n"
        "def train_together(name_, run: Run):\n"
        "    barrier.wait()\n"
        "    run.log_param('who', name_)\n"
    )
    nodes = {
        f"n{i}": {"function": "steps.train_together", "params": {"name_": f"n{i}"}}
        for i in range(3)
    }
    executor = project(code=code, nodes=nodes)
    result = executor.run_pipeline("main", max_workers=3)
    for name in nodes:
        (run_id,) = result.nodes[name].run_ids
        run = tracker_of(executor).get_run(run_id)
        assert run.parameters["who"] == name
        assert run.name == f"main.{name}"


def test_the_store_can_be_chosen_by_the_caller(project: Make, tmp_path: Path) -> None:
    from tauro.project import open_project

    make(project, "train_number")
    executor = open_project(tmp_path, "dev", store=str(tmp_path / "elsewhere"), tenant_id="acme")
    executor.run_pipeline("main")
    assert (tmp_path / "elsewhere" / "tenants" / "acme" / "experiment_tracking").is_dir()
    assert not (tmp_path / "mlops_data").exists()
    assert isinstance(executor.mlops_context.model_registry, ModelRegistry)
    assert json.loads((tmp_path / "settings_json.json").read_text())["env_config"]
