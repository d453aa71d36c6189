"""Copying the models of a registry that is being written."""

from __future__ import annotations

import contextlib
import re
import time
from typing import Final

from tauro.errors import CorruptDataError, StorageNotFoundError
from tauro.registry._artifacts import artifact_key
from tauro.registry._ledger import METADATA, ModelLedger
from tauro.storage import LocalStorageBackend, StorageBackend

_ATTEMPTS: Final = 6
_PAUSE: Final = 0.02
_VERSION: Final = re.compile(r"v[1-9]\d*\.json")


def copy_models(storage: StorageBackend, copy: LocalStorageBackend) -> int:
    """Copy every model, each as of one moment; return how many."""
    folders = model_folders(storage)
    for folder in folders:
        for attempt in range(_ATTEMPTS):
            for key in in_order(storage, folder):
                copy.write_bytes(key, storage.read_bytes(key))
            # Files are missing where a version was purged meanwhile: its change is there by now.
            if _copy_files(storage, copy, folder):
                break
            time.sleep(_PAUSE * 2**attempt)
    return len(folders)


def model_folders(storage: StorageBackend) -> list[str]:
    """Return the names of the folders of all models."""
    start = len(METADATA) + 1
    return sorted({key[start:].partition("/")[0] for key in storage.list_paths(METADATA)})


def in_order(storage: StorageBackend, folder: str) -> list[str]:
    """Return the keys of a model's documents: marks, then changes, then versions.

    A mark speaks of changes and versions that were there before it, a change of versions.
    """
    start = len(f"{METADATA}/{folder}/")

    def place(key: str) -> tuple[int, int, str]:
        name = key[start:]
        if _VERSION.fullmatch(name):
            return 2, int(name[1:-5]), name
        number = name.removeprefix("transitions/").removesuffix(".json")
        return (1, int(number), name) if number.isdecimal() else (0, 0, name)

    found: list[str] = []
    for kind in (0, 1, 2):
        # Listed three times, so that a version made after the first listing is not missed.
        keys = storage.list_paths(f"{METADATA}/{folder}")
        found += sorted((key for key in keys if place(key)[0] == kind), key=place)
    return found


def _copy_files(storage: StorageBackend, copy: LocalStorageBackend, folder: str) -> bool:
    """Copy the files of a model's versions; tell whether none was missing."""
    ledger, whole = ModelLedger(copy, folder), True
    # `verify` names a damaged change; the files are copied all the same.
    with contextlib.suppress(CorruptDataError):
        ledger.refresh()
    for number in range(1, ledger.latest + 1):
        try:
            document = ledger.metadata(number)
        except (CorruptDataError, StorageNotFoundError):
            continue  # `verify` names it; a disk that fails ends the export instead.
        state = ledger.state
        if document.moved_to or state.moved_to or state.of(number).purged:
            continue
        key = artifact_key(document)
        if copy.exists(key):
            continue
        for place in (key, document.staging, key):
            try:
                storage.read_artifact(place, copy.local_path(key))
                break
            except StorageNotFoundError:
                copy.delete(key)
        else:
            whole = False
    return whole
