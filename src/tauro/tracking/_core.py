"""What all verbs of the tracker stand on: the store, its documents, metric log and catalogue."""

from __future__ import annotations

import atexit
import functools
import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from tauro._internal import _fs
from tauro._internal._active import active_run_ids, run_scope
from tauro._internal._close import did_you_mean
from tauro._internal._durability import check_durability
from tauro._internal._file_system import spread_subfolders
from tauro._internal._fork import tell_after_fork
from tauro._internal._once import made_once
from tauro._internal._spool import make_spool
from tauro._internal._translated import Translated
from tauro.errors import MLOpsError, RunNotFoundError, StorageError, TrackingValidationError
from tauro.events import Observers, Operation, get_observers
from tauro.storage import (
    PrefixedStorage,
    StorageBackend,
    SupportsLocalPath,
    SupportsSpool,
    check_tenant,
    ensure_format,
    get_active_storage,
    open_storage,
    read_format,
)
from tauro.tracking._catalogue import RunCatalogue
from tauro.tracking._console import ConsoleCapture
from tauro.tracking._documents import Documents, StoredDocuments
from tauro.tracking._experiments import Experiments
from tauro.tracking._heartbeat import Heartbeat, is_alive, told_key
from tauro.tracking._incoming import settle
from tauro.tracking._keys import ROOT
from tauro.tracking._metric_log import MetricLog
from tauro.tracking._models import ExperimentRecord, RunRecord, RunStatus
from tauro.tracking._run import Run
from tauro.tracking._system import SystemSampler
from tauro.tracking._values import check_count

if TYPE_CHECKING:
    from tauro.tracking._experiment import Experiment
    from tauro.tracking._tracker import ExperimentTracker
    from tauro.types import Durability, StrPath

RunLike: TypeAlias = "Run | str"
ExperimentLike: TypeAlias = "Experiment | str"
_log = logging.getLogger(__name__)
_MARK_SECONDS = 1.0
_LATE_SECONDS = 1.0
DEFAULT_BUFFER_SIZE = 100_000


class Appender(NamedTuple):
    """What appends to one run: a point, or a row with one point of each of several metrics."""

    point: Callable[..., None]
    row: Callable[[Mapping[str, float], int, int], None]


class TrackerCore:
    """The state of a tracker. Everything is opened on first use; reading creates nothing."""

    def __init__(
        self,
        storage: StorageBackend | StrPath | None = None,
        *,
        tracking_uri: StrPath | None = None,
        tenant_id: str | None = None,
        observers: Observers | None = None,
        default_experiment_name: str = "default",
        durability: Durability = "process",
        metric_buffer_size: int = DEFAULT_BUFFER_SIZE,
        auto_flush_metrics: bool = True,
        capture_environment: bool = True,
    ) -> None:
        self.storage = _open(storage, tracking_uri, tenant_id)
        if check_durability(durability, error=TrackingValidationError) == "disk":
            self.storage = self.storage.with_durability("disk")
        self.observers = observers or get_observers()
        self.default_experiment_name = default_experiment_name
        self._durability: Durability = durability
        self._buffer_size = check_count(metric_buffer_size, "metric_buffer_size", "points")
        self._auto_flush = auto_flush_metrics
        self._capture = capture_environment
        self._guard = threading.RLock()
        self._making = threading.RLock()
        self._open_runs: dict[str, Run] = {}
        self._appenders: dict[str, Appender] = {}
        self._samplers: dict[str, SystemSampler] = {}
        self._consoles: dict[str, ConsoleCapture] = {}
        self._implicit: dict[str, Run] = {}
        self._current_experiment: str | None = None
        self._known_experiments: set[str] = set()
        self._named_experiments: dict[str, str] = {}
        self._look_again: dict[str, float] = {}
        self._look_for_mark = 0.0
        self._seen_error = getattr(sys, "last_value", None)
        read_format(self.storage)  # a foreign folder or a newer format is refused here
        # A document that is changed is read as it is, not as a cache remembers it.
        self._documents = Documents(
            self.storage.uncached(),
            _Recorder(self),
            functools.partial(settle, self.storage.uncached()),
            self._writer_id if isinstance(self.storage, SupportsLocalPath) else None,
            late=durability == "process",
        )
        self._experiments = Experiments(self._documents, self.observers)
        self._metric_watch = self.observers.watch(Operation.METRIC_LOG)
        self._batch_watch = self.observers.watch(Operation.METRIC_LOG_BATCH)
        self._heartbeat = Heartbeat(self.storage, self._chores)
        _closed_at_exit(self)
        tell_after_fork(self)

    def _writer_id(self) -> str:
        return self._heartbeat.writer_id

    def _after_fork(self) -> None:
        # The parent's runs are the parent's; the child may log to them by id, as any process may.
        self._guard = threading.RLock()
        self._making = threading.RLock()
        self._open_runs = {}
        self._appenders = {}
        self._samplers = {}
        self._consoles = {}
        self._implicit = {}
        self._documents.forget_waiting()
        for opened in ("_log", "_catalogue"):
            self.__dict__.pop(opened, None)

    # The parts, opened on first use

    @made_once
    def _root(self) -> Path:
        """The folder of segments and journals: the store's, its spool's, or a private one."""
        if isinstance(self.storage, SupportsLocalPath):
            return self.storage.local_path()
        if isinstance(self.storage, SupportsSpool):
            return self.storage.spool()
        return make_spool(self)

    @made_once
    def _log(self) -> MetricLog:
        return MetricLog(
            str(self._root / ROOT / "metrics"),
            writer_id=self._heartbeat.writer_id,
            durability=self._durability,
            buffer_size=self._buffer_size if self._auto_flush else sys.maxsize,
        )

    @made_once
    def _catalogue(self) -> RunCatalogue:
        if isinstance(self.storage, SupportsLocalPath):
            return RunCatalogue(
                self._root, durability=self._durability, put_ahead=self._documents.put_ahead
            )
        return RunCatalogue(self._root, documents=StoredDocuments(self.storage.uncached()))

    def _opened_for_writing(self) -> None:
        """Make the store's mark and give the first sign of life.

        A store whose folder was removed under a living tracker begins anew; what was in it is gone.
        """
        self._notice_removal()
        if not self._heartbeat.started:
            with self._guard:
                ensure_format(self.storage)
                if isinstance(self.storage, SupportsLocalPath):
                    spread_subfolders(str(self._root / ROOT / "runs"))
                self._heartbeat.start()

    def _notice_removal(self) -> None:
        """Look now and then whether the store is still there; where it is not, forget it.

        What is known of experiments is believed for as long, too.
        """
        if time.monotonic() < self._look_for_mark:
            return
        with self._guard:
            self._look_for_mark = time.monotonic() + _MARK_SECONDS
            # Another process may have deleted or renamed an experiment.
            self._known_experiments.clear()
            self._named_experiments.clear()
            if self._heartbeat.started and read_format(self.storage) is None:
                self._begin_anew()

    def _begin_anew(self) -> None:
        _log.warning("The store %s was removed; a new one is begun.", self.storage.uri)
        self._heartbeat.stop()
        self._current_experiment = None
        self._known_experiments.clear()
        self._named_experiments.clear()
        self._appenders = {}
        self._documents.forget_waiting()
        for opened in ("_log", "_catalogue"):
            self.__dict__.pop(opened, None)

    def _forget_appender(self, run_id: str) -> None:
        # A copy first: other threads remember theirs meanwhile.
        for key in [each for each in list(self._appenders) if str(each) == run_id]:
            self._appenders.pop(key, None)

    # Which run

    def _handle(self, record: RunRecord) -> Run:
        """Return a run of this tracker, whose verbs are split over the classes above this one."""
        return Run(cast("ExperimentTracker", self), record)

    def is_open(self, run: Run) -> bool:
        """Tell whether a run was started here and has not ended."""
        return self._open_runs.get(run.run_id) is run

    def is_abandoned(self, record: RunRecord) -> bool:
        """Tell whether a run is recorded as running and its process is gone."""
        if record.status is not RunStatus.RUNNING or record.run_id in self._open_runs:
            return False
        return record.owner is None or not is_alive(self.storage, record.owner)

    def active_run(self) -> Run | None:
        """Return the run that verbs without one write to, None where there is none."""
        for run_id in active_run_ids():
            if run_id in self._open_runs:
                return self._open_runs[run_id]
        return self._implicit.get(run_scope.get())

    def _read_record(self, run_id: str) -> RunRecord:
        """Return the record of a run, as its document has it now."""
        if not isinstance(run_id, str):
            raise TrackingValidationError(
                f"Got a {type(run_id).__name__} where a run's id is expected.",
                context={"type": type(run_id).__name__},
            )
        known = self._open_runs.get(run_id)
        if known is not None:
            return self._documents.read_run(known.experiment_id, run_id)
        with index_errors(self._root):
            experiment_id = self._catalogue.find(run_id)
        if experiment_id is None:
            raise RunNotFoundError(
                f"There is no run {run_id!r} in {self.storage.uri}.",
                context={"run_id": run_id},
                suggestions=did_you_mean(run_id, list(self._open_runs)),
            )
        return self._documents.read_run(experiment_id, run_id)

    # The end

    def end_at_exit(self) -> None:
        """Do what is to be done when the interpreter ends."""
        self.close()

    def _put_waiting(self, **how: float) -> None:
        try:
            self._documents.put_waiting(**how)
        except MLOpsError as error:
            _log.warning("A run's document waits, its journal has it: %s", error)

    def _chores(self) -> None:
        # A lock that somebody holds must not keep the next sign of life.
        self._put_waiting(for_seconds=_LATE_SECONDS, patience=_LATE_SECONDS)
        if "_catalogue" in self.__dict__:
            self._catalogue.publish_if_due()

    def close(self) -> None:
        """Publish the views and let go of every file; the tracker may be used again."""
        for sampler in list(self._samplers.values()):
            sampler.stop()
        self._samplers = {}
        self._appenders = {}
        self._known_experiments.clear()
        self._named_experiments.clear()
        self._put_waiting()
        for opened in ("_log", "_catalogue"):
            part = self.__dict__.pop(opened, None)
            if part is not None:
                with index_errors(self._root):
                    part.close()
        if not self._open_runs:  # those that are open still need a sign of life
            self._heartbeat.stop()


def index_errors(root: StrPath) -> Translated:
    """Turn the file system's errors at the run index into ours."""
    return Translated(
        lambda error: StorageError(
            f"The run index of {root} failed at {error.filename or root}: "
            f"{error.strerror or error}. Nothing that was acknowledged is lost.",
            context={"path": str(error.filename or root), "errno": error.errno},
            suggestions=["Free space or check the disk and the permissions, then try again."],
        )
    )


class _Recorder:
    """Hands documents to the tracker's catalogue, which is opened by the first of them."""

    def __init__(self, tracker: TrackerCore) -> None:
        self._tracker = weakref.ref(tracker)

    def _catalogue(self) -> RunCatalogue:
        tracker = self._tracker()
        assert tracker is not None
        tracker._opened_for_writing()
        return tracker._catalogue

    @property
    def _root(self) -> str:
        tracker = self._tracker()
        return "" if tracker is None else str(tracker._root)

    def begin(self) -> None:
        """Have the place marked as a store."""
        self._catalogue()

    def record(self, record: RunRecord, document: bytes) -> AbstractContextManager[object]:
        """Keep a run's new document."""
        catalogue = self._catalogue()
        with index_errors(self._root):
            return catalogue.record(record, document)

    def record_ahead(self, record: RunRecord, document: bytes) -> None:
        """Keep a run's new document, which is put in place later."""
        catalogue = self._catalogue()
        with index_errors(self._root):
            catalogue.record_ahead(record, document)

    def ahead(self, run_id: str) -> bytes | None:
        """Return what any process kept and may not have put in place yet."""
        tracker = self._tracker()
        assert tracker is not None
        with index_errors(self._root):
            return tracker._catalogue.ahead(run_id)

    def was_told(self, run_id: str) -> bool:
        """Tell whether others took over or removed a run of this process."""
        tracker = self._tracker()
        assert tracker is not None
        with index_errors(self._root):
            file = f"{tracker._root}/{told_key(tracker._writer_id(), run_id)}"
            return _fs.stat(file) is not None

    def record_experiment(
        self, record: ExperimentRecord, document: bytes
    ) -> AbstractContextManager[object]:
        """Keep an experiment's new document."""
        catalogue = self._catalogue()
        with index_errors(self._root):
            return catalogue.record_experiment(record, document)

    def forget(self, record: RunRecord | ExperimentRecord) -> AbstractContextManager[object]:
        """Keep that a document is removed."""
        catalogue = self._catalogue()
        with index_errors(self._root):
            return catalogue.forget(record)


def _open(
    storage: StorageBackend | StrPath | None, tracking_uri: StrPath | None, tenant_id: str | None
) -> StorageBackend:
    if storage is not None and tracking_uri is not None:
        raise TrackingValidationError("Give either storage or tracking_uri, not both.")
    place = storage if storage is not None else tracking_uri
    if place is None:
        return get_active_storage(tenant_id=tenant_id)
    if not isinstance(place, StorageBackend):
        return open_storage(place, tenant_id=tenant_id)
    if tenant_id is None:
        return place
    return PrefixedStorage(place, f"tenants/{check_tenant(tenant_id)}")


_trackers: weakref.WeakSet[TrackerCore] = weakref.WeakSet()


def _closed_at_exit(tracker: TrackerCore) -> None:
    _trackers.add(tracker)


@atexit.register
def _close_all() -> None:
    for tracker in list(_trackers):
        try:
            tracker.end_at_exit()
        except (MLOpsError, OSError) as error:
            _log.warning("A tracker could not be closed with the interpreter: %s", error)
