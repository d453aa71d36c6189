"""What tracker and registry cannot tell of themselves: marks, views, names, audit, strangers."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Final

import msgspec

from tauro._internal import _fs
from tauro.errors import CorruptDataError, StorageError
from tauro.events import FileAuditSink
from tauro.events._audit_sinks import CUT_SHORT
from tauro.mlops._verify_documents import (
    read_or_none,
    verify_against_journals,
    verify_against_views,
)
from tauro.storage import StorageBackend, SupportsLocalPath, read_format
from tauro.storage._format import FORMAT_KEY, format_damage, no_store
from tauro.tracking import Damage
from tauro.tracking._catalogue._entry import decode_entries
from tauro.tracking._catalogue._layout import JOURNAL_SUFFIX, Layout
from tauro.tracking._catalogue._state import is_damaged
from tauro.tracking._keys import ROOT, experiment_key, name_key
from tauro.tracking._metric_log._compact import DAMAGED
from tauro.tracking._metric_log._format import parse_name
from tauro.tracking._metric_log._manifest import manifest_number
from tauro.tracking._metric_log._parts import is_part_file
from tauro.tracking._models import decode_experiment
from tauro.tracking._verify import unreadable

_FOLDERS: Final = (
    "_tauro",
    *(f"_tauro/{name}" for name in ("journal", "locks", "writers", "told")),
    "audit",
    ROOT,
    *(f"{ROOT}/{name}" for name in ("experiments", "runs", "metrics", "artifacts")),
    "model_registry",
    *(f"model_registry/{name}" for name in ("metadata", "artifacts", "models", "staging")),
)


def mark_damage(storage: StorageBackend) -> Damage | None:
    """Return what is wrong with the store's mark, without which nothing else is opened.

    Raises:
        StoreFormatError: The place is empty, or another program's, or of a newer version.
    """
    with contextlib.suppress(CorruptDataError):
        if read_format(storage) is None and not any(
            storage.exists(part) for part in (ROOT, "model_registry", "tenants")
        ):
            raise no_store(storage.uri)
    damage = format_damage(storage)
    return Damage(FORMAT_KEY, damage) if damage else None


def verify_around(storage: StorageBackend) -> Iterator[Damage]:
    """Yield what is wrong with all that is neither a document, nor metrics, nor an artifact."""
    yield from unreadable(f"{ROOT}/experiments", _names(storage))
    if isinstance(storage, SupportsLocalPath):
        root = str(storage.local_path())
        layout = Layout(root)
        for key, look in (
            ("", _in_the_way(root)),
            ("_tauro/journal", _state_file(root, layout)),
            ("_tauro/journal", _journals(layout)),
            (f"{ROOT}/runs", verify_against_views(storage, layout)),
            (f"{ROOT}/runs", verify_against_journals(storage, layout)),
            (f"{ROOT}/metrics", _strangers(root)),
            ("audit", _audit(root)),
        ):
            yield from unreadable(key, look)


def _in_the_way(root: str) -> Iterator[Damage]:
    """Yield files that stand where folders of the store belong."""
    for folder in _FOLDERS:
        found = _fs.stat(os.path.join(root, folder))
        if found is not None and stat.S_ISREG(found.st_mode):
            yield Damage(folder, "is a file, in the place of a folder of the store")


def _audit(root: str) -> Iterator[Damage]:
    for found in FileAuditSink(os.path.join(root, "audit")).verify():
        if found.reason != CUT_SHORT:  # What a kill leaves was never acknowledged.
            path = f"audit/{os.path.basename(found.file)}"
            yield Damage(path, f"line {found.line}: {found.reason}")


def _names(storage: StorageBackend) -> Iterator[Damage]:
    """Yield the claims that are missing: without one a name could be given twice."""
    top = f"{ROOT}/experiments/"
    for key in storage.list_paths(top):
        if not key.endswith(".json") or "/" in key[len(top) :]:
            continue
        try:
            record = decode_experiment(storage.read_bytes(key))
        except (msgspec.DecodeError, StorageError):
            continue  # It is named, unless it went.
        if record.lifecycle == "removing":
            continue  # Its name is free already.
        claim = name_key(record.name)
        if not storage.exists(claim) and decode_experiment(storage.read_bytes(key)) == record:
            yield Damage(claim, f"is missing; the experiment {record.name!r} has that name")


def _state_file(root: str, layout: Layout) -> Iterator[Damage]:
    if is_damaged(layout):
        key = os.path.relpath(layout.state, root).replace(os.sep, "/")
        yield Damage(key, "is not readable; documents are read until it is published again")


def _journals(layout: Layout) -> Iterator[Damage]:
    for name in _fs.list_names(layout.journal):
        if name.endswith(JOURNAL_SUFFIX):
            data = read_or_none(layout.journal_file(name))
            if data is not None and decode_entries(data)[2]:
                yield Damage(f"_tauro/journal/{name}", "a line does not hold its checksum")


def _is_of_nobody(root: str, folder: os.DirEntry[str]) -> bool:
    """Tell whether metrics are of no experiment; those of one that is removed go before it."""
    return (
        not _fs.is_temporary(folder.name)
        and _fs.stat(os.path.join(root, experiment_key(folder.name))) is None
        and _fs.stat(folder.path) is not None
    )


def _strangers(root: str) -> Iterator[Damage]:
    """Yield files and folders among the metrics that no Tauro made."""
    metrics = os.path.join(root, ROOT, "metrics")
    for folder in _fs.list_dir(metrics):
        if folder.is_dir() and _is_of_nobody(root, folder):
            yield Damage(f"{ROOT}/metrics/{folder.name}", "is of no experiment that is there")
        for entry in _fs.list_dir(folder.path) if folder.is_dir() else [folder]:
            name = entry.name
            known = (
                name.startswith(".")
                or (name == DAMAGED and entry.is_dir())
                or is_part_file(name)
                or manifest_number(name) is not None
                or parse_name(name) is not None
            )
            if not known:
                key = os.path.relpath(entry.path, root).replace(os.sep, "/")
                yield Damage(key, "does not belong here")
