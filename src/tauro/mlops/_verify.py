"""What tracker and registry cannot tell of themselves: marks, views, names, audit, strangers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

import msgspec

from tauro._internal import _fs
from tauro.errors import CorruptDataError, StorageNotFoundError
from tauro.events import FileAuditSink
from tauro.events._audit_sinks import CUT_SHORT
from tauro.storage import StorageBackend, SupportsLocalPath, read_format
from tauro.storage._format import FORMAT_KEY, format_damage, no_store
from tauro.tracking import Damage
from tauro.tracking._catalogue._entry import EntryKind, decode_entries
from tauro.tracking._catalogue._index import Index
from tauro.tracking._catalogue._layout import JOURNAL_SUFFIX, Layout
from tauro.tracking._catalogue._state import State, is_damaged, read_state
from tauro.tracking._documents import ROOT, experiment_key, name_key, run_key
from tauro.tracking._metric_log._compact import DAMAGED
from tauro.tracking._metric_log._format import parse_name
from tauro.tracking._metric_log._manifest import manifest_number
from tauro.tracking._metric_log._parts import is_part_file
from tauro.tracking._models import ExperimentRecord, RunRecord, decode_experiment, decode_run
from tauro.tracking._standing import StandingRuns


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
    yield from _names(storage)
    if isinstance(storage, SupportsLocalPath):
        root = str(storage.local_path())
        layout = Layout(root)
        yield from _state_file(root, layout)
        yield from _journals(layout)
        yield from _views(storage, layout)
        yield from _strangers(root)
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
        except (msgspec.DecodeError, StorageNotFoundError):
            continue
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
            data = _read(layout.journal_file(name))
            if data is not None and decode_entries(data)[2]:
                yield Damage(f"_tauro/journal/{name}", "a line does not hold its checksum")


def _read(path: str) -> bytes | None:
    try:
        return _fs.read_bytes(path)
    except FileNotFoundError:
        return None


def _views(storage: StorageBackend, layout: Layout) -> Iterator[Damage]:
    """Yield views that are not what was published, and documents that are not what they hold."""
    state = read_state(layout)
    if state is None:
        return
    ahead = StandingRuns(storage).ahead()
    for experiment_id in state.views:
        key = f"{ROOT}/runs/{experiment_id}/index.parquet"
        key = key if experiment_id else f"{ROOT}/experiments/index.parquet"
        data = _read(os.path.join(layout.root, key))
        if data is None:
            continue  # A view may be deleted at any time.
        index = _index(data)
        if index is None or _is_changed(index, state, experiment_id):
            if read_state(layout) == state:
                yield Damage(key, "is not what was published; it will be made anew")
        else:
            yield from _documents(storage, layout, index, ahead, of_runs=bool(experiment_id))


def _index(data: bytes) -> Index | None:
    try:
        index = Index(data)
        index.verify()
    except ValueError:
        return None
    return index


def _is_changed(index: Index, state: State, experiment_id: str) -> bool:
    wanted = state.views[experiment_id]
    return index.serial == wanted.serial and index.checksum != wanted.checksum


def _documents(
    storage: StorageBackend,
    layout: Layout,
    index: Index,
    ahead: Mapping[str, int],
    *,
    of_runs: bool,
) -> Iterator[Damage]:
    """Yield documents that differ from what the view holds of the same revision, or are gone.

    What a journal is ahead of may be behind, or not there yet.
    """
    decode = decode_run if of_runs else decode_experiment
    for published in index.documents(range(len(index))):
        record = decode(published)
        key = _key_of(record)
        try:
            data = storage.read_bytes(key)
            present = decode(data)
        except StorageNotFoundError:
            if key not in ahead and not _was_removed(layout, record):
                yield Damage(key, "is missing; the published index holds it")
            continue
        except msgspec.DecodeError:
            continue  # Whoever reads the documents names it.
        if (present.rev < record.rev and key not in ahead) or (
            present.rev == record.rev and msgspec.json.format(data, indent=-1) != published
        ):
            yield Damage(key, f"is not what was recorded as revision {record.rev}")


def _key_of(record: RunRecord | ExperimentRecord) -> str:
    if isinstance(record, RunRecord):
        return run_key(record.experiment_id, record.run_id)
    return experiment_key(record.experiment_id)


def _was_removed(layout: Layout, record: RunRecord | ExperimentRecord) -> bool:
    """Tell whether a journal says that a run or experiment was removed for good."""
    run_id = record.run_id if isinstance(record, RunRecord) else ""
    wanted = (record.experiment_id, run_id)
    for name in _fs.list_names(layout.journal):
        data = _read(layout.journal_file(name)) if name.endswith(JOURNAL_SUFFIX) else b""
        entries = decode_entries(data or b"")[0]
        gone = (each for _, each in entries if each.kind is EntryKind.GONE)
        if any((each.experiment_id, each.run_id) == wanted for each in gone):
            return True
    return False


def _strangers(root: str) -> Iterator[Damage]:
    """Yield files among the metrics that no Tauro made."""
    metrics = os.path.join(root, ROOT, "metrics")
    for folder in _fs.list_dir(metrics):
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
