"""The JSON documents of runs, and how they change; those of experiments are its base.

A document is created once and then replaced under its lock, its ``rev`` rising by one each time.
What is to be removed is first marked as such, which nothing undoes, and goes when its parts have.
Before a document is put in place it is handed to the catalogue, whose journal outlives a crash
between the two, so that no run exists that search cannot find. What the process that runs a run
changes of it is so with that entry: the file follows when the run ends, within two seconds while it
goes on, or by whoever publishes next where the process died. A file that is replaced costs most of
what a run costs, and a short run needs one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import msgspec

from tauro.errors import (
    MLOpsError,
    RunNotFoundError,
    StorageNotFoundError,
)
from tauro.storage import StorageBackend
from tauro.tracking._experiment_documents import (
    ExperimentDocuments,
    Recorder,
    checked,
    damaged,
    readable,
)
from tauro.tracking._heartbeat import told_key, writer_key
from tauro.tracking._keys import ROOT, experiment_key, run_key
from tauro.tracking._models import (
    Owner,
    RunRecord,
    RunStatus,
    decode_run,
)

_PATIENCE: Final = 1.0


class StoredDocuments:
    """The documents as the catalogue reads them where they are not files of this host."""

    def __init__(self, storage: StorageBackend) -> None:
        self._storage = storage

    def run(self, experiment_id: str, run_id: str) -> bytes | None:
        """Return a run's document, or None."""
        return self._read(run_key(experiment_id, run_id))

    def experiment(self, experiment_id: str) -> bytes | None:
        """Return an experiment's document, or None."""
        return self._read(experiment_key(experiment_id))

    def run_ids(self, experiment_id: str) -> list[str]:
        """Return the ids of an experiment's runs."""
        return self._names(f"{ROOT}/runs/{experiment_id}")

    def experiment_ids(self) -> list[str]:
        """Return the ids of the experiments."""
        return self._names(f"{ROOT}/experiments")

    def _read(self, key: str) -> bytes | None:
        try:
            return self._storage.read_bytes(key)
        except StorageNotFoundError:
            return None

    def _names(self, folder: str) -> list[str]:
        names = [path[len(folder) + 1 :] for path in self._storage.list_paths(folder)]
        return [name[:-5] for name in names if name.endswith(".json") and "/" not in name]


class _Waiting(NamedTuple):
    """A run's state whose document is put in place later.

    Attributes:
        since: When the document first fell behind, on the monotonic clock.
        experiment_id: Whose run it is.
        rev: The state's revision.
        document: The state.
    """

    since: float
    experiment_id: str
    rev: int
    document: bytes


class Documents(ExperimentDocuments):
    """Read and change the documents of one store.

    Args:
        storage: The store; it must offer locks.
        recorder: Told of every change first.
        settle: Decides what a run's document left undecided (``replacing``).
        writer_id: Names this process in the runs that it runs. None where all documents are put in
            place at once, by any process.
        late: Whether this process puts the documents of its runs in place later.
    """

    def __init__(
        self,
        storage: StorageBackend,
        recorder: Recorder,
        settle: Callable[[RunRecord], None],
        writer_id: Callable[[], str] | None = None,
        *,
        late: bool = False,
    ) -> None:
        super().__init__(storage, recorder)
        self._settle = settle
        self._writer_id = writer_id
        self._late = late
        self._waiting: dict[str, _Waiting] = {}
        self._unsure: dict[str, int] = {}
        """Revisions that may have been recorded although the caller was told of an error."""

    def create_run(self, record: RunRecord) -> None:
        """Write a new run's document."""
        # The id is new: nothing is there, and a rename is cheaper than a link.
        self._put(record, later=self._is_mine(record))

    def read_run(self, experiment_id: str, run_id: str) -> RunRecord:
        """Return a run's document, or what is ahead of it.

        Raises:
            RunNotFoundError: There is none.
            CorruptDataError: The document is damaged.
        """
        found = self._read_run(experiment_id, run_id)
        if found is None:
            raise RunNotFoundError(
                f"There is no run {run_id!r} in experiment {experiment_id!r}.",
                context={"run_id": run_id, "experiment_id": experiment_id},
            )
        return found

    def _read_run(self, experiment_id: str, run_id: str) -> RunRecord | None:
        # This first: what waits no more when the document has been read is in the document.
        waiting = self._waiting.get(run_id)
        # A short run's is not there yet, and asking is cheaper than an error.
        is_there = waiting is None or self.storage.exists(run_key(experiment_id, run_id))
        found = self._in_place(experiment_id, run_id) if is_there else None
        if self._writer_id is None or not may_be_behind(found):
            return found
        if waiting is not None and (found is None or found.rev < waiting.rev):
            if found is not None or not self._recorder.was_told(run_id):
                return decode_run(waiting.document)
        elif found is not None and self._is_mine(found):
            return found
        ahead = self._recorder.ahead(run_id)
        if ahead is None:  # What was ahead may have been put in place, or overtaken, between.
            return self._in_place(experiment_id, run_id)
        latest = decode_run(ahead)
        return latest if found is None or latest.rev > found.rev else found

    def _in_place(self, experiment_id: str, run_id: str) -> RunRecord | None:
        """Return what is in a run's document, None where there is none yet.

        Raises:
            CorruptDataError: The document is damaged.
        """
        key = run_key(experiment_id, run_id)
        try:
            return decode_run(self.storage.read_bytes(key))
        except StorageNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise damaged(key, "run", error) from error

    def _tell(self, owner: Owner | None, run_id: str) -> None:
        """Let the process that ran a run know that it is not its own any more.

        It may hold a state of it that no document had, and would take what is not there, because
        it was removed, for what is not there yet.
        """
        if (
            self._writer_id is not None
            and owner is not None
            and owner.writer_id != self._writer_id()
            and self.storage.exists(writer_key(owner.writer_id))
        ):
            self.storage.write_bytes(told_key(owner.writer_id, run_id), b"\n")

    def _is_mine(self, record: RunRecord) -> bool:
        """Tell whether this process runs a run."""
        return (
            self._writer_id is not None
            and record.status is RunStatus.RUNNING
            and record.owner is not None
            and record.owner.writer_id == self._writer_id()
        )

    def update_run(
        self, experiment_id: str, run_id: str, change: Callable[[RunRecord], None]
    ) -> RunRecord:
        """Change a run's document under its lock and return it as it is now."""
        with self.changing_run(experiment_id, run_id) as (record, put):
            change(record)
            put()
        return record

    @contextmanager
    def changing_run(
        self, experiment_id: str, run_id: str
    ) -> Iterator[tuple[RunRecord, Callable[[], None]]]:
        """Hold a run's document under its lock; yield it, and what puts it in place as it then is.

        What a process that died left undecided in it is settled first.
        """
        with self._lock(f"run/{run_id}"):
            record = self.read_run(experiment_id, run_id)
            if record.lifecycle == "removing":
                raise RunNotFoundError(
                    f"The run {run_id!r} is being removed for good.",
                    context={"run_id": run_id, "experiment_id": experiment_id},
                )
            owner, was_mine = record.owner, self._is_mine(record) and not record.replacing
            if record.replacing:
                self._settle(record)

            def put() -> None:
                if record.owner != owner:
                    self._tell(owner, run_id)
                self._put_changed(record, was_mine=was_mine)

            yield record, put

    def _put_changed(self, record: RunRecord, *, was_mine: bool) -> None:
        """Put a run in place as it is now.

        Later is enough where readers can tell by the document in place that it may be behind.
        """
        record.rev = max(record.rev, self._unsure.get(record.run_id, 0)) + 1
        active = record.lifecycle == "active" and not record.replacing
        self._put(record, later=was_mine and active and self._is_mine(record))
        self._unsure.pop(record.run_id, None)

    def _put(self, record: RunRecord, *, later: bool) -> None:
        data = checked(record)
        if later and self._late:
            self._put_later(record, data)
            return
        with self._recorder.record(record, data):
            self.storage.write_bytes(run_key(record.experiment_id, record.run_id), readable(data))
        self._waiting.pop(record.run_id, None)

    def _put_later(self, record: RunRecord, data: bytes) -> None:
        try:
            self._recorder.record_ahead(record, data)
        except BaseException:
            self._unsure[record.run_id] = record.rev
            raise
        before = self._waiting.get(record.run_id)
        since = time.monotonic() if before is None else before.since
        self._waiting[record.run_id] = _Waiting(since, record.experiment_id, record.rev, data)

    def put_waiting(self, *, for_seconds: float = 0.0, patience: float = 10.0) -> None:
        """Put the documents in place that have waited for so long.

        Args:
            for_seconds: How long.
            patience: Seconds to wait for the lock of each.

        Raises:
            MLOpsError: One could not be; it waits on.
        """
        limit, failed = time.monotonic() - for_seconds, None
        for run_id, each in list(self._waiting.items()):
            if each.since <= limit:
                try:
                    self._put_one(run_id, patience)
                except MLOpsError as error:
                    failed = failed or error
        if failed is not None:
            raise failed

    def _put_one(self, run_id: str, patience: float) -> None:
        with self._lock(f"run/{run_id}", timeout=patience):
            waiting = self._waiting.get(run_id)
            if waiting is None:
                return
            found = self._in_place(waiting.experiment_id, run_id)
            # Where there is no document, only the journals tell whether that is so no more, be it
            # that others ended and removed the run, be it that the store was removed.
            stands = found is not None or self._recorder.ahead(run_id) is not None
            if stands and (found is None or found.rev < waiting.rev):
                self._follow(waiting.experiment_id, run_id, waiting.document)
            self._waiting.pop(run_id, None)

    def put_ahead(self, experiment_id: str, run_id: str, ahead: Callable[[], bytes | None]) -> None:
        """Put in place what any process, perhaps dead, recorded ahead of a run's document.

        Args:
            experiment_id: Whose run it is.
            run_id: The run.
            ahead: Returns what was recorded; asked under the run's lock.
        """
        with self._lock(f"run/{run_id}", timeout=_PATIENCE):
            document = ahead()
            if document is not None:
                found = self._in_place(experiment_id, run_id)
                if found is None or found.rev < decode_run(document).rev:
                    self._follow(experiment_id, run_id, document)

    def _follow(self, experiment_id: str, run_id: str, document: bytes) -> None:
        self.storage.write_bytes(run_key(experiment_id, run_id), readable(document))

    def forget_waiting(self) -> None:
        """Leave what waits to another process, or to a store that was removed."""
        self._waiting.clear()
        self._unsure.clear()

    def condemn_run(
        self, experiment_id: str, run_id: str, is_due: Callable[[RunRecord], bool]
    ) -> RunRecord | None:
        """Mark a run, if it is due, as one that is being removed; None if not, or if it is gone."""
        with self._lock(f"run/{run_id}"):
            try:
                record = self.read_run(experiment_id, run_id)
            except RunNotFoundError:
                return None
            if record.lifecycle != "removing":
                if not is_due(record):
                    return None
                record.lifecycle = "removing"
                self._put_changed(record, was_mine=False)
        return record

    def remove_run(self, record: RunRecord) -> None:
        """Remove the document of a run that was condemned."""
        with self._lock(f"run/{record.run_id}"), self._recorder.forget(record):
            self._tell(record.owner, record.run_id)
            self.storage.delete(run_key(record.experiment_id, record.run_id))
            self._waiting.pop(record.run_id, None)


def may_be_behind(record: RunRecord | None) -> bool:
    """Tell whether a journal may be ahead of a run's document; only of one that goes on it is."""
    return record is None or record.status is RunStatus.RUNNING
