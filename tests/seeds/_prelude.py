"""What the blocks take for granted: names they leave out, files they read."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

Names = dict[str, Any]


class Model:
    """Something that was trained."""

    def __init__(self, **params: Any) -> None:
        self.params = params


def _train_model(*args: Any, **params: Any) -> Model:
    return Model(**(args[0] if args else params))


def _training_loop(model: Model, data: Any) -> Iterator[tuple[int, dict[str, float]]]:
    for epoch in range(3):
        yield epoch, {"loss": 1.0 / (epoch + 1), "auc": 0.9 + epoch / 100}


def _evaluate(model: Model, data: Any) -> dict[str, float]:
    return {"auc": 0.95, "accuracy": 0.9}


class App:
    """As much of Flask as the block uses: routes by path."""

    def __init__(self) -> None:
        self.routes: dict[str, Callable[[], Any]] = {}

    def route(self, path: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
        def keep(function: Callable[[], Any]) -> Callable[[], Any]:
            self.routes[path] = function
            return function

        return keep


class KeyValueStore:
    """The store of the batch example, which has a ``write`` of its own."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def write(self, key: str, value: Any) -> None:
        self.kept[key] = value


def _external_operation() -> None:
    raise OSError("the volume is not mounted")


def _training(names: Names) -> None:
    names.update(
        train_model=_train_model,
        training_loop=_training_loop,
        evaluate=_evaluate,
        train_data=[1, 2],
        test_data=[3],
        params={"depth": 5},
    )


def start(seed: str, names: Names, root: Path) -> None:
    """Lay out what a document's reader is taken to have."""
    for folder in ("path/to", "local/path", "data", "config", "models", "plots"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "path/to/model.pkl").write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    _training(names)
    _STARTS[seed](names, root)


def _start_000(names: Names, root: Path) -> None:
    from tauro.mlops import ModelStage, RunStatus

    names.update(ModelStage=ModelStage, RunStatus=RunStatus)
    (root / "model_trial2.pkl").write_bytes(b"weights")
    _minimal_project(root)


def _start_001(names: Names, root: Path) -> None:
    sent: list[str] = []
    names.update(
        send_slack_notification=sent.append,
        sent=sent,
        external_operation=_external_operation,
        model_metadata={"name": "m"},
        storage=KeyValueStore(),
        app=App(),
        jsonify=lambda body: body,
    )
    (root / "model.pkl").write_bytes(b"weights")
    _minimal_project(root)


def _start_002(names: Names, root: Path) -> None:
    events: list[Any] = []
    names.update(my_handler=events.append, events=events)
    (root / "config/dev").mkdir()
    (root / "config/dev/global_settings.yaml").write_text("{}\n")
    rng = np.random.default_rng(7)
    age = rng.integers(18, 90, 1000)
    frame = pd.DataFrame(
        {
            "churn": (age > 55) ^ (rng.random(1000) < 0.05),
            "age": age,
            "account_length": rng.integers(1, 200, 1000),
        }
    )
    frame.to_parquet(root / "data/train.parquet")


def _start_003(names: Names, root: Path) -> None:
    """The platform's reader has only the repository."""


def _start_004(names: Names, root: Path) -> None:
    for file in (
        "models/ticket_classifier.joblib",
        "models/ticket_classifier_v1.joblib",
        "plots/confusion_matrix.png",
    ):
        (root / file).write_bytes(b"content")
    rng = np.random.default_rng(7)
    names.update(
        timedelta=timedelta,
        reference_features=pd.DataFrame({"x": rng.normal(size=2000), "y": rng.normal(size=2000)}),
        current_features=pd.DataFrame({"x": rng.normal(2, size=2000), "y": rng.normal(size=2000)}),
        ref_metrics={"accuracy": 0.95, "f1": 0.93},
        curr_metrics={"accuracy": 0.75, "f1": 0.72},
    )


_STARTS = {
    "000": _start_000,
    "001": _start_001,
    "002": _start_002,
    "003": _start_003,
    "004": _start_004,
}


def _minimal_project(root: Path) -> None:
    """Write a project whose nodes the YAML blocks redefine, and the code those name."""
    texts: dict[str, Any] = {
        "global_settings": {},
        "pipelines": {"load": {"nodes": ["load_data"]}},
        "nodes": {"load_data": {"function": "etl.load_csv"}},
        "input": {},
        "output": {},
    }
    for name, content in texts.items():
        (root / f"config/{name}.yaml").write_text(yaml.safe_dump(content))
    (root / "etl.py").write_text("def load_csv(): return 1\ndef clean_data(): return 2\n")
    (root / "ml.py").write_text("def train_xgboost(): return {'auc': 0.9}\n")


def before(seed: str, number: int, names: Names) -> None:
    """Do what the document leaves to its reader before a block."""
    step = _BEFORE.get((seed, number))
    if step is not None:
        step(names)


def _two_runs(names: Names) -> None:
    tracker = names["ctx"].experiment_tracker
    experiment = tracker.create_experiment("earlier trials")
    names["run1"], names["run2"] = (
        tracker.start_run(experiment, name=name, parameters={"lr": 0.1}) for name in ("a", "b")
    )


def _second_version(names: Names) -> None:
    versions: Sequence[Any] = names["registry"].list_model_versions("credit_risk_model")
    if len(versions) == 1:
        names["registry"].register_model(
            "credit_risk_model", "path/to/model.pkl", "custom", "none", metrics={"accuracy": 0.9}
        )


def _predictions(names: Names) -> None:
    tracker, run = names["tracker"], names["run"]
    pd.DataFrame({"p": [0.1]}).to_parquet("predictions.parquet")
    if run.status != "RUNNING":
        run = tracker.start_run(run.experiment_id, name="with predictions")
    tracker.log_artifact(run.run_id, "path/to/model.pkl")
    tracker.log_artifact(run.run_id, "predictions.parquet")
    tracker.end_run(run.run_id)
    tracker.compact()
    tracker.close()


def _storage_to_cache(names: Names) -> None:
    names["storage_backend"] = names["ctx"].storage
    names["storage_backend"].write_json({"depth": 5}, "path/to/config.json")


_BEFORE: dict[tuple[str, int], Callable[[Names], None]] = {
    ("000", 6): _two_runs,
    ("000", 11): _second_version,
    ("000", 12): _predictions,
    ("001", 8): _storage_to_cache,
    ("001", 16): _second_version,
    ("001", 17): _predictions,
}


def after(seed: str, number: int, names: Names) -> None:
    """Hold a block to what its document says comes of it."""
    step = _AFTER.get((seed, number))
    if step is not None:
        step(names)


def _found_and_compared(names: Names) -> None:
    assert names["matching_runs"] == [names["run"].run_id]
    assert len(names["comparison_df"]) == 2


def _told(names: Names) -> None:
    from tauro.events import get_event_emitter, get_metrics_collector

    history = [str(event.event_type) for event in get_event_emitter().get_history()]
    assert {"model.registered", "run.started", "run.completed"} <= set(history)
    assert get_metrics_collector().get_counter("models_registered") == 1


def _counted(names: Names) -> None:
    counters = names["summary"]["counters"]
    assert counters["models_registered"] == 1
    assert counters['api_requests{endpoint="/models"}'] == 1
    assert names["summary"]["timers"]["training_duration"]["count"] == 1


def _cached(names: Names) -> None:
    assert names["cached"] == {"name": "m"}
    assert names["data"] == {"depth": 5}


def _batched(names: Names) -> None:
    assert names["storage"].kept == {"k1": "v1", "k2": "v2"}


def _answered(names: Names) -> None:
    assert names["response"]["error_code"] == "VALIDATION_ERROR"
    assert names["response"]["details"]["field"] == "name"


def _announced(names: Names) -> None:
    assert names["sent"][-1] == "New model: xgboost_classifier"
    assert names["registry"].get_model_by_stage("xgboost_classifier", "Production").version == 1


def _probed(names: Names) -> None:
    body, status = names["app"].routes["/health"]()
    assert status in (200, 503)
    assert {check["name"] for check in body["checks"]} == {
        "storage",
        "memory",
        "disk",
        "registry",
    }
    assert names["app"].routes["/ready"]() in [("OK", 200), ("Not Ready", 503)]


def _handled(names: Names) -> None:
    from tauro.mlops import get_mlops_context

    get_mlops_context().model_registry.register_model("m", "path/to/model.pkl", "custom", "none")
    assert [event.data["name"] for event in names["events"]] == ["m"]


def _searched(names: Names) -> None:
    assert [each.name for each in names["experiments"]] == ["ticket_classifier_v1"]


def _versioned(names: Names) -> None:
    kept = names["versioning"].get_version("ticket_classifier", "1.0.0")
    assert kept
    assert names["version_id"]
    assert names["lineage"]


def _drifted(names: Names) -> None:
    assert names["data_drift"]["drift_detected"]
    assert not names["model_drift"]["drift_detected"]
    assert names["drift_results"]["drift_detected"]


def _trained(names: Names) -> None:
    from tauro.mlops import MLOpsContext

    versions = MLOpsContext(storage_path="mlops_data").model_registry.list_model_versions(
        "churn-predictor"
    )
    assert [version["version"] for version in versions] == [1, 2]


_AFTER: dict[tuple[str, int], Callable[[Names], None]] = {
    ("000", 6): _found_and_compared,
    ("001", 5): _told,
    ("001", 6): _counted,
    ("001", 8): _cached,
    ("001", 9): _batched,
    ("001", 11): _answered,
    ("001", 21): _announced,
    ("001", 22): _probed,
    ("002", 11): _trained,
    ("002", 14): _handled,
    ("004", 2): _searched,
    ("004", 3): _versioned,
    ("004", 6): _drifted,
}
