"""The mark of a Tauro store: ``_tauro/format.json``, its version and its id."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from tauro._internal import _clock
from tauro._internal._ids import new_id
from tauro.errors import (
    CorruptDataError,
    ReadOnlyStoreError,
    StorageExistsError,
    StorageNotFoundError,
    StoreFormatError,
)
from tauro.storage._codec import encode_json
from tauro.storage._protocol import StorageBackend

FORMAT_VERSION: Final = 1
FORMAT_KEY: Final = "_tauro/format.json"
_FOREIGN: Final = {
    "meta.yaml": "an MLflow file store",
    "mlflow.db": "an MLflow database",
    ".aim": "an Aim repository",
    "wandb": "a wandb folder",
}


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """What a store says of itself.

    Attributes:
        version: Of the layout; this code reads up to :data:`FORMAT_VERSION`.
        store_id: Stays the same when the folder is moved; caches are keyed by it.
        created_at: ISO 8601, UTC.
    """

    version: int
    store_id: str
    created_at: str


def read_format(backend: StorageBackend) -> StoreFormat | None:
    """Return a store's mark, or None where the place is empty.

    Raises:
        StoreFormatError: Another program's folder, or a store of a newer version.
        CorruptDataError: The mark is damaged.
    """
    try:
        document = backend.read_json(FORMAT_KEY)
    except StorageNotFoundError:
        _refuse_foreign(backend)
        return None
    try:
        found = StoreFormat(
            int(document["version"]), str(document["store_id"]), str(document["created_at"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(
            f"{FORMAT_KEY} in {backend.uri} is not the mark of a store: {error!r}.",
            context={"uri": backend.uri, "path": FORMAT_KEY},
            suggestions=["Restore the file from a copy of the store."],
        ) from error
    if found.version > FORMAT_VERSION:
        raise StoreFormatError(
            f"The store {backend.uri} has format {found.version}; this Tauro reads up to "
            f"{FORMAT_VERSION}.",
            context={"uri": backend.uri, "version": found.version},
            suggestions=["Upgrade: pip install --upgrade tauro"],
        )
    return found


def ensure_format(backend: StorageBackend) -> StoreFormat:
    """Return a store's mark, making one where the place is empty; any number may race.

    Raises:
        StoreFormatError: Another program's folder, or a store of a newer version.
        ReadOnlyStoreError: The place is empty and cannot be written.
    """
    found = read_format(backend)
    if found is not None:
        return found
    if backend.read_only:
        raise ReadOnlyStoreError(
            f"{backend.uri} holds no store, and it is open for reading only.",
            context={"uri": backend.uri},
        )
    mark = StoreFormat(FORMAT_VERSION, new_id(), _clock.now().isoformat())
    try:
        backend.create_bytes(FORMAT_KEY, encode_json(asdict(mark), FORMAT_KEY))
    except StorageExistsError:
        return ensure_format(backend)
    return mark


def _refuse_foreign(backend: StorageBackend) -> None:
    for name, what in _FOREIGN.items():
        if backend.exists(name):
            raise _foreign(backend, f"it looks like {what}")
    if backend.exists("0") and backend.exists("0/meta.yaml"):
        raise _foreign(backend, "it looks like an MLflow file store")


def _foreign(backend: StorageBackend, why: str) -> StoreFormatError:
    return StoreFormatError(
        f"{backend.uri} is not a Tauro store: {why}.",
        context={"uri": backend.uri},
        suggestions=["Choose an empty folder, or a new name such as ./mlops_data."],
    )
