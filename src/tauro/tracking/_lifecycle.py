"""The life of a run: start, end, resume, delete, restore."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tauro._internal import _clock
from tauro._internal._active import run_closed, run_opened, run_scope
from tauro._internal._floats import float_to_json
from tauro._internal._ids import new_id
from tauro.errors import (
    MLOpsError,
    RunNotActiveError,
    TrackingValidationError,
)
from tauro.events import Operation
from tauro.tracking._artifacts import artifact_folder
from tauro.tracking._console import NAME, ConsoleCapture, left_behind
from tauro.tracking._core import ExperimentLike, RunLike, TrackerCore
from tauro.tracking._environment import capture_environment, user_name
from tauro.tracking._experiments import experiment_id_of
from tauro.tracking._incoming import add_artifact
from tauro.tracking._models import ArtifactRecord, ErrorRecord, RunRecord, RunStatus
from tauro.tracking._run import Run, describe_error, status_after
from tauro.tracking._status import (
    deleted_error,
    ended_error,
    experiment_deleted_error,
    final_status,
)
from tauro.tracking._system import SystemSampler
from tauro.tracking._values import (
    check_seconds,
    clean_parameters,
    clean_run_name,
    clean_tags,
)

_log = logging.getLogger(__name__)


class LifecycleVerbs(TrackerCore):
    """Verbs that begin and end runs."""

    def start_run(
        self,
        experiment_id: ExperimentLike | None = None,
        name: str = "",
        parameters: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        parent_run_id: RunLike | None = None,
        *,
        run_name: str | None = None,
        experiment_name: str | None = None,
        nested: bool = False,
        system_metrics: float | None = None,
        capture_console: bool = False,
    ) -> Run:
        """Start a run; usable as a context manager that ends it.

        Args:
            experiment_id: The experiment, or its id; by default the one this tracker created or
                chose last, else the configured default.
            name: What to call the run; by default a name is made from its id.
            parameters: Recorded at once.
            tags: Set at once.
            parent_run_id: The run it is part of.
            run_name: The same as ``name``.
            experiment_name: An experiment by name, made if there is none.
            nested: Make it part of the active run.
            system_metrics: Seconds between samples of CPU and memory, logged as ``system/…``; by
                default none are taken.
            capture_console: Keep what this process prints while the run is open, as it is printed,
                in the artifact ``console.txt``: the last 8 MiB, and as much before that in
                ``console.1.txt``.

        Raises:
            TrackingValidationError: A name or value is not acceptable; nothing was written.
            ExperimentNotFoundError: There is no such experiment, or it is deleted.
            RunNotFoundError: There is no such parent.
        """
        if system_metrics is not None:
            system_metrics = check_seconds(system_metrics, "system_metrics")
        if run_name is not None and name and run_name != name:
            raise TrackingValidationError(
                f"name is {name!r} and run_name is {run_name!r}; give one of the two."
            )
        self._notice_removal()
        data = {
            "name": clean_run_name(name or run_name) if (name or run_name) else "",
            "parameters": clean_parameters(parameters or {}),
            "tags": clean_tags(tags or {}),
            "experiment_id": self._experiment_for(experiment_id, experiment_name),
            "parent_run_id": self._parent_for(parent_run_id, nested=nested),
        }
        start = functools.partial(self._start, capture_console=capture_console)
        run = self.observers.perform(Operation.RUN_START, data, start, _announce)
        if system_metrics is not None:
            self._samplers[run.run_id] = SystemSampler(self._sampled_into(run), system_metrics)
        return run

    def _sampled_into(self, run: Run) -> Callable[[Mapping[str, float], int], None]:
        writer = self._log.writer(run.experiment_id, run.run_id)

        def log(figures: Mapping[str, float], step: int) -> None:
            for key, value in figures.items():
                writer.append(key, value, step)

        return log

    run_context = start_run
    """The same as :meth:`start_run`."""

    def _start(self, data: dict[str, Any], *, capture_console: bool) -> Run:
        # A hook may have replaced either.
        experiment_id = self._experiment_for(data["experiment_id"], None)
        parent_run_id = self._parent_for(data["parent_run_id"], nested=False)
        self._opened_for_writing()
        run_id = new_id()
        record = RunRecord(
            run_id=run_id,
            experiment_id=experiment_id,
            name=clean_run_name(data["name"]) if data["name"] else f"run-{run_id[-8:]}",
            status=RunStatus.RUNNING,
            start_time=_clock.now(),
            parent_run_id=parent_run_id,
            user=user_name(),
            parameters=clean_parameters(data["parameters"]),
            tags=clean_tags(data["tags"]),
            source=capture_environment() if self._capture else {},
            owner=self._heartbeat.owner(),
        )
        if capture_console:
            record.artifacts = [ArtifactRecord(path=NAME, size=0)]  # Its hash is known at the end.
        self._documents.create_run(record)
        if capture_console:
            self._capture_console(run_id)
        return self._opened(record)

    def _capture_console(self, run_id: str) -> None:
        """Keep what is printed from now on; where that cannot be, the run goes on without."""
        try:
            capture = ConsoleCapture(self.storage, run_id, durability=self._durability)
        except (MLOpsError, OSError) as error:
            _log.warning("What run %s prints is not kept: %s", run_id, error)
        else:
            self._consoles[run_id] = capture

    def _opened(self, record: RunRecord) -> Run:
        run = self._handle(record)
        self._open_runs[run.run_id] = run
        self._seen_error = getattr(sys, "last_value", None)
        run_opened(run.run_id)
        return run

    def _experiment_for(self, experiment: ExperimentLike | None, name: str | None) -> str:
        wanted = experiment_id_of(experiment)
        if wanted is not None and name is not None:
            found = self._experiments.get(wanted)
            if found.name != name:
                raise TrackingValidationError(
                    f"The experiment {wanted!r} is named {found.name!r}, not {name!r}; "
                    "give its id or its name."
                )
        if wanted is None:
            if name is None and self._current_experiment is not None:
                wanted = self._current_experiment
            else:
                return self._experiment_named(name or self.default_experiment_name)
        if wanted not in self._known_experiments:
            found = self._experiments.get(wanted)
            if found.lifecycle != "active":
                raise experiment_deleted_error(f"{found.name!r} ({wanted})", wanted)
            self._known_experiments.add(wanted)
        return wanted

    def _experiment_named(self, name: str) -> str:
        known = self._named_experiments.get(name)
        if known is None:
            known = self._experiments.create(name, "", None, exist_ok=True).experiment_id
            self._named_experiments[name] = known
            self._known_experiments.add(known)
        return known

    def _parent_for(self, parent: RunLike | None, *, nested: bool) -> str | None:
        if parent is None:
            active = self.active_run() if nested else None
            return None if active is None else active.run_id
        parent_id = parent.run_id if isinstance(parent, Run) else parent
        self._read_record(parent_id)  # a new run is nobody's ancestor: no cycle can come of it
        return parent_id

    # Which run to write

    def _to_write(self, run: RunLike | None) -> Run:
        """Return the open run that is meant; without one the active run, opened on first use."""
        if run is None:
            return self.active_run() or self._open_implicit()
        run_id = run.run_id if isinstance(run, Run) else run
        if not isinstance(run_id, str):
            raise TrackingValidationError(
                f"Got a {type(run).__name__} where a run or its id is expected.",
                context={"type": type(run).__name__},
            )
        found = self._open_runs.get(run_id)
        if found is not None:
            return found
        if isinstance(run, Run) and run.belongs_to(self):
            raise self._record_error(run)
        return self._joined(run_id)

    def _record_error(self, run: Run) -> RunNotActiveError:
        ended = run.status is not RunStatus.RUNNING
        how = f"tracker.resume_run({run.run_id!r}) opens it again"
        return RunNotActiveError(
            f"The run {run.run_id} ({run.name!r}) "
            + (f"has ended: {run.status}." if ended else "was read back and is a record."),
            context={"run_id": run.run_id, "status": run.status.value},
            suggestions=[f"{how}." if ended else f"Log to it by its id, or {how}."],
        )

    def _joined(self, run_id: str) -> Run:
        """Return a handle on a run that another process or tracker has open."""
        record = self._read_record(run_id)
        if record.status not in (RunStatus.RUNNING, RunStatus.SCHEDULED):
            raise ended_error(record)
        if record.lifecycle != "active":
            raise deleted_error(record)
        self._opened_for_writing()
        return self._handle(record)

    def ensure_run(self) -> Run:
        """Return the active run, opened if there is none; one so opened ends with :meth:`close`."""
        return self._to_write(None)

    def opened_by_itself(self, run_id: str) -> bool:
        """Tell whether an open run was opened by a verb without one, and not by ``start_run``."""
        return any(run.run_id == run_id for run in list(self._implicit.values()))

    def _open_implicit(self) -> Run:
        scope = run_scope.get()
        with self._guard:
            if scope not in self._implicit:
                if self._open_runs:
                    _log.warning(
                        "A verb without a run opened one of its own, while %d are open that are "
                        "not active here; in another thread use `with run:` or log by its id.",
                        len(self._open_runs),
                    )
                self._implicit[scope] = self.start_run()
            return self._implicit[scope]

    def close(self) -> None:
        """End the run that a verb opened by itself, publish the views, let go of every file."""
        for run in list(self._implicit.values()):
            self.end_run(run)
        for run_id in list(self._consoles):
            self._keep_printed(self._open_runs[run_id], self._printed_in(run_id))
        super().close()

    def _keep_printed(self, run: Run, printed: list[ArtifactRecord]) -> None:
        """Let the document say what was printed, where it is not said with the run's end."""
        if not printed:
            return

        def keep(record: RunRecord) -> None:
            for each in printed:
                add_artifact(record, each)

        try:
            run._record = self._documents.update_run(run.experiment_id, run.run_id, keep)
        except (MLOpsError, OSError) as error:  # such as a store that was removed
            _log.warning("What run %s printed was not kept: %s", run.run_id, error)

    def end_at_exit(self) -> None:
        """End every run that is still open: FAILED where an exception ends the interpreter."""
        error = getattr(sys, "last_value", None)
        if error is self._seen_error:  # of before these runs, as a console keeps it for hours
            error = None
        status = status_after(error)
        for run in list(self._open_runs.values()):
            try:
                self.end_run(run, status, error=None if error is None else describe_error(error))
            # Hooks are the user's code; one run that cannot be ended must not keep the others.
            except Exception as problem:  # noqa: BLE001
                _log.warning(
                    "The run %s was not ended with the interpreter: %s", run.run_id, problem
                )
        super().end_at_exit()

    # End, resume

    def end_run(
        self,
        run_id: RunLike | None = None,
        status: RunStatus | str = RunStatus.COMPLETED,
        *,
        error: ErrorRecord | None = None,
    ) -> Run:
        """End a run and put its final metric values into its document.

        Args:
            run_id: The run or its id; by default the active run.
            status: How it ended.
            error: The exception that ended it.

        Raises:
            RunNotActiveError: It has ended already, or none is active.
        """
        final = final_status(status)
        if run_id is None and self.active_run() is None:
            raise RunNotActiveError("There is no active run to end.")
        run = self._to_write(run_id)
        data: dict[str, Any] = {
            "run_id": run.run_id,
            "experiment_id": run.experiment_id,
            "name": run.name,
            "status": final.value,
        }
        ended = self.observers.perform(
            Operation.RUN_END,
            data,
            lambda data: self._end(run, final_status(data["status"]), error),
            lambda run: {**data, "status": run.status.value, "metrics": run.metrics},
        )
        self._log.compact_when_due(ended.experiment_id)
        return ended

    def _end(self, run: Run, status: RunStatus, error: ErrorRecord | None) -> Run:
        sampler = self._samplers.pop(run.run_id, None)
        if sampler is not None:
            sampler.stop()
        printed = self._printed_in(run.run_id)
        self._log.flush()
        last = self._log.summary(run.experiment_id, run.run_id)

        def finish(record: RunRecord) -> None:
            if record.status not in (RunStatus.RUNNING, RunStatus.SCHEDULED):
                raise ended_error(record)
            for each in printed:
                add_artifact(record, each)
            record.status = status
            record.end_time = _clock.now()
            record.error = error
            found = {key: float_to_json(each.last_value) for key, each in last.items()}
            record.metrics = {**record.metrics, **found}

        try:
            run._record = self._documents.update_run(run.experiment_id, run.run_id, finish)
        except RunNotActiveError:
            self._forget(run)  # somebody else ended it
            self._keep_printed(run, printed)
            raise
        self._forget(run)
        return run

    def _printed_in(self, run_id: str) -> list[ArtifactRecord]:
        """Stop capturing what a run prints; return the artifacts that hold it."""
        console = self._consoles.pop(run_id, None)
        if console is None:
            return []
        try:
            return console.stop()
        except (MLOpsError, OSError) as error:
            _log.warning("What run %s printed was not kept: %s", run_id, error)
            return []

    def _forget(self, run: Run) -> None:
        self._open_runs.pop(run.run_id, None)
        self._forget_appender(run.run_id)
        self._log.forget(run.experiment_id, run.run_id)
        for scope, implicit in list(self._implicit.items()):
            if implicit is run:
                self._implicit.pop(scope, None)
        run_closed(run.run_id)

    def resume_run(self, run_id: RunLike) -> Run:
        """Open an ended or abandoned run again; what was logged stays.

        Raises:
            RunNotActiveError: Its process is alive and still has it open, or it is deleted.
            ExperimentNotFoundError: Its experiment is deleted.
        """
        known = self._read_record(run_id.run_id if isinstance(run_id, Run) else run_id)
        if known.run_id in self._open_runs:
            return self._open_runs[known.run_id]
        if self._catalogue.is_deleted(known.experiment_id):
            raise experiment_deleted_error(f"of the run {known.run_id}", known.experiment_id)
        return self._resume(known)

    def _resume(self, known: RunRecord) -> Run:
        def reopen(record: RunRecord) -> None:
            if record.lifecycle != "active":
                raise deleted_error(record)
            if record.status is RunStatus.RUNNING and not self.is_abandoned(record):
                raise RunNotActiveError(
                    f"The run {record.run_id} ({record.name!r}) is open in another process.",
                    context={"run_id": record.run_id},
                    suggestions=[
                        "Log to it by its id; only a run whose process is gone is resumed."
                    ],
                )
            record.status = RunStatus.RUNNING
            record.end_time = None
            record.error = None
            record.owner = self._heartbeat.owner()
            for each in left_behind(self.storage, record):
                add_artifact(record, each)

        def resume(_: dict[str, Any]) -> Run:
            self._opened_for_writing()
            record = self._documents.update_run(known.experiment_id, known.run_id, reopen)
            return self._opened(record)

        return self.observers.perform(Operation.RUN_RESUME, _told(known), resume, _announce)

    def get_run(self, run_id: RunLike) -> Run:
        """Return a run: the open one, else a record read from the store.

        Raises:
            RunNotFoundError: There is none of this id.
        """
        known = run_id.run_id if isinstance(run_id, Run) else run_id
        record = self._read_record(known)
        found = self._open_runs.get(known)
        if found is None:
            return self._handle(record)
        found._record = record  # with what others changed of it
        return found

    # Delete, restore

    def delete_run(self, run_id: RunLike) -> Run:
        """Mark a run as deleted; it can be restored until ``gc`` removes it."""

        def change(record: RunRecord) -> None:
            record.lifecycle = "deleted"
            record.deleted_at = _clock.now()

        return self._change(run_id, Operation.RUN_DELETE, change)

    def restore_run(self, run_id: RunLike) -> Run:
        """Bring a deleted run back."""

        def change(record: RunRecord) -> None:
            record.lifecycle = "active"
            record.deleted_at = None

        return self._change(run_id, Operation.RUN_RESTORE, change)

    def _change(
        self, run_id: RunLike, operation: Operation, change: Callable[[RunRecord], None]
    ) -> Run:
        known = self._read_record(run_id.run_id if isinstance(run_id, Run) else run_id)
        self._opened_for_writing()

        def update(_: dict[str, Any]) -> Run:
            record = self._documents.update_run(known.experiment_id, known.run_id, change)
            run = self._open_runs.get(known.run_id)
            if run is None:
                return self._handle(record)
            run._record = record
            return run

        return self.observers.perform(operation, _told(known), update, _announce)

    def artifact_uri(self, record: RunRecord) -> str:
        """Return where a run's artifacts are."""
        return record.artifact_uri or f"{self.storage.uri}/{artifact_folder(record.run_id)}"

    def last_values(self, run: Run) -> dict[str, float]:
        """Return the last value of each metric of a run, from the log."""
        found = self._log.summary(run.experiment_id, run.run_id)
        return {key: each.last_value for key, each in found.items()}


def _told(record: RunRecord) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "experiment_id": record.experiment_id,
        "name": record.name,
        "status": record.status.value,
    }


def _announce(run: Run) -> dict[str, Any]:
    return {
        **_told(run._record),
        "parameters": run.parameters,
        "tags": run.tags,
        "parent_run_id": run.parent_run_id,
    }
