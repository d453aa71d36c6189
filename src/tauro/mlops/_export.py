"""A snapshot of a store that is being written: documents first, then what they speak of.

What makes the copy whole although nobody waits for it:

- A run's document, or what a journal is ahead of it, is copied before its artifacts and its
  points, so they hold at least what it says. An artifact that was replaced meanwhile shows by its
  hash; then the run is copied again.
- Of the points, each writer's files are copied up to what was written when the copy was begun.
- A model's changes are copied before its versions, and versions before their files. A change names
  only versions that are older than itself.
- Journals, index files, locks and signs of life are not copied; the index files are made anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tauro._internal import _fs
from tauro._internal._translated import Translated
from tauro.errors import (
    CorruptDataError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
    ValidationError,
)
from tauro.events import Observers, Operation, get_observers
from tauro.mlops._archive import is_archive, pack
from tauro.mlops._export_models import copy_models
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend, StorageBackend, SupportsLocalPath, read_format
from tauro.storage._format import FORMAT_KEY, no_store
from tauro.tracking._artifacts import artifact_folder
from tauro.tracking._catalogue import RunCatalogue
from tauro.tracking._keys import ROOT, name_key
from tauro.tracking._metric_log._snapshot import copy_points
from tauro.tracking._models import (
    ExperimentRecord,
    RunRecord,
    decode_experiment,
    decode_run,
    encode_claim,
)
from tauro.tracking._standing import StandingRuns
from tauro.types import StrPath

if TYPE_CHECKING:
    from tauro.mlops._context import MLOpsContext

_ATTEMPTS: Final = 8
_PAUSE: Final = 0.01
_OWN: Final = frozenset({"experiment_tracking", "model_registry", "_tauro", "tenants"})


def export_store(
    store: MLOpsContext | StorageBackend,
    destination: StrPath,
    *,
    experiments: Collection[str] | None = None,
) -> dict[str, Any]:
    """Copy a store, as of about now, to a new folder or archive; others may go on writing.

    The copy is a store: every run in it is whole, and it holds all that was acknowledged before
    the call.

    Args:
        store: The context of the store, or its storage; of one with tenants, the part that this
            is. Hooks, listeners and the audit log are the context's, else the process's.
        destination: A folder that does not exist, or a file ending in ``.tar``, ``.tar.gz``,
            ``.tgz``.
        experiments: Ids of the experiments to copy, with their runs and nothing else; by default
            everything.

    Returns:
        ``destination``; the numbers of ``experiments``, ``runs``, ``models`` and ``files``; and
        the ``tenants`` whose parts were left out.

    Raises:
        StorageExistsError: Something is at the destination.
        StoreFormatError: There is no store.
    """
    storage, observers = parts_of(store)
    need_store(storage)  # Before: a place that is none gets no record, either.
    data: dict[str, Any] = {"location": storage.uri, "destination": os.fspath(destination)}
    if experiments is not None:
        data["experiments"] = list(experiments)
    return observers.perform(
        Operation.STORE_EXPORT,
        data,
        lambda data: copy_store(storage, data["destination"], data.get("experiments")),
        lambda facts: {**data, **facts},
    )


def need_store(storage: StorageBackend) -> None:
    """Check that there is a store.

    Raises:
        StoreFormatError: There is none.
    """
    if read_format(storage) is None:
        raise no_store(storage.uri)


def parts_of(store: MLOpsContext | StorageBackend) -> tuple[StorageBackend, Observers]:
    """Return a store's storage, and who looks on."""
    if isinstance(store, StorageBackend):
        return store, get_observers()
    return store.storage, store.observers


def copy_store(
    storage: StorageBackend, destination: StrPath, experiments: Collection[str] | None = None
) -> dict[str, Any]:
    """Copy a store, as :func:`export_store`, with nobody who looks on."""
    with disk_errors(f"The copy of {storage.uri}"):
        return _copy(storage, destination, experiments)


def disk_errors(what: str) -> Translated:
    """Turn the file system's errors into ours."""
    return Translated(
        lambda error: StorageError(
            f"{what} failed at {error.filename or 'the disk'}: {error.strerror or error}.",
            context={"path": str(error.filename or ""), "errno": error.errno},
            suggestions=["Free space or check the disk and the permissions, then try again."],
        )
    )


def _copy(
    storage: StorageBackend, destination: StrPath, experiments: Collection[str] | None
) -> dict[str, Any]:
    root = local_root(storage)
    target = os.path.abspath(os.path.expanduser(os.fspath(destination)))
    if os.path.realpath(target).startswith(root + os.sep):
        raise ValidationError(
            f"The destination {target} is inside the store {root}.",
            context={"destination": target},
            suggestions=["Name a place outside the store."],
        )
    if _fs.stat(target) is not None:
        raise StorageExistsError(
            f"Something is at {target} already.",
            context={"path": target},
            suggestions=["Name a file or folder that does not exist."],
        )
    packed = is_archive(target)
    need_store(storage)
    staged = _fs.temporary_name(os.path.dirname(target))
    try:
        facts = _Snapshot(storage, staged).take(experiments)
        if packed:
            pack(staged, target)
        else:
            _fs.rename(staged, target)
    finally:
        if _fs.is_dir(staged):
            _fs.remove_tree(staged)
    return {"destination": target, **facts}


def local_root(storage: StorageBackend) -> str:
    """Return the folder of a store.

    Raises:
        StorageError: It is not in a folder of this machine.
    """
    if not isinstance(storage, SupportsLocalPath):
        raise StorageError(
            f"{storage.uri} is not in a folder, so it cannot be exported or imported into.",
            context={"uri": storage.uri},
        )
    return str(storage.local_path())


class _Snapshot:
    """One copying of a store.

    Args:
        storage: The store.
        folder: Where the copy is made; nobody else knows of it.
    """

    def __init__(self, storage: StorageBackend, folder: str) -> None:
        self._storage = storage
        self._root = local_root(storage)
        self._folder = folder
        self._copy = LocalStorageBackend(folder)
        self._standing = StandingRuns(storage)
        self._runs: set[str] = set()

    def take(self, experiments: Collection[str] | None) -> dict[str, Any]:
        self._copy.write_bytes(FORMAT_KEY, self._storage.read_bytes(FORMAT_KEY))
        copied = self._copy_experiments(experiments)
        folders = self._with_runs() if experiments is None else sorted(experiments)
        for each in folders:
            for key in self._standing.documents(each):
                self._copy_run(key)
        metrics = self._folders(f"{ROOT}/metrics") if experiments is None else folders
        for each in metrics:
            name = f"{ROOT}/metrics/{each}"
            if _fs.is_dir(os.path.join(self._root, name)):
                copy_points(os.path.join(self._root, name), os.path.join(self._folder, name))
        self._drop_what_went()
        models = 0
        if experiments is None:
            models = copy_models(self._storage, self._copy)
            self._copy_others()
        self._make_views(models)
        return {
            "experiments": copied,
            "runs": len(self._runs),
            "models": models,
            "files": len(self._copy.list_paths()),
            "tenants": self._folders("tenants") if experiments is None else [],
        }

    def _folders(self, key: str) -> list[str]:
        entries = _fs.list_dir(os.path.join(self._root, key))
        return [each.name for each in entries if each.is_dir() and not each.name.startswith(".")]

    def _with_runs(self) -> list[str]:
        """Return the ids of the experiments that have runs."""
        ahead = {key.split("/")[-2] for key in self._standing.ahead()}
        return sorted({*ahead, *self._folders(f"{ROOT}/runs")})

    # Experiments and runs

    def _copy_experiments(self, chosen: Collection[str] | None) -> int:
        """Copy the experiments' documents, and a claim of its name for each."""
        for _ in range(_ATTEMPTS):
            documents, records = self._read_experiments(chosen)
            if len({record.name for record in records.values()}) == len(records):
                break  # Else a name was given on between two readings.
        for key, data in documents.items():
            self._copy.write_bytes(key, data)
            if key in records:
                record = records[key]
                self._copy.write_bytes(name_key(record.name), encode_claim(record))
        return len(documents)

    def _read_experiments(
        self, chosen: Collection[str] | None
    ) -> tuple[dict[str, bytes], dict[str, ExperimentRecord]]:
        top = f"{ROOT}/experiments/"
        documents, records = dict[str, bytes](), dict[str, ExperimentRecord]()
        for key in self._storage.list_paths(top):
            experiment_id = key[len(top) :].removesuffix(".json")
            wanted = chosen is None or experiment_id in chosen
            if "/" in experiment_id or not key.endswith(".json") or not wanted:
                continue
            documents[key] = self._storage.read_bytes(key)
            try:
                records[key] = decode_experiment(documents[key])
            except msgspec.DecodeError:
                continue  # It is copied as it is; `verify` names it here and there.
        return documents, records

    def _copy_run(self, key: str) -> None:
        for attempt in range(_ATTEMPTS):
            data = self._standing.read(key)
            if data is None:
                return
            # After the last attempt the artifacts are as damaged as those of the store.
            self._copy.write_bytes(key, data)
            try:
                record = decode_run(data)
            except msgspec.DecodeError:
                break
            if self._copy_artifacts(record):
                break
            time.sleep(_PAUSE * 2**attempt)
        self._runs.add(key)

    def _copy_artifacts(self, record: RunRecord) -> bool:
        """Copy what a run says it logged; tell whether that is what is there."""
        if not record.artifacts:
            return True
        folder = artifact_folder(record.run_id)
        self._copy.delete(folder)
        try:
            self._storage.read_artifact(folder, self._copy.local_path(folder))
        except StorageNotFoundError:
            return False
        for artifact in record.artifacts:
            key = f"{folder}/{artifact.path}"
            if not self._copy.exists(key):
                return False
            if artifact.sha256 and not artifact.is_dir:
                found = _fs.hash_file(str(self._copy.local_path(key)))[1]
                if found != artifact.sha256:
                    return False
        return True

    def _drop_what_went(self) -> None:
        """Leave out runs that were removed for good while their points were copied."""
        for key in sorted(self._runs):
            if self._standing.read(key) is None:
                self._copy.delete(key)
                run_id = os.path.basename(key).removesuffix(".json")
                self._copy.delete(artifact_folder(run_id))
                self._runs.remove(key)

    # The rest

    def _read(self, key: str) -> bytes | None:
        try:
            return self._storage.read_bytes(key)
        except StorageNotFoundError:
            return None

    def _copy_others(self) -> None:
        """Copy what is neither of tracking nor of the registry, such as the audit log."""
        for top in _fs.list_dir(self._root):
            if top.name in _OWN or top.is_symlink():
                continue
            for key in self._storage.list_paths(top.name):
                data = self._read(key)
                if data is None:
                    continue
                if key.endswith(".jsonl"):
                    # A line that is being appended belongs to a later moment.
                    data = data[: data.rfind(b"\n") + 1]
                self._copy.write_bytes(key, data)

    def _make_views(self, models: int) -> None:
        catalogue = RunCatalogue(self._folder)
        catalogue.publish(timeout=60.0)
        catalogue.close()
        if models:
            try:
                ModelRegistry(self._copy, durability="process").compact()
            except CorruptDataError:
                return  # `verify` names the document; the table comes back with `repair`.
