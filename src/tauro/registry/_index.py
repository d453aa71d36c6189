"""``models/index.parquet``: every version in one flat table, for other tools and for lists.

A view: it can be deleted and comes back, and nothing is decided on it. A process publishes
its own changes at once when it makes few, at most every second when it makes many, and in any case
when the registry is closed or the process exits; a process that is killed leaves a view that the
next change, ``compact`` or ``repair`` brings up to date.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tauro._internal._clock import now
from tauro._internal._floats import float_from_json
from tauro._internal._fork import tell_after_fork
from tauro._internal._json import with_checksum
from tauro.errors import (
    CorruptDataError,
    StorageConflictError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
)
from tauro.registry._artifacts import artifact_key
from tauro.registry._core import RegistryCore
from tauro.registry._index_file import (
    INDEX,
    changes_text,
    decode_index,
    document_text,
    encode_index,
)
from tauro.registry._ledger import METADATA, ModelLedger

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger("tauro.registry")
MARKER: Final = "model_registry/models/.registry_marker.json"
_ATTEMPTS: Final = 10
_LEAST_SECONDS: Final = 1.0
_COST_FACTOR: Final = 30.0


class IndexPublisher:
    """Keeps the view up with the changes of one registry.

    Args:
        core: The registry's models.
    """

    def __init__(self, core: RegistryCore) -> None:
        self._core = core
        self._not_before = 0.0
        self._after_fork()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        """Leave the parent's changes to the parent, one of whose threads may be publishing."""
        self._dirty: set[str] = set()
        self._guard = threading.Lock()

    def note(self, name: str) -> None:
        """Say that a model changed; publish if that is due."""
        self._dirty.add(name)
        if time.monotonic() >= self._not_before and self._guard.acquire(blocking=False):
            try:
                self._publish()
            finally:
                self._guard.release()

    def flush(self) -> None:
        """Publish what changed."""
        with self._guard:
            if self._dirty:
                self._publish()

    def flush_at_exit(self) -> None:
        """Publish what changed, unless the store was removed meanwhile."""
        if self._dirty and self._core.storage.exists(METADATA):
            self.flush()

    def rebuild(self) -> None:
        """Publish every model anew; of those that cannot be read the rows stay for ``repair``."""
        with self._guard:
            self._replace(self._all())
            _mark(self._core)
            self._dirty.clear()

    def _all(self) -> dict[str, ModelLedger]:
        names = [name for name, _ in self._core.all_ledgers()]
        return {name: self._core.own_ledger(name) for name in names}

    def _publish(self) -> None:
        started = time.monotonic()
        names = set(self._dirty)
        try:
            self._replace({name: self._core.own_ledger(name) for name in names})
        except StorageError as error:
            # The change itself is safe; only the table for other tools is behind.
            _log.warning("The index of the model registry is behind: %s", error)
        else:
            self._dirty -= names
        cost = time.monotonic() - started
        self._not_before = time.monotonic() + max(_LEAST_SECONDS, _COST_FACTOR * cost)

    def _replace(self, ledgers: dict[str, ModelLedger]) -> None:
        import pyarrow as pa

        for _ in range(_ATTEMPTS):
            present, etag = self._read()
            if present is None:
                # It was deleted or damaged: the rows of the others are made anew, too.
                ledgers = {**self._all(), **ledgers}
            rows = [row for ledger in ledgers.values() for row in _rows(ledger)]
            if present is not None:
                _keep_changes(rows, present)
            parts = [_table(rows)]
            if present is not None:
                parts.append(_staying(present, ledgers, rows))
            table = pa.concat_tables(parts, promote_options="permissive")
            order = [("name", "ascending"), ("version", "ascending")]
            if self._write(table.sort_by(order), etag):
                return
        _log.warning("The index of the model registry is behind: too many write it at once.")

    def _read(self) -> tuple[pa.Table | None, str | None]:
        storage, etag = self._core.quick, None
        try:
            etag = storage.stat(INDEX).etag
            table = decode_index(storage.read_bytes(INDEX))
        except (StorageNotFoundError, CorruptDataError):
            return None, etag
        return (table if {"name", "version"} <= set(table.column_names) else None), etag

    def _write(self, table: pa.Table, etag: str | None) -> bool:
        data, storage = encode_index(table), self._core.quick
        try:
            if etag is None:
                storage.create_bytes(INDEX, data)
                _mark(self._core)
            else:
                storage.replace_bytes(INDEX, data, etag=etag)
        except (StorageExistsError, StorageConflictError, StorageNotFoundError):
            return False
        return True


def _staying(
    present: pa.Table, ledgers: dict[str, ModelLedger], rows: list[dict[str, Any]]
) -> pa.Table:
    """Return the rows that are not made anew.

    Those of other models, which may be damaged or gone; and where a version's document cannot be
    read any more, the row that was made when it could: `repair` brings the document back from it.
    """
    import pyarrow as pa

    made = {(row["name"], row["version"]) for row in rows}
    there = {name for name, ledger in ledgers.items() if not ledger.state.moved_to}
    columns = (present.column(name).to_pylist() for name in ("name", "version"))
    stays = [
        name in there and (name, version) not in made if name in ledgers else True
        for name, version in zip(*columns, strict=True)
    ]
    return present.filter(pa.array(stays, type=pa.bool_()))


def _keep_changes(rows: list[dict[str, Any]], present: pa.Table) -> None:
    """Let a model keep the changes that the index has and its folder has not any more.

    A change is never taken back: the last one was lost, and `repair` brings it back.
    """
    import pyarrow as pa

    last = {row["name"]: row for row in rows if row["change_count"] is not None}
    if "change_count" not in present.column_names:
        return  # an older Tauro's
    columns = (present.column(name).to_pylist() for name in ("name", "change_count"))
    more = [
        name in last and (count or 0) > last[name]["change_count"]
        for name, count in zip(*columns, strict=True)
    ]
    for row in present.filter(pa.array(more, type=pa.bool_())).to_pylist():
        last[row["name"]].update(changes=row["changes"], change_count=row["change_count"])


def _mark(core: RegistryCore) -> None:
    mark = {"format": 1, "created_at": now()}
    try:
        core.quick.create_bytes(MARKER, with_checksum(msgspec.json.encode(mark)))
    except StorageExistsError:
        return


def _rows(ledger: ModelLedger) -> list[dict[str, Any]]:
    ledger.refresh()
    with ledger.frozen():
        state = ledger.state
        if state.moved_to:
            return []
        rows, changes = [], ledger.changes
        for number in range(1, ledger.latest + 1):
            document, present = ledger.readable(number), state.of(number)
            if document is None:
                continue
            tags = {**document.tags, **present.tags}
            described = present.description
            rows.append(
                {
                    "name": document.name,
                    "version": number,
                    "stage": present.stage.value,
                    "aliases": list(state.aliases_of(number)),
                    "framework": document.framework,
                    "artifact_type": document.artifact_type,
                    "description": document.description if described is None else described,
                    "experiment_run_id": document.experiment_run_id,
                    "label": document.label,
                    "created_at": document.created_at,
                    "created_by": document.created_by,
                    "updated_at": present.updated_at or document.created_at,
                    "size": sum(file.size for file in document.files),
                    "artifact_path": artifact_key(document),
                    "deleted": present.deleted is not None or state.deleted is not None,
                    "metrics": {k: float_from_json(v) for k, v in document.metrics.items()},
                    "tags": {k: v for k, v in tags.items() if v is not None},
                    "document": document_text(document),
                    "changes": None,
                    "change_count": None,
                }
            )
        if rows:
            rows[-1].update(changes=changes_text(changes), change_count=len(changes))
        return rows


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    fields: list[tuple[str, Any]] = [
        ("name", pa.string()),
        ("version", pa.int64()),
        ("stage", pa.string()),
        ("aliases", pa.list_(pa.string())),
        ("framework", pa.string()),
        ("artifact_type", pa.string()),
        ("description", pa.string()),
        ("experiment_run_id", pa.string()),
        ("label", pa.string()),
        ("created_at", pa.timestamp("us", tz="UTC")),
        ("created_by", pa.string()),
        ("updated_at", pa.timestamp("us", tz="UTC")),
        ("size", pa.int64()),
        ("artifact_path", pa.string()),
        ("deleted", pa.bool_()),
        ("document", pa.string()),
        ("changes", pa.string()),
        ("change_count", pa.int64()),
    ]
    columns = {name: pa.array([row[name] for row in rows], type=kind) for name, kind in fields}
    for part, kind in (("metrics", pa.float64()), ("tags", pa.string())):
        for key in sorted({key for row in rows for key in row[part]}):
            values = [row[part].get(key) for row in rows]
            columns[f"{part}.{key}"] = pa.array(values, type=kind)
    return pa.table(columns)
