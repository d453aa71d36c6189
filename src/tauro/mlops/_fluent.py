"""The verbs of tracking at top level: they use the process's context and its active run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tauro.errors import ReadOnlyStoreError
from tauro.mlops._context import get_mlops_context
from tauro.tracking import Experiment, ExperimentTracker, Run, RunStatus

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from tauro.tracking import DatasetInput, LoggedModel
    from tauro.types import StrPath


def _tracker() -> ExperimentTracker:
    return get_mlops_context().experiment_tracker


@contextmanager
def _store_named() -> Iterator[None]:
    """Where the store cannot be written, say which one was chosen, and how to choose another.

    Who calls these verbs may never have named a store.
    """
    try:
        yield
    except ReadOnlyStoreError as error:
        hint = (
            f"The store is {get_mlops_context().config.storage_path}; choose another folder with "
            'the environment variable TAURO_MLOPS_PATH or tauro.init_mlops(storage_path="…").'
        )
        error.suggestions = (*error.suggestions, hint)
        raise


def set_experiment(name: str) -> Experiment:
    """Choose the experiment that runs go to, made if there is none."""
    with _store_named():
        return _tracker().set_experiment(name)


def start_run(name: str = "", **options: Any) -> Run:
    """Start a run; see :meth:`tauro.tracking.ExperimentTracker.start_run`."""
    with _store_named():
        return _tracker().start_run(name=name, **options)


def end_run(status: RunStatus | str = RunStatus.COMPLETED) -> Run:
    """End the active run."""
    return _tracker().end_run(status=status)


def active_run() -> Run | None:
    """Return the active run, None where there is none."""
    return _tracker().active_run()


# The verbs below leave it to the tracker's to open a run where none is active: those do so only
# when they have found that what is to be kept can be.


def log_param(key: str, value: Any) -> None:
    """Record a parameter of the active run, which is opened on first use."""
    with _store_named():
        _tracker().log_param(None, key, value)


def log_params(params: Mapping[str, Any]) -> None:
    """Record parameters of the active run."""
    with _store_named():
        _tracker().log_params(params)


def log_metric(key: str, value: float, step: int = 0, *, timestamp: int | None = None) -> None:
    """Record a point of a metric of the active run.

    Args:
        key: The metric's key.
        value: Any number; NaN and infinities are values.
        step: The epoch, batch or whatever counts.
        timestamp: Milliseconds since 1970; by default now.
    """
    with _store_named():
        tracker = _tracker()
        tracker.log_metric(tracker.active_run(), key, value, step, timestamp=timestamp)


def log_metrics(
    metrics: Mapping[str, float], step: int = 0, *, timestamp: int | None = None
) -> None:
    """Record one point of each metric of the active run."""
    with _store_named():
        _tracker().log_metrics(metrics, step, timestamp=timestamp)


def log_metrics_batch(
    columns: Mapping[str, ArrayLike] | pd.DataFrame,
    *,
    steps: ArrayLike | None = None,
    timestamps: ArrayLike | None = None,
) -> None:
    """Record whole columns of points of the active run, all at once.

    Args:
        columns: For each key its values, all of one length.
        steps: A step for each value; by default 0, 1, 2, ….
        timestamps: Milliseconds since 1970 for each value; by default now.
    """
    with _store_named():
        _tracker().log_metrics_batch(None, columns, steps=steps, timestamps=timestamps)


def set_tag(key: str, value: Any) -> None:
    """Set a tag of the active run."""
    with _store_named():
        _tracker().set_tag(None, key, value)


def set_tags(tags: Mapping[str, Any]) -> None:
    """Set tags of the active run; all or, where one is not acceptable, none."""
    with _store_named():
        _tracker().set_tags(tags)


def set_note(note: str) -> None:
    """Replace the free text about the active run."""
    with _store_named():
        _tracker().set_note(note)


def log_artifact(artifact_path: StrPath, destination: str = "") -> str:
    """Copy a file or folder to the active run; return its URI."""
    with _store_named():
        return _tracker().log_artifact(None, artifact_path, destination)


def log_artifacts(artifacts: Mapping[str, StrPath] | StrPath) -> None:
    """Copy several files or folders to the active run, by name, or one folder."""
    with _store_named():
        _tracker().log_artifacts(artifacts)


def log_text(text: str, path: str) -> str:
    """Keep a text as an artifact of the active run; return its URI."""
    with _store_named():
        return _tracker().log_text(text, path)


def log_dict(data: Any, path: str) -> str:
    """Keep a mapping or list as a JSON or YAML artifact of the active run; return its URI."""
    with _store_named():
        return _tracker().log_dict(data, path)


def log_table(table: Any, path: str) -> str:
    """Keep a frame as a Parquet, CSV or JSON artifact of the active run; return its URI."""
    with _store_named():
        return _tracker().log_table(table, path)


def log_figure(figure: Any, path: str, **options: Any) -> str:
    """Keep a figure as an artifact of the active run; return its URI."""
    with _store_named():
        return _tracker().log_figure(figure, path, **options)


def log_image(image: Any, path: str) -> str:
    """Keep a Pillow image or an array as an image artifact of the active run; return its URI."""
    with _store_named():
        return _tracker().log_image(image, path)


def log_model(model: Any, artifact_path: str = "model", **options: Any) -> LoggedModel:
    """Keep a model in its flavor's format as an artifact of the active run."""
    with _store_named():
        return _tracker().log_model(None, model, artifact_path, **options)


def log_input(
    data: Any, name: str, *, context: str = "", source: str = "", **tags: str
) -> DatasetInput:
    """Record a dataset that the active run read."""
    with _store_named():
        return _tracker().log_input(data, name, context=context, source=source, tags=tags)
