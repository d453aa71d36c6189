"""The tracker: experiments and runs of one store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from tauro._internal import _clock
from tauro._internal._days import days
from tauro.errors import TrackingValidationError
from tauro.tracking._core import ExperimentLike, index_errors
from tauro.tracking._experiment import Experiment
from tauro.tracking._experiments import experiment_id_of, id_of_one
from tauro.tracking._heartbeat import damaged_writers, remove_dead_writers
from tauro.tracking._incoming import remove_staging
from tauro.tracking._keys import ROOT
from tauro.tracking._metric_log import Compaction
from tauro.tracking._models import ErrorRecord, RunRecord, RunStatus
from tauro.tracking._reading import ReadVerbs
from tauro.tracking._removal import PUBLISH_TIMEOUT, Removal
from tauro.tracking._verify import (
    Damage,
    relative,
    undecided_runs,
    unreadable,
    verify_documents,
    verify_points,
)

_ABANDONED: Final = ErrorRecord(
    type="Abandoned", message="The process that ran it was gone before it ended the run."
)


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair did.

    Attributes:
        compactions: Of each experiment that has metrics; damaged files are in ``put_aside``.
        ended: The ids of the abandoned runs that are FAILED now.
    """

    compactions: list[Compaction]
    ended: list[str]


class ExperimentTracker(ReadVerbs):
    """Track experiments and runs in one store.

    Any number of trackers, in any number of processes and threads, may use one store at a time, and
    one tracker may be used from any number of threads. Reading creates nothing.

    Args:
        storage: A backend, a folder or a URL; by default the active store.
        tracking_uri: The same by another name; give one of the two.
        tenant_id: Use only this tenant's part of the store.
        observers: Events, hooks, metrics and audit log; by default the process's.
        default_experiment_name: Where runs go that name no experiment.
        durability: ``process``: what was logged survives ``kill -9``; ``disk``: also power loss,
            once :meth:`flush_metrics` or :meth:`end_run` returned.
        metric_buffer_size: The most points between two synchronisations with the disk, with
            durability ``disk``. Points are always written as they are logged.
        auto_flush_metrics: Synchronise by itself when that many points were logged; else only when
            a file is full, and when a run ends or is flushed.
        capture_environment: Keep git commit, command line, versions and host with each run.

    Raises:
        StoreFormatError: The folder is another program's, or a store of a newer format.
    """

    # Experiments

    def create_experiment(
        self,
        name: str | None = None,
        description: str = "",
        tags: Mapping[str, Any] | None = None,
        *,
        experiment_name: str | None = None,
        exist_ok: bool = True,
    ) -> Experiment:
        """Get or create an experiment; it becomes the one that runs without one go to.

        Args:
            name: Any printable text up to 255 characters.
            description: What it is about; replaces that of one that exists, unless empty.
            tags: Added to those of one that exists.
            experiment_name: The same as ``name``.
            exist_ok: If false, refuse one that exists.

        Raises:
            TrackingValidationError: The name or a tag is not acceptable.
            ExperimentExistsError: It exists and ``exist_ok`` is false, or it is deleted.
        """
        if name is not None and experiment_name is not None and name != experiment_name:
            raise TrackingValidationError(
                f"name is {name!r} and experiment_name is {experiment_name!r}; give one of the two."
            )
        chosen = name if name is not None else experiment_name
        created = self._experiments.create(
            chosen,
            description,
            tags,
            exist_ok=exist_ok,
        )
        self._current_experiment = created.experiment_id
        return created

    def set_experiment(self, name: str) -> Experiment:
        """Choose the experiment that runs without one go to, made if there is none."""
        return self.create_experiment(name)

    def get_experiment(self, experiment_id: ExperimentLike) -> Experiment:
        """Return an experiment by id.

        Raises:
            ExperimentNotFoundError: There is none.
        """
        return self._experiments.get(id_of_one(experiment_id))

    def find_experiment(self, name: str) -> Experiment | None:
        """Return the experiment of a name, or None."""
        return self._experiments.find(name)

    def list_experiments(self, *, include_deleted: bool = False) -> list[Experiment]:
        """Return the experiments, oldest first."""
        return self._experiments.list(include_deleted=include_deleted)

    def rename_experiment(self, experiment_id: ExperimentLike, name: str) -> Experiment:
        """Give an experiment another name, which must be free."""
        self._named_experiments.clear()
        return self._experiments.rename(id_of_one(experiment_id), name)

    def set_experiment_tags(
        self, experiment_id: ExperimentLike, tags: Mapping[str, Any]
    ) -> Experiment:
        """Set tags of an experiment."""
        return self._experiments.set_tags(id_of_one(experiment_id), tags)

    def delete_experiment(self, experiment_id: ExperimentLike) -> Experiment:
        """Mark an experiment as deleted; it can be restored until :meth:`gc` removes it.

        Until then its name stays taken, it takes no new runs, and its runs are found only where
        deleted ones are asked for.
        """
        deleted = self._experiments.delete(id_of_one(experiment_id))
        self._known_experiments.discard(deleted.experiment_id)
        self._named_experiments.clear()
        if self._current_experiment == deleted.experiment_id:
            self._current_experiment = None
        return deleted

    def restore_experiment(self, experiment_id: ExperimentLike) -> Experiment:
        """Bring a deleted experiment back, with its runs that were not deleted themselves."""
        return self._experiments.restore(id_of_one(experiment_id))

    # Upkeep

    def compact(self, experiment_id: ExperimentLike | None = None) -> list[Compaction]:
        """Merge finished metric segments into Parquet parts, and publish the views.

        Writers and readers are not disturbed, and it may be killed at any point.

        Args:
            experiment_id: Of this experiment; by default of all.

        Returns:
            What was done, an entry for each experiment that has metrics.
        """
        chosen = experiment_id_of(experiment_id)
        self._opened_for_writing()
        done = [
            self._log.compact(each) for each in ([chosen] if chosen else self._log.experiments())
        ]
        with index_errors(self._root):
            self._catalogue.publish(timeout=PUBLISH_TIMEOUT)
        return done

    def gc(self, *, older_than_days: float = 0.0, dry_run: bool = False) -> dict[str, list[str]]:
        """Remove deleted runs, and deleted experiments with all their runs, for good.

        Their artifacts and metrics go with them, and the names of the experiments become free. A
        run that is being written stays, and so does its experiment. What dead processes left of
        unfinished writes a day ago goes too.

        Args:
            older_than_days: Only those deleted at least so long ago.
            dry_run: Only tell what would go.

        Returns:
            The ids of the ``runs`` and ``experiments`` that went.

        Raises:
            TrackingValidationError: ``older_than_days`` is no number of days; nothing was removed.
        """
        age = days(older_than_days, "older_than_days", error=TrackingValidationError)
        if not dry_run:
            self._opened_for_writing()
        removal = Removal(
            self._documents,
            self._catalogue,
            self._log,
            self.observers,
            is_written=self._is_being_written,
            before=_clock.now() - age,
            root=self._root,
        )
        if dry_run:
            return removal.plan()
        gone = removal.run()
        self.storage.remove_temporaries()
        remove_staging(self.storage)
        remove_dead_writers(self.storage)
        return gone

    def _is_being_written(self, record: RunRecord) -> bool:
        return record.status is RunStatus.RUNNING and not self.is_abandoned(record)

    def verify(self) -> Iterator[Damage]:
        """Yield every damaged file of the tracking side, with what is wrong; nothing is changed."""
        yield from unreadable(ROOT, verify_documents(self.storage))
        for key, problem in damaged_writers(self.storage):
            yield Damage(key, problem)
        damaged = set()
        for experiment_id in self._log.experiments():
            for found in unreadable(
                f"{ROOT}/metrics/{experiment_id}", self._verify_metrics(experiment_id)
            ):
                damaged.add(experiment_id)
                yield found
        yield from unreadable(f"{ROOT}/runs", self._verify_points(damaged))

    def _verify_metrics(self, experiment_id: str) -> Iterator[Damage]:
        for finding in self._log.verify(experiment_id):
            if not finding.harmless:
                yield Damage(relative(finding.path, self._root), finding.problem)

    def _verify_points(self, damaged: Collection[str]) -> Iterator[Damage]:
        for record in self._catalogue.query(limit=None, include_deleted=True).records:
            # Where a file is damaged, points of runs are missing for a reason that is named.
            if record.experiment_id not in damaged:
                yield from verify_points(self._log, self._documents, record)

    def repair(self) -> Repair:
        """Move the good points of damaged metric files to new parts; end abandoned runs.

        A damaged file is put aside; a run whose process is gone is recorded as FAILED, with the
        last values of its metrics. Documents say which artifact stands where a process died
        replacing one. A name whose claim is missing or damaged is claimed anew.
        """
        self._opened_for_writing()
        self._documents.restore_claims()
        with index_errors(self._root):
            done = [self._log.repair(each) for each in self._log.experiments()]
            abandoned = [each for each in self._catalogue.running() if self.is_abandoned(each)]
        for record in abandoned:
            self.resume_run(record.run_id)
            self.end_run(record.run_id, RunStatus.FAILED, error=_ABANDONED)
        with index_errors(self._root):
            for record in undecided_runs(self.storage):
                self._documents.update_run(record.experiment_id, record.run_id, lambda _: None)
            self._catalogue.publish(timeout=PUBLISH_TIMEOUT)
        return Repair(compactions=done, ended=[record.run_id for record in abandoned])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ExperimentTracker({self.storage.uri!r})"
