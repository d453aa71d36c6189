"""The mark of a Tauro store: ``_tauro/format.json``, its version and its id."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Final

import msgspec

from tauro._internal import _clock, _fs
from tauro._internal._ids import new_id
from tauro._internal._json import checksum_holds, strange_fields, with_checksum
from tauro.errors import (
    CorruptDataError,
    ReadOnlyStoreError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
    StoreFormatError,
)
from tauro.storage._codec import decode_json, encode_json
from tauro.storage._protocol import StorageBackend, SupportsLocalPath
from tauro.storage._wrappers import PrefixedStorage, StorageWrapper

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

    Of a part of a place, such as a tenant's, the whole place is looked at too: a tenant must not be
    put into another program's folder.

    Raises:
        StoreFormatError: Another program's folder, or a store of a newer version.
        CorruptDataError: The mark is damaged.
    """
    whole = _whole(backend)
    if whole is not backend and _read_mark(whole) is None:
        _refuse_foreign(whole)
    found = _read_mark(backend)
    if found is None and whole is backend:
        _refuse_foreign(backend)
    return found


def _whole(backend: StorageBackend) -> StorageBackend:
    """Return the whole place of which a wrapper shows a part, else the backend itself."""
    place, whole = backend, backend
    while isinstance(place, StorageWrapper):
        if isinstance(place, PrefixedStorage):
            whole = place.storage
        place = place.storage
    return whole


def _read_mark(backend: StorageBackend) -> StoreFormat | None:
    try:
        data = backend.read_bytes(FORMAT_KEY)
    except StorageNotFoundError:
        return None
    document = decode_json(data, FORMAT_KEY)
    try:
        if checksum_holds(data) is False:
            raise ValueError("its checksum does not hold")
        found = StoreFormat(
            int(document["version"]), str(document["store_id"]), str(document["created_at"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(
            f"{FORMAT_KEY} in {backend.uri} is not the mark of a store: {error!r}.",
            context={"uri": backend.uri, "path": FORMAT_KEY},
            suggestions=[
                "Bring the file back from a copy of the store.",
                "Or run `tauro store repair`, which makes another, with a new store id.",
            ],
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
        backend.create_bytes(FORMAT_KEY, encode_format(mark))
    except StorageExistsError as error:
        found = read_format(backend)  # somebody was faster
        if found is None:
            raise CorruptDataError(
                f"{FORMAT_KEY} in {backend.uri} is no file, and the mark of a store is one.",
                context={"uri": backend.uri, "path": FORMAT_KEY},
                suggestions=["Move away what is there, or choose another folder."],
            ) from error
        return found
    return mark


def encode_format(mark: StoreFormat) -> bytes:
    """Return a mark as the bytes of its file, with a checksum."""
    return with_checksum(encode_json(asdict(mark), FORMAT_KEY))


def format_damage(backend: StorageBackend) -> str:
    """Return what is wrong with the mark of a store, "" where nothing is.

    Stricter than reading: a flipped bit may hide the checksum under another name.
    """
    try:
        data = backend.read_bytes(FORMAT_KEY)
        _read_mark(backend)
        strange = strange_fields(data, tuple(StoreFormat.__slots__))
    except StorageNotFoundError:
        return "is missing; the next write makes another, with a new store id"
    except CorruptDataError as error:
        return error.message
    except msgspec.DecodeError as error:
        return f"is not the mark of a store: {error}"
    return f"has a field {strange[0]!r}, which none has" if strange else ""


def renew_format(backend: StorageBackend) -> str:
    """Make another mark in place of a damaged one; return where that is now.

    Raises:
        StoreFormatError: As :func:`ensure_format`.
    """
    kept = f"_tauro/damaged/format.json.{new_id()}"
    backend.move(FORMAT_KEY, kept)
    ensure_format(backend)
    return kept


def no_store(place: str) -> StoreFormatError:
    """Return the error for a place that holds no store."""
    return StoreFormatError(
        f"{place} holds no store: there is no {FORMAT_KEY}.",
        context={"uri": place},
        suggestions=["Name the folder of a store, or one that `tauro store export` made."],
    )


def _refuse_foreign(backend: StorageBackend) -> None:
    for name, what in _FOREIGN.items():
        if backend.exists(name):
            raise _foreign(backend, f"it looks like {what}")
    if any(backend.exists(f"{name}/meta.yaml") for name in _numbers(backend)):
        raise _foreign(backend, "it looks like an MLflow file store")


def _numbers(backend: StorageBackend) -> list[str]:
    """Return the folders that may be experiments of MLflow, deleted ones included."""
    if not isinstance(backend, SupportsLocalPath):
        return ["0"]
    root = str(backend.local_path())
    try:
        tops = _fs.list_names(root)
        trash = _fs.list_names(os.path.join(root, ".trash"))
    except OSError as error:
        raise StorageError(
            f"Cannot look into {root}: {error.strerror or error}.",
            context={"root": root, "errno": error.errno},
        ) from error
    return [name for name in tops if name.isdigit()] + [
        f".trash/{name}" for name in trash if name.isdigit()
    ]


def _foreign(backend: StorageBackend, why: str) -> StoreFormatError:
    return StoreFormatError(
        f"{backend.uri} is not a Tauro store: {why}.",
        context={"uri": backend.uri},
        suggestions=["Choose an empty folder, or a new name such as ./mlops_data."],
    )
