"""Verbs that write to a run: parameters, metrics, tags, artifacts, models, inputs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tauro._internal import _clock
from tauro._internal._paths import check_source
from tauro.errors import TrackingValidationError
from tauro.events import Operation
from tauro.flavors import save_model
from tauro.tracking import _artifacts, _content
from tauro.tracking._core import Appender, RunLike
from tauro.tracking._incoming import (
    Incoming,
    IncomingBytes,
    IncomingFile,
    add_artifact,
    incoming,
    put_in_place,
)
from tauro.tracking._inputs import describe_input
from tauro.tracking._lifecycle import LifecycleVerbs
from tauro.tracking._models import ArtifactRecord, DatasetInput, LoggedModel, RunRecord
from tauro.tracking._run import Run
from tauro.tracking._values import (
    append_columns,
    check_mapping,
    check_point,
    clean_columns,
    clean_parameters,
    clean_tags,
    clean_text,
    single,
    time_in_ns,
    times_in_ns,
)
from tauro.validation import validate_metric_key, validate_metric_step, validate_metric_value

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from tauro.types import StrPath

_LONGEST_NOTE = 1 << 20
_LONGEST_NAME = 500
_JOINED_SECONDS = 1.0


class LogVerbs(LifecycleVerbs):
    """Verbs that write to a run."""

    # Metrics

    def log_metric(
        self,
        run_id: RunLike | None,
        key: str,
        value: float,
        step: int = 0,
        metadata: Mapping[str, Any] | None = None,
        *,
        timestamp: int | None = None,
    ) -> None:
        """Record a point of a metric; on return it survives the death of the process.

        Args:
            run_id: The run or its id; None is the active run.
            key: The metric's key, up to 250 characters.
            value: A number, also of numpy; NaN and infinities are kept. A bool is refused.
            step: A whole number of 64 bits; it may repeat.
            metadata: A small mapping that is kept with the point.
            timestamp: Milliseconds since the epoch; by default now, to the nanosecond.

        Raises:
            TrackingValidationError: A key, value or step is not acceptable; nothing was written.
            RunNotActiveError: The run has ended.
        """
        # The hot path: a lookup, a flag, an append. `benchmarks/tracking.py` measures it.
        try:
            append = self._appenders[run_id].point  # type: ignore[index]
        except (KeyError, TypeError):  # not known yet, or no id at all
            if run_id is None:
                check_point(key, value, step, timestamp)
            append = self._appender(run_id).point
        if timestamp is None and metadata is None and not self._metric_watch.active:
            append(key, value, step)
        else:
            self._log_observed(run_id, key, value, step, metadata, timestamp)

    def _appender(self, run_id: RunLike | None) -> Appender:
        run = self._to_write(run_id)
        known = self._appenders.get(run.run_id)
        if known is not None:
            return known
        self._opened_for_writing()
        writer = self._log.writer(run.experiment_id, run.run_id)
        appender = Appender(writer.append, writer.append_row)
        if not self.is_open(run):
            appender = self._for_a_while(run.run_id, appender)
        # A Run and its id are one key: they hash alike and are found either way.
        self._appenders[run.run_id] = self._appenders[run] = appender  # type: ignore[index]
        return appender

    def _for_a_while(self, run_id: str, appender: Appender) -> Appender:
        """Return an appender that looks again after a second whether another's run is open."""
        until = time.monotonic() + _JOINED_SECONDS

        def now() -> Appender:
            if time.monotonic() < until:
                return appender
            self._forget_appender(run_id)
            return self._appender(run_id)

        return Appender(
            lambda *arguments: now().point(*arguments), lambda *arguments: now().row(*arguments)
        )

    def _log_observed(
        self,
        run_id: RunLike | None,
        key: str,
        value: float,
        step: int,
        metadata: Mapping[str, Any] | None,
        timestamp: int | None,
    ) -> None:
        append = self._appender(run_id).point
        time_ns = None if timestamp is None else time_in_ns(timestamp)
        if not self._metric_watch.active:
            append(key, value, step, time_ns, metadata)
            return
        known = self._to_write(None).run_id if run_id is None else str(run_id)
        data = {"run_id": known, "key": key, "value": value, "step": step}
        self.observers.perform(
            Operation.METRIC_LOG,
            data,
            lambda data: append(data["key"], data["value"], data["step"], time_ns, metadata),
        )

    def log_metrics(
        self,
        metrics: Mapping[str, float],
        step: int = 0,
        *,
        run_id: RunLike | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Record one point of each metric; without a run, of the active run.

        Raises:
            TrackingValidationError: A key, value or step is not acceptable; nothing was written.
        """
        points = {
            validate_metric_key(key, error=TrackingValidationError): validate_metric_value(
                value, key=key, error=TrackingValidationError
            )
            for key, value in check_mapping(metrics, "metrics").items()
        }
        whole = validate_metric_step(step, error=TrackingValidationError)
        time_ns = None if timestamp is None else time_in_ns(timestamp)
        appender = self._appender(self._to_write(run_id) if run_id is None else run_id)
        if self._metric_watch.active:
            for key, value in points.items():
                self._log_observed(
                    run_id or self._to_write(None), key, value, whole, None, timestamp
                )
            return
        appender.row(points, whole, _clock.now_ns() if time_ns is None else time_ns)

    def log_metrics_batch(
        self,
        run_id: RunLike | None,
        columns: Mapping[str, ArrayLike] | pd.DataFrame,
        *,
        steps: ArrayLike | None = None,
        timestamps: ArrayLike | None = None,
    ) -> None:
        """Record whole columns of points, at the speed of memory.

        Hooks of ``METRIC_LOG_BATCH`` and listeners that name ``METRIC_BATCH_LOGGED`` are called
        once, with all columns; those of single points are not called.

        Args:
            run_id: The run or its id; None is the active run.
            columns: For each metric an array of values, shape (n,).
            steps: Whole numbers, shape (n,); by default 0, 1, 2, …
            timestamps: Milliseconds since the epoch, shape (n,); by default now.

        Raises:
            TrackingValidationError: A column is not acceptable; nothing was written.
        """
        arrays = clean_columns(columns)
        times = None if timestamps is None else times_in_ns(timestamps)
        run = self._to_write(run_id)
        writer = self._log.writer(run.experiment_id, run.run_id)
        if not self._batch_watch.active:
            writer.append_columns(arrays, steps, times)
            return
        self.observers.perform(
            Operation.METRIC_LOG_BATCH,
            {"run_id": run.run_id, "columns": arrays, "steps": steps, "timestamps": timestamps},
            lambda data: append_columns(writer, data),
            lambda data: data,
        )

    def flush_metrics(self, run_id: RunLike | None = None) -> None:
        """Synchronise logged points with the disk, where the durability is ``disk``.

        With durability ``process`` every point was safe when ``log_metric`` returned.
        """
        del run_id  # segments hold many runs
        self._log.flush()

    # Parameters, tags, note

    def log_parameter(self, run_id: RunLike | None, key: str, value: Any) -> None:
        """Record a parameter of a run; logged again, the last value stands."""
        self.log_params(single(key, value), run_id=run_id)

    def log_param(self, run_id: RunLike | None, key: str, value: Any) -> None:
        """Record a parameter, as :meth:`log_parameter`."""
        self.log_parameter(run_id, key, value)

    def log_params(self, params: Mapping[str, Any], *, run_id: RunLike | None = None) -> None:
        """Record parameters; without a run, of the active run, which is opened on first use.

        Args:
            params: Any JSON values of up to 64 kB each; numpy scalars are taken too.
            run_id: The run or its id.

        Raises:
            TrackingValidationError: A key or value is not acceptable; nothing was written.
        """
        cleaned = clean_parameters(params)
        run = self._to_write(run_id)

        def merge(record: RunRecord, data: dict[str, Any]) -> None:
            record.parameters = {**record.parameters, **clean_parameters(data["parameters"])}

        self._write(run, Operation.PARAM_LOG, {"parameters": cleaned}, merge)

    def set_tags(self, tags: Mapping[str, Any], *, run_id: RunLike | None = None) -> None:
        """Set tags; without a run, of the active run."""
        cleaned = clean_tags(tags)
        run = self._to_tag(run_id)

        def merge(record: RunRecord, data: dict[str, Any]) -> None:
            record.tags = {**record.tags, **clean_tags(data["tags"])}

        self._write(run, Operation.TAG_SET, {"tags": cleaned}, merge)

    def set_tag(self, run_id: RunLike | None, key: str, value: Any) -> None:
        """Set a tag of a run, also of one that has ended."""
        self.set_tags(single(key, value), run_id=run_id)

    def delete_tag(self, run_id: RunLike, key: str) -> None:
        """Remove a tag of a run; an absent one is no error."""

        def remove(record: RunRecord, data: dict[str, Any]) -> None:
            record.tags = {name: text for name, text in record.tags.items() if name != data["key"]}

        self._write(self._to_tag(run_id), Operation.RUN_UPDATE, {"key": key}, remove)

    def set_note(self, note: str, *, run_id: RunLike | None = None) -> None:
        """Replace the free text about a run, also of one that has ended."""

        def replace(record: RunRecord, data: dict[str, Any]) -> None:
            record.note = data["note"]

        data = {"note": clean_text(note, "A note", _LONGEST_NOTE)}
        self._write(self._to_tag(run_id), Operation.RUN_UPDATE, data, replace)

    def _to_tag(self, run_id: RunLike | None) -> Run:
        """Return the run whose tags or note change, which an ended run's may."""
        return self._to_write(None) if run_id is None else self.get_run(run_id)

    def _write(
        self,
        run: Run,
        operation: Operation,
        data: dict[str, Any],
        change: Callable[[RunRecord, dict[str, Any]], None],
    ) -> None:
        told = {**_named(run), **data}

        def update(data: dict[str, Any]) -> None:
            self._opened_for_writing()
            record = self._documents.update_run(
                run.experiment_id, run.run_id, lambda record: change(record, data)
            )
            self._remember(run, record)

        self.observers.perform(operation, told, update)

    # Artifacts

    def log_artifact(
        self, run_id: RunLike | None, artifact_path: StrPath, destination: str = ""
    ) -> str:
        """Copy a file or folder to a run.

        Args:
            run_id: The run or its id; None is the active run.
            artifact_path: What to copy; absolute, or relative to the working directory.
            destination: A folder inside the run.

        Returns:
            The URI under which it is kept.

        Raises:
            FileNotFoundError: ``artifact_path`` does not exist.
            PathNotAllowedError: A path has ``..`` segments, or a link leads out of the folder.
        """
        check_source(artifact_path)  # before a run is opened for it
        run = self._to_write(run_id)
        return self._keep(run, incoming(self.storage, run.run_id, artifact_path, destination))

    def log_artifacts(
        self, artifacts: Mapping[str, StrPath] | StrPath, *, run_id: RunLike | None = None
    ) -> None:
        """Copy several files or folders to a run, by name, or one folder.

        A name is the folder inside the run into which its file goes.

        Raises:
            FileNotFoundError: One of them does not exist; none was copied.
            PathNotAllowedError: One of them is no path, or has ``..`` segments; likewise.
        """
        named = list(artifacts.items()) if isinstance(artifacts, Mapping) else [("", artifacts)]
        for name, path in named:
            check_source(path)
            _artifacts.artifact_key("", name)
        run = self._to_write(run_id)
        for name, path in named:
            self.log_artifact(run, path, name)

    def log_text(self, text: str, path: str, *, run_id: RunLike | None = None) -> str:
        """Keep a text as an artifact; return its URI."""
        return self._keep_bytes(
            run_id, path, lambda: clean_text(str(text), "A text artifact", 1 << 30).encode()
        )

    def log_dict(self, data: Any, path: str, *, run_id: RunLike | None = None) -> str:
        """Keep a mapping or list as a JSON (or, by the suffix, YAML) artifact; return its URI."""
        return self._keep_bytes(run_id, path, lambda: _content.dict_bytes(data, path))

    def log_table(self, table: Any, path: str, *, run_id: RunLike | None = None) -> str:
        """Keep a frame as a Parquet, CSV or JSON artifact, by the suffix; return its URI."""
        return self._keep_bytes(run_id, path, lambda: _content.table_bytes(table, path))

    def log_figure(
        self, figure: Any, path: str, *, run_id: RunLike | None = None, **options: Any
    ) -> str:
        """Keep a figure as an artifact of the format its suffix names; return its URI."""
        return self._keep_bytes(run_id, path, lambda: _content.figure_bytes(figure, path, options))

    def log_image(self, image: Any, path: str, *, run_id: RunLike | None = None) -> str:
        """Keep a Pillow image or an array as an image artifact; return its URI."""
        return self._keep_bytes(run_id, path, lambda: _content.image_bytes(image, path))

    def _keep_bytes(self, run_id: RunLike | None, path: str, make: Callable[[], bytes]) -> str:
        _artifacts.logical_path(path)
        data = make()
        run = self._to_write(run_id)
        return self._keep(run, IncomingBytes(self.storage, run.run_id, data, path))

    def _keep(self, run: Run, artifact: Incoming) -> str:
        told = {**_named(run), "artifact": artifact.record}
        kept = self.observers.perform(
            Operation.ARTIFACT_LOG,
            told,
            lambda _: self._put_in_place(run, artifact, add_artifact),
            lambda kept: {**told, "artifact": kept},
        )
        return _artifacts.artifact_uri(run.artifact_uri, kept.path)

    def _put_in_place(
        self, run: Run, artifact: Incoming, change: Callable[[RunRecord, ArtifactRecord], None]
    ) -> ArtifactRecord:
        self._opened_for_writing()
        with artifact.staged():
            record, kept = put_in_place(
                self._documents, run.experiment_id, run.run_id, artifact, change
            )
        self._remember(run, record)
        return kept

    def _remember(self, run: Run, record: RunRecord) -> None:
        for handle in (run, self._open_runs.get(run.run_id, run)):
            handle._record = record

    # Models, inputs

    def log_model(
        self,
        run_id: RunLike | None,
        model: Any,
        artifact_path: str = "model",
        *,
        input_example: Any = None,
        signature: Any = None,
        **options: Any,
    ) -> LoggedModel:
        """Keep a model in its flavor's format as an artifact of a run.

        Args:
            run_id: The run or its id; None is the active run.
            model: An object of any framework that has a flavor.
            artifact_path: A name inside the run; a suffix chooses no format.
            input_example: A few rows, from which the signature is inferred.
            signature: The columns it takes and gives, instead.
            options: Of the flavor.

        Raises:
            FlavorError: No flavor can keep the model.
        """
        name = _artifacts.logical_path(artifact_path)
        if run_id is not None:
            self._to_write(run_id)  # A run that has ended is refused before the work is done.
        with tempfile.TemporaryDirectory(prefix="tauro-model-") as folder:
            spec = save_model(
                model, folder, input_example=input_example, signature=signature, **options
            )
            run = self._to_write(run_id)
            logged = LoggedModel(
                name=name.rsplit("/", 1)[-1],
                artifact_path=name,
                flavor=spec.flavor,
                framework=spec.framework,
                signature=spec.signature.to_dict() if spec.signature is not None else {},
            )

            def add(record: RunRecord, kept: ArtifactRecord) -> None:
                add_artifact(record, kept)
                record.models = [*(m for m in record.models if m.artifact_path != name), logged]

            artifact = IncomingFile(self.storage, run.run_id, Path(folder), name)
            told = {**_named(run), "model": logged.name, "flavor": spec.flavor}
            self.observers.perform(
                Operation.MODEL_LOG,
                told,
                lambda _: self._put_in_place(run, artifact, add),
                lambda _: told,
            )
        return logged

    def log_input(
        self,
        data: Any,
        name: str,
        *,
        context: str = "",
        source: str = "",
        tags: Mapping[str, str] | None = None,
        run_id: RunLike | None = None,
    ) -> DatasetInput:
        """Record a dataset that a run read: schema, rows, and a fingerprint of the content.

        Args:
            data: A pandas, polars or pyarrow table, a numpy array, a path, or bytes.
            name: The dataset's name in the user's words.
            context: What it is used for: ``training``, ``validation``, ``test``.
            source: Where it came from.
            tags: Free text.
            run_id: The run or its id; by default the active run.
        """
        described = describe_input(
            data,
            _dataset_name(name),
            context=clean_text(context or "", "A dataset's context", _LONGEST_NAME),
            source=clean_text(str(source or ""), "A dataset's source", _LONGEST_NOTE),
            tags=clean_tags(tags or {}),
        )
        run = self._to_write(run_id)

        def add(record: RunRecord, data: dict[str, Any]) -> None:
            others = [i for i in record.inputs if (i.name, i.context) != (name, context)]
            record.inputs = [*others, described]

        told = {"name": name, "context": context, "fingerprint": described.fingerprint}
        self._write(run, Operation.INPUT_LOG, told, add)
        return described


def _dataset_name(name: Any) -> str:
    text = clean_text(name, "A dataset's name", _LONGEST_NAME)
    if not text.strip():
        raise TrackingValidationError("A dataset's name is empty.")
    return text


def _named(run: Run) -> dict[str, Any]:
    return {"run_id": run.run_id, "experiment_id": run.experiment_id}
