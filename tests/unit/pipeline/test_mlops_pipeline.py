"""MLOpsPipeline: binding, running, failing gracefully, resuming."""

from __future__ import annotations

from typing import Any

import pytest

from tauro.errors import NodeExecutionError, PipelineExecutionError, PlanningError, ValidationError
from tauro.events import Event, EventType, get_event_emitter
from tauro.pipeline import MLOpsPipeline, PipelineStage, create_mlops_pipeline

ALL = list(PipelineStage)


class CustomPipelineStage(PipelineStage):
    CUSTOM_STAGE = "custom_stage"


def statuses(results: dict[Any, dict[str, Any]]) -> dict[str, str]:
    return {str(stage): result["status"] for stage, result in results.items()}


def test_the_documented_call_without_bindings_says_how_to_bind() -> None:
    pipeline = MLOpsPipeline("ticket_classifier_pipeline", tenant_id="tenant_123")
    results = pipeline.run_pipeline(stages=ALL)
    assert statuses(results) == {
        "data_collection": "failed",
        **dict.fromkeys(map(str, ALL[1:]), "skipped"),
    }
    assert "pipeline.bind('data_collection'" in results[PipelineStage.DATA_COLLECTION]["error"]
    assert results["training"]["error"] == "the run stopped at 'data_collection'"
    status = pipeline.get_pipeline_status()
    assert status["pipeline_id"] == "ticket_classifier_pipeline"
    assert status["tenant_id"] == "tenant_123"
    assert status["status"] == "failed"
    assert status["stages"]["training"] == "skipped"


def test_stages_get_earlier_results_by_name() -> None:
    pipeline = MLOpsPipeline(
        "p",
        "acme",
        stages={
            "data_collection": lambda: [1, 2],
            "training": lambda data_collection, tenant_id: (sum(data_collection), tenant_id),
            PipelineStage.VALIDATION: lambda results, pipeline_id: (dict(results), pipeline_id),
        },
    )
    results = pipeline.run_pipeline()
    assert [result["status"] for result in results.values()] == ["completed"] * 3
    assert results[PipelineStage.TRAINING]["result"] == (3, "acme")
    assert results[PipelineStage.VALIDATION]["result"] == (
        {"data_collection": [1, 2], "training": (3, "acme")},
        "p",
    )
    assert all(result["duration"] >= 0 and result["error"] is None for result in results.values())
    assert pipeline.get_pipeline_status()["status"] == "completed"


def test_before_running_the_status_is_pending() -> None:
    status = MLOpsPipeline("p").get_pipeline_status()
    assert (status["status"], status["stages"], status["started_at"]) == ("pending", {}, None)


def test_while_running_the_status_names_the_stage() -> None:
    seen: list[dict[str, Any]] = []
    pipeline = MLOpsPipeline("p")
    pipeline.bind("training", lambda: seen.append(pipeline.get_pipeline_status()))
    pipeline.run_pipeline([PipelineStage.TRAINING])
    assert seen[0]["status"] == "running"
    assert seen[0]["current_stage"] == "training"
    assert seen[0]["stages"] == {"training": "pending"}
    assert pipeline.get_pipeline_status()["current_stage"] is None


def test_a_failure_stops_the_rest_and_resume_goes_on_there() -> None:
    ran: list[str] = []
    repaired = False

    def train() -> str:
        ran.append("train")
        if not repaired:
            raise ValueError("diverged")
        return "model"

    pipeline = MLOpsPipeline("p", stages={"training": train})
    pipeline.bind("data_collection", lambda: ran.append("collect"))
    pipeline.bind("validation", lambda training: ran.append(f"validate {training}"))
    results = pipeline.run_pipeline()
    assert statuses(results) == {
        "data_collection": "completed",
        "training": "failed",
        "validation": "skipped",
    }
    assert "ValueError: diverged" in results[PipelineStage.TRAINING]["error"]
    repaired = True
    assert set(statuses(pipeline.resume()).values()) == {"completed"}
    assert ran == ["collect", "train", "train", "validate model"]
    assert pipeline.get_pipeline_status()["status"] == "completed"


def test_it_raises_only_when_asked_to() -> None:
    def train() -> None:
        raise ValueError("diverged")

    pipeline = MLOpsPipeline("p", stages={"training": train})
    with pytest.raises(PipelineExecutionError, match="in stage 'training'") as raised:
        pipeline.run_pipeline(raise_on_failure=True)
    assert isinstance(raised.value.__cause__, NodeExecutionError)
    assert isinstance(raised.value.__cause__.__cause__, ValueError)
    with pytest.raises(PipelineExecutionError):
        pipeline.resume(raise_on_failure=True)
    with pytest.raises(PipelineExecutionError):
        pipeline.run_stage("training", raise_on_failure=True)


def test_a_parameter_that_cannot_be_bound_fails_its_stage() -> None:
    pipeline = MLOpsPipeline("p", stages={"training": lambda data: data})
    result = pipeline.run_pipeline()[PipelineStage.TRAINING]
    assert result["status"] == "failed"
    assert "the parameter 'data'" in result["error"]


def test_custom_stages_run_alone_and_with_others() -> None:
    pipeline = MLOpsPipeline("p").bind(CustomPipelineStage.CUSTOM_STAGE, lambda: 7)
    result = pipeline.run_stage(CustomPipelineStage.CUSTOM_STAGE)
    assert (result["status"], result["result"]) == ("completed", 7)
    pipeline.bind("training", lambda: 8)
    assert pipeline.stages == ("training", "custom_stage")
    assert list(pipeline.run_pipeline()) == ["training", "custom_stage"]
    assert list(pipeline.run_pipeline(["custom_stage", "training"])) == ["custom_stage", "training"]


def test_a_custom_stage_without_work_says_how_to_bind_it() -> None:
    result = MLOpsPipeline("p").run_stage(CustomPipelineStage.CUSTOM_STAGE)
    assert result["status"] == "failed"
    assert "pipeline.bind('custom_stage'" in result["error"]


def test_single_stages_see_the_results_of_those_before() -> None:
    pipeline = MLOpsPipeline(
        "p",
        stages={
            "data_collection": lambda: 2,
            "training": lambda data_collection: data_collection * 2,
        },
    )
    pipeline.run_stage("data_collection")
    assert pipeline.run_stage(PipelineStage.TRAINING)["result"] == 4
    assert pipeline.get_pipeline_status()["stages"] == {
        "data_collection": "completed",
        "training": "completed",
    }


class Churn(MLOpsPipeline):
    """A subclass whose methods are its stages."""

    def data_collection(self) -> list[int]:
        return [1, 2, 3]

    def training(self, data_collection: list[int]) -> int:
        return len(data_collection)

    def custom_stage(self, training: int) -> str:
        return f"custom {training}"


def test_methods_of_a_subclass_are_stages() -> None:
    pipeline = Churn("churn")
    assert pipeline.stages == ("data_collection", "training")
    assert pipeline.run_pipeline()[PipelineStage.TRAINING]["result"] == 3
    assert pipeline.run_stage(CustomPipelineStage.CUSTOM_STAGE)["result"] == "custom 3"


def test_what_is_bound_goes_above_a_method() -> None:
    pipeline = Churn("churn", stages={"training": lambda: "bound"})
    assert pipeline.run_pipeline()[PipelineStage.TRAINING]["result"] == "bound"


def test_a_stage_named_like_a_method_of_the_class_itself_is_not_bound_to_it() -> None:
    assert MLOpsPipeline("p").run_stage("resume")["status"] == "failed"


def test_the_factory_makes_the_same() -> None:
    pipeline = create_mlops_pipeline("p", tenant_id="acme", stages={"training": lambda: 1})
    assert (pipeline.pipeline_id, pipeline.tenant_id) == ("p", "acme")
    assert pipeline.stages == ("training",)


class Pipelines:
    """Stands in for a project's executor."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run_pipeline(self, name: str) -> str:
        self.ran.append(name)
        if name == "broken":
            raise PipelineExecutionError("Pipeline 'broken' failed.")
        return f"result of {name}"


def test_a_name_runs_a_pipeline_of_the_project() -> None:
    executor = Pipelines()
    pipeline = MLOpsPipeline(
        "p", stages={"data_collection": "ingest", "training": "broken"}, executor=executor
    )
    results = pipeline.run_pipeline()
    assert results[PipelineStage.DATA_COLLECTION]["result"] == "result of ingest"
    assert results[PipelineStage.TRAINING]["status"] == "failed"
    assert "Pipeline 'broken' failed." in results[PipelineStage.TRAINING]["error"]
    assert executor.ran == ["ingest", "broken"]


def test_an_interruption_reaches_the_caller_and_can_be_resumed() -> None:
    interrupted = [True]

    def work() -> str:
        if interrupted.pop():
            raise KeyboardInterrupt
        return "done"

    pipeline = MLOpsPipeline("p", stages={"training": work, "validation": lambda: 1})
    interrupted.insert(0, False)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_pipeline()
    assert pipeline.get_pipeline_status()["status"] == "interrupted"
    assert set(statuses(pipeline.resume()).values()) == {"completed"}


@pytest.mark.parametrize("work", [3, None, "", ...])
def test_work_is_a_callable_or_a_name(work: Any) -> None:
    with pytest.raises(ValidationError, match="Stage 'training' cannot be bound"):
        MLOpsPipeline("p").bind("training", work)


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_pipeline_has_a_name(name: Any) -> None:
    with pytest.raises(ValidationError, match="pipeline_id must be a text"):
        MLOpsPipeline(name)


def test_there_is_nothing_to_resume_before_a_run() -> None:
    with pytest.raises(PlanningError, match="has not run"):
        MLOpsPipeline("p").resume()


def test_runs_and_stages_are_told_as_events() -> None:
    seen: list[tuple[str, Any]] = []

    def note(event: Event) -> None:
        seen.append((str(event.event_type), event.data.get("node")))

    kinds = (EventType.PIPELINE_STARTED, EventType.PIPELINE_FAILED, EventType.NODE_COMPLETED)
    emitter = get_event_emitter()
    for kind in kinds:
        emitter.subscribe(kind, note)
    try:
        MLOpsPipeline("p", stages={"training": lambda: 1}).run_pipeline(["training", "monitoring"])
    finally:
        for kind in kinds:
            emitter.unsubscribe(kind, note)
    assert seen == [
        ("pipeline.started", None),
        ("node.completed", "training"),
        ("pipeline.failed", None),
    ]
