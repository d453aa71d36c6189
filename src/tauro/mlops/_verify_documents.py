"""Documents of runs and experiments beside what was published of them, and what journals hold.

What differs is damage; what is lost is brought back.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tauro._internal import _fs
from tauro._internal._ids import new_id
from tauro.errors import PathNotAllowedError, StorageError, StorageNotFoundError
from tauro.storage import StorageBackend, SupportsLocalPath, SupportsLocks
from tauro.tracking import Damage
from tauro.tracking._catalogue._entry import Entry, EntryKind, decode_entries
from tauro.tracking._catalogue._index import Index
from tauro.tracking._catalogue._layout import JOURNAL_SUFFIX, Layout
from tauro.tracking._catalogue._state import State, read_state
from tauro.tracking._experiment_documents import readable
from tauro.tracking._keys import ROOT, experiment_key, run_key
from tauro.tracking._models import (
    ExperimentRecord,
    RunRecord,
    RunStatus,
    decode_experiment,
    decode_run,
)
from tauro.tracking._standing import StandingRuns


def read_or_none(path: str) -> bytes | None:
    """Return the bytes of a file, None where there is none; a folder in its place has none."""
    try:
        return _fs.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        return b""


def verify_against_views(storage: StorageBackend, layout: Layout) -> Iterator[Damage]:
    """Yield views that are not what was published, and documents that are not what they hold."""
    state = read_state(layout)
    if state is None:
        return
    runs = StandingRuns(storage)
    yield from _lost_folders(storage, layout, state)
    for experiment_id in state.views:
        key = f"{ROOT}/runs/{experiment_id}/index.parquet"
        key = key if experiment_id else f"{ROOT}/experiments/index.parquet"
        data = read_or_none(os.path.join(layout.root, key))
        if data is None:
            continue  # A view may be deleted at any time.
        index = _index(data)
        if index is None or _is_changed(index, state, experiment_id):
            if read_state(layout) == state:
                yield Damage(key, "is not what was published; it will be made anew")
        else:
            yield from _documents(storage, layout, index, runs if experiment_id else None)


def _lost_folders(storage: StorageBackend, layout: Layout, state: State) -> Iterator[Damage]:
    """Yield folders of runs that are gone with their documents, and so with what tells of them."""
    for experiment_id in filter(None, state.views):
        if _fs.stat(layout.runs_of(experiment_id)) is not None:
            continue
        with contextlib.suppress(StorageError, msgspec.DecodeError):
            record = decode_experiment(storage.read_bytes(experiment_key(experiment_id)))
            if record.lifecycle != "removing" and read_state(layout) == state:
                yield Damage(
                    f"{ROOT}/runs/{experiment_id}", "is missing; runs were published there"
                )


def _index(data: bytes) -> Index | None:
    try:
        index = Index(data)
        index.verify()
    except ValueError:
        return None
    return index


def _is_changed(index: Index, state: State, experiment_id: str) -> bool:
    wanted = state.views[experiment_id]
    if experiment_id and not index.is_of(experiment_id):
        return True
    return index.serial == wanted.serial and index.checksum != wanted.checksum


def _documents(
    storage: StorageBackend, layout: Layout, index: Index, runs: StandingRuns | None
) -> Iterator[Damage]:
    """Yield documents that differ from what the view holds of the same revision, or are gone.

    A run's that a journal is ahead of may be behind, or not there yet.
    """
    decode = decode_experiment if runs is None else decode_run
    for published in index.documents(range(len(index))):
        record = decode(published)
        key = _key_of(record)
        try:
            data = storage.read_bytes(key)
            present = decode(data)
        except StorageNotFoundError:
            if not (
                _stands(runs, key, record)
                or _was_removed(layout, record)
                or not _is_published(layout, record)
            ):
                yield Damage(key, "is missing; the published index holds it")
            continue
        except (msgspec.DecodeError, StorageError):
            continue  # Whoever reads the documents names it.
        if (present.rev < record.rev and not _stands(runs, key, record)) or (
            present.rev == record.rev and _differs(data, published)
        ):
            yield Damage(key, f"is not what was recorded as revision {record.rev}")


def _stands(runs: StandingRuns | None, key: str, record: RunRecord | ExperimentRecord) -> bool:
    """Tell whether a run is at a revision by its journal, or its document is so by now."""
    data = None if runs is None else runs.read(key)
    try:
        return data is not None and decode_run(data).rev >= record.rev
    except msgspec.DecodeError:
        return False


def _is_published(layout: Layout, record: RunRecord | ExperimentRecord) -> bool:
    """Tell whether a view still holds it; the next one does not, once it is gone."""
    is_run = isinstance(record, RunRecord)
    file = layout.runs_index(record.experiment_id) if is_run else layout.experiments_index
    data = read_or_none(file)
    index = None if data is None else _index(data)
    if index is None:
        return False
    wanted = record.run_id if isinstance(record, RunRecord) else record.experiment_id
    return wanted in index.column("run_id" if is_run else "experiment_id").to_pylist()


def _differs(document: bytes, published: bytes) -> bool:
    """Tell whether a document is not what a view holds of the same revision.

    Of a run that goes on, a view also has the last values of the metrics.
    """
    if msgspec.json.format(document, indent=-1) == published:
        return False
    try:
        found, shown = msgspec.json.decode(document), msgspec.json.decode(published)
    except UnicodeDecodeError:  # in a field that a run does not have
        return True
    if shown.get("status") == RunStatus.RUNNING.value:
        for each in (found, shown):
            each.pop("metrics", None)
    return bool(found != shown)


def _key_of(record: RunRecord | ExperimentRecord) -> str:
    if isinstance(record, RunRecord):
        return run_key(record.experiment_id, record.run_id)
    return experiment_key(record.experiment_id)


_ATTEMPTS: Final = 5


@dataclass(slots=True)
class _Journaled:
    """What the journals hold of one document.

    Attributes:
        recorded: What it was to hold, by revision; more than one where a first try failed.
        in_place: The revision that was put in place at least.
        is_gone: Whether it was removed for good.
    """

    recorded: dict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    in_place: int = 0
    is_gone: bool = False


def verify_against_journals(storage: StorageBackend, layout: Layout) -> Iterator[Damage]:
    """Yield documents that differ from what a journal holds of the same revision, or are gone.

    What a process recorded last it may have died before putting in place; a state that is ahead of
    its document may come later.
    """
    for key, known in _journaled(layout).items():
        if known.is_gone:
            continue
        try:
            data = storage.read_bytes(key)
            rev = _decode(key, data).rev
        except StorageNotFoundError:
            # Looked at again: it may have been removed after the journals were read.
            if known.in_place and not _is_gone(layout, key, _journaled(layout)[key]):
                yield Damage(key, f"is missing; revision {known.in_place} was put in place")
            continue
        except (msgspec.DecodeError, StorageError):
            continue  # Whoever reads the documents names it.
        recorded = known.recorded.get(rev, [])
        if rev < known.in_place or (
            recorded and msgspec.json.format(data, indent=-1) not in recorded
        ):
            yield Damage(key, f"is not what was recorded as revision {max(rev, known.in_place)}")


def _journaled(layout: Layout) -> dict[str, _Journaled]:
    """Return what journals hold that no publication does; under one state from first to last."""
    for _ in range(_ATTEMPTS):
        state = read_state(layout)
        found = _read_journals(layout, state)
        if read_state(layout) == state:
            break
    return found


def _read_journals(layout: Layout, state: State | None) -> dict[str, _Journaled]:
    found: dict[str, _Journaled] = defaultdict(_Journaled)
    watermark, gone = ({}, {}) if state is None else (state.watermark, state.gone)
    for name in _fs.list_names(layout.journal):
        data = read_or_none(layout.journal_file(name)) if name.endswith(JOURNAL_SUFFIX) else None
        before: dict[int, Entry] = {}
        for position, entry in decode_entries(data or b"")[0]:
            if position < watermark.get(name, 0):
                continue  # A view holds it, unless it was removed since.
            known = found[_key(entry)]
            if entry.kind is EntryKind.GONE or (entry.run_id or entry.experiment_id) in gone:
                known.is_gone = True
            else:
                known.recorded[entry.rev].append(entry.document)
            if entry.kind is not EntryKind.AHEAD:
                # Of one slot all but the last were carried out.
                last = before.get(entry.slot)
                if last is not None:
                    carried_out = found[_key(last)]
                    carried_out.in_place = max(carried_out.in_place, last.rev)
                before[entry.slot] = entry
    return found


def _is_gone(layout: Layout, key: str, known: _Journaled) -> bool:
    """Tell whether what has no document was removed for good; its process was told, if it lives."""
    if known.is_gone or not known.recorded:
        return True
    record = _decode(key, known.recorded[max(known.recorded)][-1])
    if not isinstance(record, RunRecord) or record.owner is None:
        return False
    return _fs.stat(layout.told(record.owner.writer_id, record.run_id)) is not None


def _key(entry: Entry) -> str:
    if entry.run_id:
        return run_key(entry.experiment_id, entry.run_id)
    return experiment_key(entry.experiment_id)


def _decode(key: str, data: bytes) -> RunRecord | ExperimentRecord:
    return decode_run(data) if key.startswith(f"{ROOT}/runs/") else decode_experiment(data)


def _was_removed(layout: Layout, record: RunRecord | ExperimentRecord) -> bool:
    """Tell whether a journal says that a run or experiment was removed for good."""
    run_id = record.run_id if isinstance(record, RunRecord) else ""
    wanted = (record.experiment_id, run_id)
    for name in _fs.list_names(layout.journal):
        data = read_or_none(layout.journal_file(name)) if name.endswith(JOURNAL_SUFFIX) else b""
        entries = decode_entries(data or b"")[0]
        gone = (each for _, each in entries if each.kind is EntryKind.GONE)
        if any((each.experiment_id, each.run_id) == wanted for each in gone):
            return True
    return False


# Bringing back


def bring_back_documents(storage: StorageBackend) -> tuple[int, list[str]]:
    """Put documents of runs and experiments in place again that are damaged or gone.

    Each as the latest that a published index or a journal holds of it.

    Returns:
        How many, and where those that were damaged are now.
    """
    count, aside = 0, list[str]()
    if not (isinstance(storage, SupportsLocalPath) and isinstance(storage, SupportsLocks)):
        return count, aside
    layout = Layout(str(storage.local_path()))
    state = read_state(layout)
    for key, document in _lost(storage, layout).items():
        record = _decode(key, document)
        lock = f"run/{record.run_id}" if isinstance(record, RunRecord) else "experiments"
        with storage.lock(lock):
            if _is_readable(storage, key) or _was_removed(layout, record):
                continue  # Somebody else was faster.
            if read_state(layout) != state and key not in _lost(storage, layout):
                continue
            if storage.exists(key):
                aside.append(f"{ROOT}/damaged/{key.removeprefix(f'{ROOT}/')}.{new_id()}")
                storage.write_bytes(aside[-1], storage.read_bytes(key))
            storage.write_bytes(key, readable(document))
        count += 1
    for damage in verify_against_views(storage, layout):
        if damage.path.endswith(".parquet"):
            storage.delete(damage.path)  # It is made anew with the next publication.
    return count, aside


def _lost(storage: StorageBackend, layout: Layout) -> dict[str, bytes]:
    """Return the latest of each document that cannot be read, by key."""
    ahead = StandingRuns(storage).ahead()
    found: dict[str, tuple[int, bytes]] = {}
    for record, document in _published(layout):
        key = _key_of(record)
        if not _is_readable(storage, key):
            found[key] = (record.rev, document)
    for key, known in _journaled(layout).items():
        if not storage.exists(key) and _is_gone(layout, key, known):
            found.pop(key, None)
        elif (known.in_place or key in found) and not _is_readable(storage, key):
            rev = max(known.recorded)
            found[key] = max(found.get(key, (0, b"")), (rev, known.recorded[rev][-1]))
    return {
        key: document
        for key, (_, document) in found.items()
        if key not in ahead and _decode(key, document).lifecycle != "removing"
    }


def _published(layout: Layout) -> Iterator[tuple[RunRecord | ExperimentRecord, bytes]]:
    """Yield the documents of every view that is what was published."""
    state = read_state(layout)
    for experiment_id, wanted in (state.views if state is not None else {}).items():
        folder = f"runs/{experiment_id}" if experiment_id else "experiments"
        data = read_or_none(os.path.join(layout.root, ROOT, folder, "index.parquet"))
        index = None if data is None else _index(data)
        if index is not None and (index.serial, index.checksum) == (wanted.serial, wanted.checksum):
            decode = decode_run if experiment_id else decode_experiment
            for document in index.documents(range(len(index))):
                yield decode(document), document


def _is_readable(storage: StorageBackend, key: str) -> bool:
    """Tell whether the document that belongs there is; where nothing can be put, nothing is lost.

    Another's in its place, as copying by hand leaves it, is not that document.
    """
    try:
        return _key_of(_decode(key, storage.read_bytes(key))) == key
    except PathNotAllowedError:
        return True  # `verify` names it.
    except (StorageNotFoundError, msgspec.DecodeError):
        return False
