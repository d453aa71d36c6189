"""Removing for good what was deleted: runs, and experiments with all their runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tauro.events import Observers, Operation
from tauro.tracking._artifacts import artifact_folder
from tauro.tracking._catalogue import RunCatalogue
from tauro.tracking._core import index_errors
from tauro.tracking._documents import Documents
from tauro.tracking._keys import ROOT
from tauro.tracking._metric_log import MetricLog
from tauro.tracking._models import ExperimentRecord, RunRecord

IsDue = Callable[[RunRecord], bool]
PUBLISH_TIMEOUT: Final = 30.0


class Removal:
    """One collection of what was deleted long enough ago.

    What goes is marked first, under its lock and if it is still due, and nothing undoes the mark;
    its parts go next, its document last. So a restore comes in time or finds nothing, and a
    removal that was cut short is completed by the next one.

    Args:
        documents: Of the store.
        catalogue: Told of what goes.
        log: Holds the points.
        observers: Hooks may refuse; every removal is in the audit log.
        is_written: Tells whether a run is being written; such a run stays.
        before: What was deleted until then is due.
        root: The store, for messages.
    """

    def __init__(
        self,
        documents: Documents,
        catalogue: RunCatalogue,
        log: MetricLog,
        observers: Observers,
        *,
        is_written: Callable[[RunRecord], bool],
        before: datetime,
        root: Path,
    ) -> None:
        self._documents = documents
        self._storage = documents.storage
        self._catalogue = catalogue
        self._log = log
        self._observers = observers
        self._is_written = is_written
        self._before = before
        self._root = root

    def run(self) -> dict[str, list[str]]:
        """Remove what is due; return the ids of the ``runs`` and ``experiments`` that went."""
        # Only the index's own failures are turned into ours: hooks raise what they like.
        with index_errors(self._root):
            known = self._catalogue.experiments(include_deleted=True)
        runs = [run for run in self._runs(filter="lifecycle != 'active'") if self._remove_run(run)]
        experiments = []
        for experiment in filter(self._is_due, known):
            gone = self._remove_experiment(experiment)
            runs += gone.runs
            experiments += [experiment] if gone.whole else []
        self._remove_points(runs)
        with index_errors(self._root):
            self._catalogue.publish(timeout=PUBLISH_TIMEOUT)
        for experiment in experiments:
            # Only now: whoever publishes from now on knows that nobody needs its view.
            self._storage.delete(f"{ROOT}/runs/{experiment.experiment_id}")
        return {
            "runs": [run.run_id for run in runs],
            "experiments": [each.experiment_id for each in experiments],
        }

    def plan(self) -> dict[str, list[str]]:
        """Return what :meth:`run` would remove now; nothing is changed."""
        with index_errors(self._root):
            known = self._catalogue.experiments(include_deleted=True)
        alone = [run for run in self._runs(filter="lifecycle != 'active'") if self._is_due(run)]
        runs = {run.run_id for run in alone if not self._is_written(run)}
        experiments = []
        for experiment in filter(self._is_due, known):
            inside = self._runs(experiment_ids=[experiment.experiment_id])
            if not any(map(self._is_written, inside)):
                runs |= {run.run_id for run in inside}
                experiments.append(experiment.experiment_id)
        return {"runs": sorted(runs), "experiments": experiments}

    def _is_due(self, record: RunRecord | ExperimentRecord) -> bool:
        if record.lifecycle == "active":
            return False
        at = record.deleted_at
        return record.lifecycle == "removing" or (at is not None and at <= self._before)

    def _runs(self, **query: Any) -> list[RunRecord]:
        with index_errors(self._root):
            return self._catalogue.query(limit=None, include_deleted=True, **query).records

    def _remove_run(self, known: RunRecord, is_due: IsDue | None = None) -> bool:
        check = is_due or self._is_due
        if self._is_written(known) or not check(known):
            return False

        def remove(data: dict[str, Any]) -> bool:
            record = self._documents.condemn_run(known.experiment_id, known.run_id, check)
            if record is None:
                return False
            self._storage.delete(artifact_folder(record.run_id))
            self._documents.remove_run(record)
            return True

        data = {
            "run_id": known.run_id,
            "experiment_id": known.experiment_id,
            "name": known.name,
            "status": known.status.value,
        }
        return self._observers.perform(
            Operation.RUN_REMOVE, data, remove, lambda gone: data if gone else None
        )

    def _remove_experiment(self, known: ExperimentRecord) -> _Gone:
        """Remove an experiment with its runs, unless one is being written."""
        runs = self._runs(experiment_ids=[known.experiment_id])
        if any(map(self._is_written, runs)):
            return _Gone()

        def remove(data: dict[str, Any]) -> _Gone:
            record = self._documents.condemn_experiment(known.experiment_id, self._is_due)
            if record is None:
                return _Gone()
            gone = [run for run in runs if self._remove_run(run, lambda _: True)]
            if not self._log.remove(record.experiment_id):
                # A live process has its files open; the next collection removes the rest.
                return _Gone(gone)
            self._documents.remove_experiment(record)
            return _Gone(gone, whole=True)

        data = {"experiment_id": known.experiment_id, "name": known.name, "runs": len(runs)}
        return self._observers.perform(
            Operation.EXPERIMENT_REMOVE, data, remove, lambda gone: data if gone.whole else None
        )

    def _remove_points(self, runs: list[RunRecord]) -> None:
        by_experiment: dict[str, list[str]] = {}
        for run in runs:
            by_experiment.setdefault(run.experiment_id, []).append(run.run_id)
        for experiment_id, run_ids in by_experiment.items():
            self._log.compact(experiment_id, drop_runs=run_ids)


@dataclass(frozen=True, slots=True)
class _Gone:
    """What went of an experiment, and whether that was all of it."""

    runs: list[RunRecord] = field(default_factory=list)
    whole: bool = False
