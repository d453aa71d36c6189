"""Taking the models of a store into another one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tauro._internal._json import decode, decode_checked
from tauro.errors import StorageExistsError, StorageNotFoundError
from tauro.mlops._export_models import in_order, model_folders
from tauro.registry._artifacts import STAGING, artifact_key
from tauro.registry._ledger import METADATA
from tauro.registry._models import Change, ModelMetadata
from tauro.storage import LocalStorageBackend, StorageBackend


@dataclass(slots=True)
class Models:
    """What was taken.

    Attributes:
        versions: Documents of versions.
        changes: Documents of changes.
        there_already: Documents that the other store had.
        conflicts: Folders of models that are there and went another way.
        damaged: Documents that cannot be read; nothing of their models is taken.
    """

    versions: int = 0
    changes: int = 0
    there_already: int = 0
    conflicts: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def take_models(source: LocalStorageBackend, target: StorageBackend) -> Models:
    """Take every model whose history agrees with what is there."""
    done = Models()
    durable = target.with_durability("disk")
    for folder in model_folders(source):
        # Versions, then changes, each from the first on, then marks.
        keys = sorted(in_order(source, folder), key=lambda key: _place(key, folder))
        documents = {key: source.read_bytes(key) for key in keys}
        damaged = [key for key in keys if not _is_whole(documents[key], _place(key, folder)[0])]
        if damaged:
            done.damaged += damaged
            continue
        there = {key: _read(target, key) for key in keys}
        if any(there[key] not in (None, documents[key]) for key in keys):
            done.conflicts.append(folder)
            continue
        for key in keys:
            if there[key] is not None:
                done.there_already += 1
            elif not _take(source, durable, key, documents[key]):
                done.conflicts.append(folder)
                break
            elif _place(key, folder)[0]:
                done.changes += 1
            else:
                done.versions += 1
    return done


def _place(key: str, folder: str) -> tuple[int, int]:
    name = key[len(f"{METADATA}/{folder}/") :].removesuffix(".json")
    if name.startswith("v") and name[1:].isdecimal():
        return 0, int(name[1:])
    number = name.removeprefix("transitions/")
    return (1, int(number)) if number.isdecimal() else (2, 0)


_METADATA: Final = msgspec.json.Decoder(ModelMetadata)
_DECODERS: Final[tuple[msgspec.json.Decoder[Any], ...]] = (
    _METADATA,
    msgspec.json.Decoder(Change),
    msgspec.json.Decoder(),
)


def _is_whole(data: bytes, kind: int) -> bool:
    try:
        decode_checked(data, _DECODERS[kind])
    except msgspec.DecodeError:
        return False
    return True


def _read(storage: StorageBackend, key: str) -> bytes | None:
    try:
        return storage.read_bytes(key)
    except StorageNotFoundError:
        return None


def _take(source: LocalStorageBackend, target: StorageBackend, key: str, data: bytes) -> bool:
    """Take a document, and the files of a version before it; tell whether its place was free."""
    staged = _stage(source, target, data)
    try:
        target.create_bytes(key, data)
    except StorageExistsError:
        return False
    if staged is not None:
        # A reader that was faster has moved them.
        with contextlib.suppress(StorageExistsError, StorageNotFoundError):
            target.move(*staged)
    return True


def _stage(
    source: LocalStorageBackend, target: StorageBackend, data: bytes
) -> tuple[str, str] | None:
    """Put the files of a version where its document says that they wait; return from, to."""
    try:
        document = decode(data, _METADATA)
    except msgspec.DecodeError:
        return None
    if document.moved_to or not source.exists(artifact_key(document)):
        return None
    key, staging = artifact_key(document), document.staging
    if not staging.startswith(f"{STAGING}/"):
        # A renamed model: its files were staged at the place of the old name.
        if not target.exists(key):
            target.write_artifact(source.local_path(key), key)
        return None
    target.write_artifact(source.local_path(key), staging)
    return staging, key
