"""The verbs of tracking at top level: they use the process's context and its active run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tauro.mlops._context import get_mlops_context
from tauro.tracking import Experiment, ExperimentTracker, Run, RunStatus

if TYPE_CHECKING:
    from tauro.tracking import DatasetInput, LoggedModel
    from tauro.types import StrPath


def _tracker() -> ExperimentTracker:
    return get_mlops_context().experiment_tracker


def _run() -> Run:
    return _tracker().ensure_run()


def set_experiment(name: str) -> Experiment:
    """Choose the experiment that runs go to, made if there is none."""
    return _tracker().set_experiment(name)


def start_run(name: str = "", **options: Any) -> Run:
    """Start a run; see :meth:`tauro.tracking.ExperimentTracker.start_run`."""
    return _tracker().start_run(name=name, **options)


def end_run(status: RunStatus | str = RunStatus.COMPLETED) -> Run:
    """End the active run."""
    return _tracker().end_run(status=status)


def active_run() -> Run | None:
    """Return the active run, None where there is none."""
    return _tracker().active_run()


def log_param(key: str, value: Any) -> None:
    """Record a parameter of the active run, which is opened on first use."""
    _run().log_param(key, value)


def log_params(params: Mapping[str, Any]) -> None:
    """Record parameters of the active run."""
    _run().log_params(params)


def log_metric(key: str, value: float, step: int = 0) -> None:
    """Record a point of a metric of the active run."""
    _run().log_metric(key, value, step)


def log_metrics(metrics: Mapping[str, float], step: int = 0) -> None:
    """Record one point of each metric of the active run."""
    _run().log_metrics(metrics, step)


def set_tag(key: str, value: Any) -> None:
    """Set a tag of the active run."""
    _run().set_tag(key, value)


def log_artifact(artifact_path: StrPath, destination: str = "") -> str:
    """Copy a file or folder to the active run; return its URI."""
    return _run().log_artifact(artifact_path, destination)


def log_text(text: str, path: str) -> None:
    """Keep a text as an artifact of the active run."""
    _run().log_text(text, path)


def log_dict(data: Any, path: str) -> None:
    """Keep a mapping or list as a JSON or YAML artifact of the active run."""
    _run().log_dict(data, path)


def log_table(table: Any, path: str) -> None:
    """Keep a frame as a Parquet, CSV or JSON artifact of the active run."""
    _run().log_table(table, path)


def log_figure(figure: Any, path: str, **options: Any) -> None:
    """Keep a figure as an artifact of the active run."""
    _run().log_figure(figure, path, **options)


def log_image(image: Any, path: str) -> None:
    """Keep a Pillow image or an array as an image artifact of the active run."""
    _run().log_image(image, path)


def log_model(model: Any, artifact_path: str = "model", **options: Any) -> LoggedModel:
    """Keep a model in its flavor's format as an artifact of the active run."""
    return _run().log_model(model, artifact_path, **options)


def log_input(data: Any, name: str, **options: Any) -> DatasetInput:
    """Record a dataset that the active run read."""
    return _run().log_input(data, name, **options)
