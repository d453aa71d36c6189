"""Looking for damage in the documents and artifacts of runs and experiments."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from tauro.errors import CorruptDataError, StorageNotFoundError
from tauro.storage import StorageBackend
from tauro.tracking._artifacts import artifact_folder
from tauro.tracking._documents import ROOT
from tauro.tracking._models import RunRecord, decode_experiment, decode_run


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of a store that is not as it should be.

    Attributes:
        path: The file, relative to the store.
        problem: What is wrong with it.
    """

    path: str
    problem: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return asdict(self)


def relative(path: str, root: Path) -> str:
    """Return a path relative to the store's root."""
    return os.path.relpath(path, root).replace(os.sep, "/")


def verify_documents(storage: StorageBackend) -> Iterator[Damage]:
    """Yield what is wrong with documents, published views and artifacts."""
    for key in storage.list_paths(f"{ROOT}/experiments"):
        yield from _check_experiment(storage, key)
    for key in storage.list_paths(f"{ROOT}/runs"):
        yield from _check_run(storage, key)


def _check_experiment(storage: StorageBackend, key: str) -> Iterator[Damage]:
    if key.endswith(".parquet"):
        yield from _check_view(storage, key)
        return
    try:
        record = decode_experiment(storage.read_bytes(key))
    except msgspec.DecodeError as error:
        yield Damage(key, f"does not hold an experiment: {error}")
        return
    if "/names/" not in key and not key.endswith(f"/{record.experiment_id}.json"):
        yield Damage(key, f"holds the experiment {record.experiment_id!r}")


def _check_run(storage: StorageBackend, key: str) -> Iterator[Damage]:
    if key.endswith(".parquet"):
        yield from _check_view(storage, key)
        return
    try:
        record = decode_run(storage.read_bytes(key))
    except msgspec.DecodeError as error:
        yield Damage(key, f"does not hold a run: {error}")
        return
    if not key.endswith(f"/{record.experiment_id}/{record.run_id}.json"):
        yield Damage(key, f"holds the run {record.run_id!r} of {record.experiment_id!r}")
        return
    yield from _check_artifacts(storage, record)


def _check_view(storage: StorageBackend, key: str) -> Iterator[Damage]:
    try:
        storage.read_dataframe(key)
    except CorruptDataError as error:
        yield Damage(key, f"is not readable and will be made anew: {error.message}")


def _check_artifacts(storage: StorageBackend, record: RunRecord) -> Iterator[Damage]:
    for artifact in record.artifacts:
        key = f"{artifact_folder(record.run_id)}/{artifact.path}"
        if artifact.is_dir:
            if not storage.exists(key):
                yield Damage(key, f"is missing; the run {record.run_id} logged it")
            continue
        try:
            data = storage.read_bytes(key)
        except StorageNotFoundError:
            yield Damage(key, f"is missing; the run {record.run_id} logged it")
            continue
        if artifact.sha256 and hashlib.sha256(data).hexdigest() != artifact.sha256:
            yield Damage(key, f"was changed after the run {record.run_id} logged it")
