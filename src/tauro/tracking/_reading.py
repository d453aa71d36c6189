"""Verbs that read: history, search, comparison, artifacts, and what a run that is written adds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from tauro._internal._floats import float_to_json
from tauro.errors import TrackingValidationError
from tauro.tracking import _artifacts
from tauro.tracking._catalogue import RunPage
from tauro.tracking._core import ExperimentLike, RunLike, index_errors
from tauro.tracking._experiment import Experiment
from tauro.tracking._experiments import id_of_one
from tauro.tracking._logging import LogVerbs
from tauro.tracking._metric_log import Summary
from tauro.tracking._models import (
    ArtifactRecord,
    Metric,
    RunRecord,
    RunStatus,
    describe_record,
)
from tauro.tracking._query import EXPERIMENTS, matches, parse_filter
from tauro.tracking._run import Run
from tauro.tracking._status import parse_status
from tauro.tracking._values import check_key_text, check_mapping, clean_tags

if TYPE_CHECKING:
    import pandas as pd

    from tauro.types import StrPath

    _Asked = ExperimentLike | Sequence[ExperimentLike] | None

_POLL_SECONDS = 0.05
_LIVE_SECONDS = 0.25
_GONE_SECONDS = 60.0
_SIGNS = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "==": "=", "=": "=", "!=": "!="}


class ReadVerbs(LogVerbs):
    """Verbs that read."""

    # Metrics

    def get_metric_history(
        self,
        run_id: RunLike,
        key: str,
        max_points: int | None = None,
        *,
        metadata: bool = False,
    ) -> pd.DataFrame:
        """Return the points of a metric, in the order logged.

        Args:
            run_id: The run or its id; another process may be writing it.
            key: The metric's key; one that was never logged has no points.
            max_points: At most about so many points: the least and the greatest of each stretch
                are kept, so that no spike disappears.
            metadata: Add a column with the mapping that was logged with a point, else None.

        Returns:
            ``step`` (int64), ``value`` (float64), ``timestamp`` (UTC, nanoseconds).
        """
        import pandas as pd

        run = self.get_run(run_id)
        points = self._log.history(
            run.experiment_id, run.run_id, check_key_text(key), max_points=max_points
        )
        times = pd.to_datetime(points.timestamp_ns, unit="ns", utc=True)
        frame = pd.DataFrame({"step": points.step, "value": points.value, "timestamp": times})
        if metadata:
            texts = [points.metadata.get(position) for position in range(len(points))]
            kept = [None if text is None else msgspec.json.decode(text) for text in texts]
            frame["metadata"] = pd.Series(kept, dtype=object)
        return frame

    def list_metrics(self, run_id: RunLike) -> list[str]:
        """Return the keys of a run's metrics, sorted."""
        run = self.get_run(run_id)
        return sorted(self._log.keys(run.experiment_id, run.run_id))

    def watch(
        self, run_id: RunLike, *, timeout: float | None = None, poll: float = _POLL_SECONDS
    ) -> Iterator[list[Metric]]:
        """Yield the points of a run that are new, until it ends.

        Args:
            run_id: The run or its id; any process may be writing it.
            timeout: Stop after so many seconds in which nothing new came; by default never.
            poll: Seconds between two looks.

        Yields:
            New points, oldest first, never none.
        """
        run = self.get_run(run_id)
        follower = self._log.follow(run.experiment_id, run.run_id)
        quiet_since = time.monotonic()
        while True:
            record = self._read_record(run.run_id)
            ended = record.status is not RunStatus.RUNNING or self.is_abandoned(record)
            points = [
                Metric(key=key, value=value, step=step, timestamp_ns=at)
                for key, new in follower.poll().items()
                for step, value, at in zip(
                    new.step.tolist(), new.value.tolist(), new.timestamp_ns.tolist(), strict=True
                )
            ]
            points.sort(key=lambda point: point.timestamp_ns)
            if points:
                yield points
                quiet_since = time.monotonic()
            elif ended or (timeout is not None and time.monotonic() - quiet_since >= timeout):
                return
            else:
                time.sleep(poll)

    # Runs

    def query_runs(
        self,
        experiment_ids: ExperimentLike | Sequence[ExperimentLike] | None = None,
        filter: str = "",  # noqa: A002 - the name users read
        order_by: Sequence[str] | str | None = None,
        limit: int = 100,
        page_token: str | None = None,
        fields: Sequence[str] | None = None,
        include_deleted: bool = False,
    ) -> RunPage:
        """Search runs.

        Args:
            experiment_ids: Of these experiments; by default of all.
            filter: Such as ``metrics.m1 > 0.5 and (params.p0 = '3' or not tags.team like 'ds%')``.
            order_by: Such as ``["metrics.m2 DESC", "start_time"]``; by default newest first.
            limit: The most runs of a page.
            page_token: Of the page before.
            fields: Only these fields, such as ``["name", "metrics.auc"]``.
            include_deleted: Deleted runs too, and those of deleted experiments.

        Raises:
            FilterSyntaxError: The filter or order does not parse; the message points at the column.
            ExperimentNotFoundError: There is no such experiment.
        """
        return self._query(
            experiment_ids,
            filter=filter,
            order_by=order_by,
            limit=limit,
            page_token=page_token,
            fields=fields,
            include_deleted=include_deleted,
        )

    def _query(self, experiments: _Asked, **arguments: Any) -> RunPage:
        with index_errors(self._root):
            self._show_running()
            return self._catalogue.query(experiment_ids=self._known(experiments), **arguments)

    def _known(self, experiments: _Asked) -> list[str] | None:
        """Return the ids of experiments; one that there is not is an error, not an empty result."""
        ids = _ids(experiments)
        for each in ids or ():
            if not self._catalogue.has_experiment(each):
                self._experiments.get(each)
        return ids

    def _show_running(self) -> None:
        """Let searches see the metrics of runs that have not ended, from the log.

        Values that this process logged are seen at once, those of others a quarter second later; a
        run whose process is gone is looked at once.
        """
        now = time.monotonic()
        others: dict[str, list[RunRecord]] = {}
        for record in self._catalogue.running():
            if record.run_id in self._open_runs:
                self._show(record, self._log.summary(record.experiment_id, record.run_id))
            elif now >= self._look_again.get(record.run_id, 0.0):
                others.setdefault(record.experiment_id, []).append(record)
        for experiment_id, records in others.items():
            found = self._log.summaries(experiment_id, [record.run_id for record in records])
            for record in records:
                self._show(record, found[record.run_id])
                wait = _GONE_SECONDS if self.is_abandoned(record) else _LIVE_SECONDS
                self._look_again[record.run_id] = now + wait

    def _show(self, record: RunRecord, last: Mapping[str, Summary]) -> None:
        values = {key: float_to_json(each.last_value) for key, each in last.items()}
        self._catalogue.show_metrics(record.run_id, values)

    def count_runs(
        self,
        experiment_ids: ExperimentLike | Sequence[ExperimentLike] | None = None,
        filter: str = "",  # noqa: A002 - the name users read
        *,
        include_deleted: bool = False,
    ) -> int:
        """Return how many runs a search finds; see :meth:`query_runs`."""
        with index_errors(self._root):
            self._show_running()
            return self._catalogue.count(
                experiment_ids=self._known(experiment_ids),
                filter=filter,
                include_deleted=include_deleted,
            )

    def runs_frame(
        self,
        experiment_ids: ExperimentLike | Sequence[ExperimentLike] | None = None,
        filter: str = "",  # noqa: A002 - the name users read
        order_by: Sequence[str] | str | None = None,
        *,
        fields: Sequence[str] | None = None,
        include_deleted: bool = False,
    ) -> pd.DataFrame:
        """Return all runs that a search finds as a DataFrame, one row each; see :meth:`query_runs`.

        Returns:
            ``run_id``, ``name``, …, ``metrics.<key>``, ``params.<key>``, ``tags.<key>``.
        """
        return self._query(
            experiment_ids,
            filter=filter,
            order_by=order_by,
            limit=None,
            fields=fields,
            include_deleted=include_deleted,
        ).to_pandas()

    def search_runs(
        self,
        experiment_id: ExperimentLike | None = None,
        metric_filter: Mapping[str, tuple[str, float]] | None = None,
        *,
        filter: str = "",  # noqa: A002 - the name users read
        order_by: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """Return the ids of the runs that satisfy conditions.

        Args:
            experiment_id: Of this experiment; by default of all.
            metric_filter: Metric to condition, such as ``{"accuracy": (">", 0.85)}``.
            filter: A filter text, as :meth:`query_runs` takes it.
            order_by: As :meth:`query_runs` takes it.
            limit: The most ids.

        Raises:
            TrackingValidationError: A condition is none.
            ExperimentNotFoundError: There is no such experiment.
        """
        conditions = check_mapping(metric_filter or {}, "conditions")
        parts = [_condition(key, rule) for key, rule in conditions.items()]
        if parts and parse_filter(filter) is not None:
            parts.append(f"({filter})")
        text = " and ".join(parts) or filter
        page = self._query(
            experiment_id,
            filter=text,
            order_by=order_by,
            limit=limit,
        )
        return page.run_ids

    def list_runs(
        self,
        experiment_id: ExperimentLike | None = None,
        status_filter: RunStatus | str | None = None,
        tag_filter: Mapping[str, Any] | None = None,
        *,
        include_deleted: bool = False,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return runs as mappings whose keys are the field names, newest first.

        Args:
            experiment_id: Of this experiment; by default of all.
            status_filter: Only of this status.
            tag_filter: Only with these tags.
            include_deleted: Deleted runs too, and those of deleted experiments.
            limit: How many runs at most.

        Raises:
            ExperimentNotFoundError: There is no such experiment.
        """
        conditions = [
            f"tags.{_quoted_name(key)} = {_quoted(value)}"
            for key, value in clean_tags(tag_filter or {}).items()
        ]
        if status_filter is not None:
            conditions.append(f"status = {_quoted(parse_status(status_filter))}")
        page = self._query(
            experiment_id,
            filter=" and ".join(conditions),
            limit=limit,
            include_deleted=include_deleted,
        )
        return [dict(run) for run in page.runs]

    def compare_runs(self, run_ids: Iterable[RunLike], values: str = "last") -> pd.DataFrame:
        """Return runs side by side: one row a run, in the order given.

        Args:
            run_ids: Runs or their ids.
            values: Of each metric the ``last``, ``min`` or ``max`` value.

        Returns:
            Columns ``run_id``, ``name``, ``status``, ``metrics.<key>``, ``params.<key>``.

        Raises:
            RunNotFoundError: There is no such run.
            TrackingValidationError: The runs are no list, or ``values`` is none of the three.
        """
        import pandas as pd

        if values not in ("last", "min", "max"):
            raise TrackingValidationError(f"values is {values!r}; expected 'last', 'min' or 'max'.")
        if isinstance(run_ids, str) or not hasattr(run_ids, "__iter__"):
            raise TrackingValidationError(
                f"compare_runs takes a list of runs, got a single {type(run_ids).__name__}."
            )
        rows = []
        for run in map(self.get_run, run_ids):
            metrics = run.metrics if values == "last" else self._extremes(run, values)
            rows.append(
                {"run_id": run.run_id, "name": run.name, "status": run.status.value}
                | {f"metrics.{key}": value for key, value in metrics.items()}
                | {f"params.{key}": value for key, value in run.parameters.items()}
            )
        frame = pd.DataFrame(rows)
        first = ["run_id", "name", "status"]
        rest = [column for column in frame.columns if column not in first]
        metrics_first = sorted(rest, key=lambda name: (not name.startswith("metrics."), name))
        return frame[[*first, *metrics_first]] if rows else pd.DataFrame(columns=first)

    def _extremes(self, run: Run, which: str) -> dict[str, float]:
        found = self._log.summary(run.experiment_id, run.run_id)
        return {key: each.min if which == "min" else each.max for key, each in found.items()}

    def describe_run(self, run: Run) -> dict[str, Any]:
        """Return a run's fields as plain values."""
        return {
            **describe_record(run._record),
            "metrics": run.metrics,
            "artifact_uri": run.artifact_uri,
        }

    # Artifacts

    def list_artifacts(self, run_id: RunLike, path: str = "") -> list[ArtifactRecord]:
        """Return the files of a run below a path, sorted by path."""
        record = self._read_record(self.get_run(run_id).run_id)
        return _artifacts.list_files(self.storage, record, path)

    def download_artifact(self, run_id: RunLike, path: str, destination: StrPath) -> None:
        """Copy an artifact of a run, all of them for ``""``, to a local path."""
        run = self.get_run(run_id)
        _artifacts.get_file(self.storage, run.run_id, path, destination)

    # Experiments

    def search_experiments(
        self, filter_string: str = "", *, include_deleted: bool = False
    ) -> list[Experiment]:
        """Return the experiments that a filter lets through, oldest first.

        Args:
            filter_string: Such as ``"model_type='classification'"``: a bare name is a tag's, unless
                it is a field's (``name``, ``description``, ``created_at``).
            include_deleted: Deleted ones too.

        Raises:
            FilterSyntaxError: The filter does not parse; the message points at the column.
        """
        expression = parse_filter(filter_string, EXPERIMENTS)
        found = self._experiments.list(include_deleted=include_deleted)
        if expression is None:
            return found
        return [each for each in found if matches(expression, each.to_dict())]

    def compare_experiments(
        self, experiments: ExperimentLike | Sequence[ExperimentLike]
    ) -> pd.DataFrame:
        """Return experiments side by side.

        Returns:
            One row an experiment: ``experiment_id``, ``name``, ``runs``, and of each metric the
            best and the mean of its runs' last values: ``metrics.<key>.max``, ``.min``, ``.mean``.
        """
        import pandas as pd

        rows = []
        for experiment_id in _ids(experiments) or []:
            found = self._experiments.get(experiment_id)
            runs = self.list_runs(found)
            row: dict[str, Any] = {
                "experiment_id": found.experiment_id,
                "name": found.name,
                "runs": len(runs),
            }
            metrics = pd.DataFrame([run["metrics"] for run in runs])
            for key in sorted(metrics.columns):
                for how in ("max", "mean", "min"):
                    row[f"metrics.{key}.{how}"] = metrics[key].agg(how)
            rows.append(row)
        return pd.DataFrame(rows)


def _ids(experiments: _Asked) -> list[str] | None:
    if experiments is None:
        return None
    if isinstance(experiments, (str, Experiment)):
        experiments = [experiments]
    if not isinstance(experiments, Iterable):
        raise TrackingValidationError(
            f"Got {type(experiments).__name__} where experiments or their ids are expected."
        )
    return [id_of_one(each) for each in experiments]


def _condition(key: str, rule: Any) -> str:
    try:
        sign, bound = rule
        return f"metrics.{_quoted_name(check_key_text(key))} {_SIGNS[sign]} {float(bound)!r}"
    except TrackingValidationError:
        raise
    except (TypeError, ValueError, KeyError) as error:
        raise TrackingValidationError(
            f"The condition on {key!r} is {rule!r}; expected a pair such as ('>', 0.85) with one "
            f"of {', '.join(_SIGNS)}.",
            context={"metric": key},
        ) from error


def _quoted(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _quoted_name(key: str) -> str:
    return "`" + key.replace("`", "``") + "`"
