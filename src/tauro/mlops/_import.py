"""Taking what a store holds into another one. What is there stays as it is.

Each piece is taken in an order in which a kill between two steps leaves nothing half done that the
next import would not complete: a run's points and artifacts before its document, which makes it
appear; a version's files before its document, versions before changes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import psutil

from tauro._internal import _fs
from tauro._internal._clock import now_ns
from tauro.errors import StorageExistsError, StorageNotFoundError
from tauro.events import Operation
from tauro.mlops._archive import is_archive, unpack
from tauro.mlops._export import copy_store, disk_errors, local_root
from tauro.mlops._import_models import Models, take_models
from tauro.storage import LocalStorageBackend, ensure_format, read_format
from tauro.storage._format import no_store
from tauro.storage._protocol import A_DAY
from tauro.tracking._artifacts import artifact_folder
from tauro.tracking._keys import ROOT, run_key
from tauro.tracking._metric_log._snapshot import runs_in_parts, take_points
from tauro.tracking._models import RunRecord, decode_experiment, decode_run
from tauro.types import StrPath

if TYPE_CHECKING:
    from tauro.mlops._context import MLOpsContext

_PREFIX: Final = "tauro-import-"
_COPY: Final = re.compile(rf"{_PREFIX}(\d+)-")


@dataclass(slots=True)
class _Taken:
    """What an import did, as :func:`import_store` returns it."""

    experiments: int = 0
    runs: int = 0
    points: int = 0
    files: int = 0
    there_already: int = 0
    renamed: list[dict[str, str]] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def import_store(context: MLOpsContext, source: StrPath) -> dict[str, Any]:
    """Take the experiments, runs, models and the audit log of another store into this one.

    Ids are kept. What is there already stays as it is, so importing twice changes nothing:

    - A run or experiment whose id is there is left alone.
    - An experiment whose name belongs to another one gets the first free name of ``name (2)``,
      ``name (3)``, …; its runs refer to it by id and need no change.
    - A model that is there takes the versions and changes that it lacks, if all that both sides
      have is the same. Otherwise it is a conflict: nothing of that model is taken.

    Args:
        context: The store that gets them.
        source: A folder or an archive that ``export_store`` made, or the folder of a store.

    Returns:
        How many ``experiments``, ``runs``, ``points``, ``versions``, ``changes`` and other
        ``files`` were taken; how many were ``there_already``; ``renamed`` experiments,
        ``conflicts`` by model, and documents left out because they are ``damaged``.

    Raises:
        PathNotAllowedError: The archive holds links, devices, or names that lead out of it.
        CorruptDataError: The archive is damaged, or metrics of the source are.
        StoreFormatError: The source is no store, or one of a newer Tauro.
    """
    local_root(context.storage)
    data = {"source": os.fspath(source)}
    with _opened(source) as folder:
        # Only now: what cannot be opened leaves no record where there may be no store yet.
        return context.observers.perform(
            Operation.STORE_IMPORT,
            data,
            lambda _: _take(context, source, folder),
            lambda taken: {**data, **taken},
        )


def _take(context: MLOpsContext, source: StrPath, folder: str) -> dict[str, Any]:
    with disk_errors(f"The import of {source}"):
        ensure_format(context.storage)
        other = LocalStorageBackend(folder)
        taken = _Import(context, other).take()
        models: Models = take_models(other, context.storage)
        # Also what an import that was killed left half done, and the index.
        context.model_registry.repair()
    return {
        **asdict(taken),
        "there_already": taken.there_already + models.there_already,
        "damaged": taken.damaged + models.damaged,
        "versions": models.versions,
        "changes": models.changes,
        "conflicts": models.conflicts,
    }


@contextmanager
def _opened(source: StrPath) -> Iterator[str]:
    """Give a folder with a store to which nobody writes."""
    path = os.path.abspath(os.path.expanduser(os.fspath(source)))
    with disk_errors(f"The import of {path}"):
        _remove_abandoned()
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as temporary:
        folder = os.path.join(temporary, "store")
        with disk_errors(f"The import of {path}"):
            if _fs.stat(path) is None:
                raise StorageNotFoundError(
                    f"There is nothing at {path} to import.",
                    context={"path": path},
                    suggestions=["Name a folder or an archive that `tauro store export` made."],
                )
            if is_archive(path):
                _fs.make_dirs(folder)
                unpack(path, folder)
            else:
                copy_store(LocalStorageBackend(path), folder)
            if read_format(LocalStorageBackend(folder)) is None:
                raise no_store(path)
        yield folder


def _remove_abandoned() -> None:
    """Remove the copies of imports that were killed: each is as large as what it was to import."""
    folder = tempfile.gettempdir()
    for name in _fs.list_names(folder):
        found = _COPY.match(name)
        if found is None:
            continue
        path = os.path.join(folder, name)
        about = _fs.stat(path)
        # Elsewhere a number may be that of a process that this one does not see.
        if (
            about is None
            or time.time() - about.st_mtime < A_DAY
            or psutil.pid_exists(int(found[1]))
        ):
            continue
        with contextlib.suppress(OSError):  # somebody else's, or somebody else was faster
            _fs.remove_tree(path)


class _Import:
    """The import of what is not of the registry."""

    def __init__(self, context: MLOpsContext, source: LocalStorageBackend) -> None:
        tracker = context.experiment_tracker
        self._documents, self._log = tracker._documents, tracker._log
        self._target = context.storage
        self._source = source
        self._done = _Taken()

    def take(self) -> _Taken:
        top = f"{ROOT}/experiments/"
        for key in self._source.list_paths(top):
            if key.endswith(".json") and "/" not in key[len(top) :]:
                self._take_experiment(key)
        runs: dict[str, list[RunRecord]] = {}
        for record in self._new_runs():
            runs.setdefault(record.experiment_id, []).append(record)
        for experiment_id, records in runs.items():
            self._take_points(experiment_id, {record.run_id for record in records})
            for record in records:
                self._take_run(record)
        self._take_files()
        return self._done

    def _take_experiment(self, key: str) -> None:
        try:
            record = decode_experiment(self._source.read_bytes(key))
        except msgspec.DecodeError:
            self._done.damaged.append(key)
            return
        if self._target.exists(key):
            self._done.there_already += 1
            return
        record.rev = _later(record.rev)
        wanted = record.name
        for number in itertools.count(2):
            owner, made = self._documents.claim_experiment(record)
            if made or owner.experiment_id == record.experiment_id:
                break
            record = msgspec.structs.replace(record, name=f"{wanted} ({number})")
        self._done.experiments += 1
        if record.name != wanted:
            self._done.renamed.append(
                {"experiment_id": record.experiment_id, "was": wanted, "name": record.name}
            )

    def _new_runs(self) -> Iterator[RunRecord]:
        for key in self._source.list_paths(f"{ROOT}/runs"):
            if not key.endswith(".json"):
                continue
            try:
                record = decode_run(self._source.read_bytes(key))
            except msgspec.DecodeError:
                record = None
            if record is None or run_key(record.experiment_id, record.run_id) != key:
                self._done.damaged.append(key)
            elif self._target.exists(key):
                self._done.there_already += 1
            else:
                yield record

    def _take_points(self, experiment_id: str, run_ids: set[str]) -> None:
        name = f"{ROOT}/metrics/{experiment_id}"
        source, target = (str(each.local_path(name)) for each in self._places())
        if not _fs.is_dir(source):
            return
        # An import that was killed may have left points of runs that never appeared.
        left = runs_in_parts(target) & run_ids
        if left:
            self._log.compact(experiment_id, drop_runs=left)
        self._done.points += take_points(source, target, run_ids)

    def _places(self) -> tuple[LocalStorageBackend, LocalStorageBackend]:
        return self._source, LocalStorageBackend(local_root(self._target))

    def _take_run(self, record: RunRecord) -> None:
        folder = artifact_folder(record.run_id)
        if self._source.exists(folder):
            self._target.write_artifact(self._source.local_path(folder), folder)
        record.rev = _later(record.rev)
        try:
            self._documents.create_run(record)
            self._done.runs += 1
        except StorageExistsError:  # Another import was faster.
            self._done.there_already += 1

    def _take_files(self) -> None:
        """Take the audit log and what else is there, file by file."""
        for key in self._source.list_paths():
            if key.startswith((f"{ROOT}/", "model_registry/", "_tauro/", "tenants/")):
                continue
            try:
                self._target.create_bytes(key, self._source.read_bytes(key))
                self._done.files += 1
            except StorageExistsError:
                self._done.there_already += 1


def _later(rev: int) -> int:
    """Return a revision after every one that its document had here before it was removed for good.

    Processes remember up to which revision it is gone. Only the clock is sure to be ahead of that.
    """
    return max(rev, now_ns() // 1_000_000)
