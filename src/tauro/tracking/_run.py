"""A run: its record, the handle that writes it, and the context manager, in one object."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from tauro._internal._active import make_active
from tauro._internal._floats import float_from_json
from tauro.tracking._display import card, short
from tauro.tracking._environment import storable
from tauro.tracking._models import (
    ArtifactRecord,
    DatasetInput,
    ErrorRecord,
    LoggedModel,
    Metric,
    RunRecord,
    RunStatus,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike

    from tauro.tracking._tracker import ExperimentTracker
    from tauro.types import StrPath


class Run:
    """A run of an experiment.

    From ``start_run`` it is open: its verbs write, and as a context manager it ends the run,
    ``FAILED`` with the exception's type, message and traceback when the body raises. Read back by
    ``get_run`` it is a record: its verbs raise :class:`~tauro.errors.RunNotActiveError`.
    """

    def __init__(self, tracker: ExperimentTracker, record: RunRecord) -> None:
        self._tracker = tracker
        self._record = record

    @property
    def tracker(self) -> ExperimentTracker:
        """The tracker that its verbs go through."""
        return self._tracker

    # The record

    @property
    def run_id(self) -> str:
        """The run's identifier."""
        return self._record.run_id

    @property
    def id(self) -> str:
        """The run's identifier, as :attr:`run_id`."""
        return self._record.run_id

    @property
    def experiment_id(self) -> str:
        """The experiment it belongs to."""
        return self._record.experiment_id

    @property
    def name(self) -> str:
        """Its name, which need not be unique."""
        return self._record.name

    @property
    def status(self) -> RunStatus:
        """Its state as recorded; see :attr:`is_abandoned`."""
        return self._record.status

    @property
    def is_active(self) -> bool:
        """Whether this object may write."""
        return self._tracker.is_open(self)

    @property
    def is_abandoned(self) -> bool:
        """Whether it is recorded as running and the process that ran it is gone."""
        return self._tracker.is_abandoned(self._record)

    @property
    def lifecycle(self) -> str:
        """``active`` or ``deleted``."""
        return self._record.lifecycle

    @property
    def parameters(self) -> dict[str, Any]:
        """Its parameters, by name."""
        return dict(self._record.parameters)

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric, by key."""
        if self._record.status is RunStatus.RUNNING:
            return self._tracker.last_values(self)
        return {key: float_from_json(value) for key, value in self._record.metrics.items()}

    @property
    def tags(self) -> dict[str, str]:
        """Its tags, by name."""
        return dict(self._record.tags)

    @property
    def start_time(self) -> datetime:
        """When it started, UTC."""
        return self._record.start_time

    @property
    def end_time(self) -> datetime | None:
        """When it ended, UTC; None while it runs."""
        return self._record.end_time

    @property
    def duration(self) -> timedelta | None:
        """How long it ran; None while it runs."""
        end = self._record.end_time
        return None if end is None else end - self._record.start_time

    @property
    def parent_run_id(self) -> str | None:
        """The run it is part of, None for a run of its own."""
        return self._record.parent_run_id

    @property
    def artifacts(self) -> list[str]:
        """The paths of its artifacts, folders and models included."""
        return [artifact.path for artifact in self._record.artifacts]

    @property
    def artifact_records(self) -> list[ArtifactRecord]:
        """Its artifacts with size and hash."""
        return list(self._record.artifacts)

    @property
    def artifact_uri(self) -> str:
        """Where its artifacts are."""
        return self._tracker.artifact_uri(self._record)

    @property
    def inputs(self) -> list[DatasetInput]:
        """The datasets it read."""
        return list(self._record.inputs)

    @property
    def models(self) -> list[LoggedModel]:
        """The models it logged."""
        return list(self._record.models)

    @property
    def note(self) -> str:
        """Free text about the run."""
        return self._record.note

    @property
    def user(self) -> str:
        """Who started it."""
        return self._record.user

    @property
    def source(self) -> dict[str, Any]:
        """What was captured of its environment."""
        return dict(self._record.source)

    @property
    def error(self) -> ErrorRecord | None:
        """The exception that ended it, if one did."""
        return self._record.error

    def to_dict(self) -> dict[str, Any]:
        """Return its fields as plain values."""
        return self._tracker.describe_run(self)

    # Parameters, metrics, tags

    def log_param(self, key: str, value: Any) -> None:
        """Record a parameter; logged again, the last value stands."""
        self._tracker.log_parameter(self, key, value)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters; all or, where one is not acceptable, none."""
        self._tracker.log_params(params, run_id=self)

    def log_metric(
        self,
        key: str,
        value: float,
        step: int = 0,
        metadata: Mapping[str, Any] | None = None,
        *,
        timestamp: int | None = None,
    ) -> None:
        """Record a point of a metric; see :meth:`ExperimentTracker.log_metric`."""
        self._tracker.log_metric(self.run_id, key, value, step, metadata, timestamp=timestamp)

    def log_metrics(
        self, metrics: Mapping[str, float], step: int = 0, *, timestamp: int | None = None
    ) -> None:
        """Record one point of each metric; all or, where one is not acceptable, none."""
        self._tracker.log_metrics(metrics, step, run_id=self, timestamp=timestamp)

    def log_metrics_batch(
        self,
        columns: Mapping[str, ArrayLike] | pd.DataFrame,
        *,
        steps: ArrayLike | None = None,
        timestamps: ArrayLike | None = None,
    ) -> None:
        """Record whole columns of points; see :meth:`ExperimentTracker.log_metrics_batch`."""
        self._tracker.log_metrics_batch(self, columns, steps=steps, timestamps=timestamps)

    def flush_metrics(self) -> None:
        """Synchronise what was logged with the disk, where the durability asks for it."""
        self._tracker.flush_metrics(self)

    def set_tag(self, key: str, value: Any) -> None:
        """Set a tag."""
        self._tracker.set_tag(self, key, value)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; all or, where one is not acceptable, none."""
        self._tracker.set_tags(tags, run_id=self)

    def set_note(self, note: str) -> None:
        """Replace the free text about the run."""
        self._tracker.set_note(note, run_id=self)

    # Artifacts, models, inputs

    def log_artifact(self, artifact_path: StrPath, destination: str = "") -> str:
        """Copy a file or folder to the run; return its URI."""
        return self._tracker.log_artifact(self, artifact_path, destination)

    def log_artifacts(self, artifacts: Mapping[str, StrPath] | StrPath) -> None:
        """Copy several files or folders to the run, by name."""
        self._tracker.log_artifacts(artifacts, run_id=self)

    def log_text(self, text: str, path: str) -> str:
        """Keep a text as an artifact; return its URI."""
        return self._tracker.log_text(text, path, run_id=self)

    def log_dict(self, data: Any, path: str) -> str:
        """Keep a mapping or list as a JSON (or, by the suffix, YAML) artifact; return its URI."""
        return self._tracker.log_dict(data, path, run_id=self)

    def log_table(self, table: pd.DataFrame | Mapping[str, Any], path: str) -> str:
        """Keep a frame as a Parquet, CSV or JSON artifact, by the suffix; return its URI."""
        return self._tracker.log_table(table, path, run_id=self)

    def log_figure(self, figure: Any, path: str, **options: Any) -> str:
        """Keep a Matplotlib, Plotly or similar figure as an artifact; return its URI."""
        return self._tracker.log_figure(figure, path, run_id=self, **options)

    def log_image(self, image: np.ndarray[Any, Any] | Any, path: str) -> str:
        """Keep a Pillow image, or an array (height, width[, 3 or 4]), as an image; return its URI.

        The format is that of the path's suffix.
        """
        return self._tracker.log_image(image, path, run_id=self)

    def log_model(
        self,
        model: Any,
        artifact_path: str = "model",
        *,
        input_example: Any = None,
        signature: Any = None,
        **options: Any,
    ) -> LoggedModel:
        """Keep a model in its flavor's format.

        Args:
            model: An object of any framework that has a flavor.
            artifact_path: A name inside the run; a leading ``./`` is dropped, a suffix chooses no
                format, and nothing is written to the working directory.
            input_example: A few rows, from which the signature is inferred.
            signature: The columns it takes and gives, instead.
            options: Of the flavor.
        """
        return self._tracker.log_model(
            self, model, artifact_path, input_example=input_example, signature=signature, **options
        )

    def log_input(
        self, data: Any, name: str, *, context: str = "", source: str = "", **tags: str
    ) -> DatasetInput:
        """Record a dataset that the run read: its schema, rows and content fingerprint."""
        return self._tracker.log_input(
            data, name, context=context, source=source, run_id=self, tags=tags
        )

    def list_artifacts(self, path: str = "") -> list[ArtifactRecord]:
        """Return the files below a path of its artifacts."""
        return self._tracker.list_artifacts(self, path)

    def download_artifact(self, path: str, destination: StrPath) -> None:
        """Copy an artifact to a local path."""
        self._tracker.download_artifact(self, path, destination)

    def history(self, key: str, *, max_points: int | None = None) -> pd.DataFrame:
        """Return the points of a metric: ``step``, ``value``, ``timestamp``."""
        return self._tracker.get_metric_history(self, key, max_points=max_points)

    def watch(self, *, timeout: float | None = None) -> Iterator[list[Metric]]:
        """Yield new points until the run ends; see :meth:`ExperimentTracker.watch`."""
        return self._tracker.watch(self, timeout=timeout)

    # The context

    def end(self, status: RunStatus | str = RunStatus.COMPLETED) -> Run:
        """End the run."""
        return self._tracker.end_run(self, status)

    def __enter__(self) -> Self:
        make_active(self.run_id)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.is_active:
            return
        if exc is None:
            self.end()
            return
        status = status_after(exc)
        error = describe_error(exc) if status is not RunStatus.COMPLETED else None
        try:
            self._tracker.end_run(self, status, error=error)
        # Hooks are the user's code; the exception of the body is what must reach the caller.
        except Exception as problem:  # noqa: BLE001
            exc.add_note(f"The run {self.run_id} could not be ended: {problem}")

    def __str__(self) -> str:
        return self.run_id

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={short(v)}" for k, v in list(self.metrics.items())[:5])
        return f"<Run {self.run_id} {self.name!r} {self.status}{' ' + shown if shown else ''}>"

    def _repr_html_(self) -> str:
        head = {
            "run": self.run_id,
            "experiment": self.experiment_id,
            "status": "abandoned" if self.is_abandoned else self.status.value,
            "started": self.start_time.isoformat(sep=" ", timespec="seconds"),
            "duration": "" if self.duration is None else f"{self.duration.total_seconds():.1f} s",
        }
        sections = {
            "Metrics": self.metrics,
            "Parameters": self.parameters,
            "Tags": self.tags,
            "Artifacts": {record.path: record.size for record in self.artifact_records},
        }
        return card(self.name, head, sections)

    def belongs_to(self, tracker: object) -> bool:
        """Tell whether a tracker made this object."""
        return self._tracker is tracker

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"A Run belongs to its tracker and cannot be copied to another process; send its id "
            f"({self.run_id!r}) and log by it: tracker.log_metric(run_id, …)."
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Run):
            return self.run_id == other.run_id
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.run_id)


def status_after(error: BaseException | None) -> RunStatus:
    """Return how a run ended whose body raised this, or nothing.

    Ctrl-C and a cancelled task are somebody's wish and not the run's failure; ``sys.exit(0)`` is an
    ordinary end.
    """
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return RunStatus.COMPLETED
    stopped = (KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)
    return RunStatus.CANCELLED if isinstance(error, stopped) else RunStatus.FAILED


def describe_error(error: BaseException) -> ErrorRecord:
    """Return an exception as a run's document keeps it; the traceback's last 20 kB.

    Texts that no file can hold, or that cannot be made, do not keep the run from ending.
    """
    # The traceback module also answers for exceptions whose own __str__ raises.
    said = "".join(traceback.format_exception_only(error)).strip()
    text = "".join(traceback.format_exception(error))
    return ErrorRecord(
        type=type(error).__name__,
        message=storable(said.partition(": ")[2])[:2000],
        traceback=storable(text)[-20_000:],
    )
