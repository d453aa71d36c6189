"""The operator's view of a store: what it holds and whether it is whole."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tauro._internal import _fs
from tauro._internal._days import days
from tauro.errors import StorageNotFoundError
from tauro.events import Operation
from tauro.mlops._export import disk_errors
from tauro.mlops._verify import mark_damage, verify_around
from tauro.mlops._verify_documents import bring_back_documents
from tauro.storage import StorageBackend, SupportsLocalPath, read_format
from tauro.storage._format import FORMAT_KEY, renew_format
from tauro.tracking import Damage
from tauro.tracking._verify import unreadable

if TYPE_CHECKING:
    from tauro.mlops._context import MLOpsContext

_PARTS = {
    "experiment_tracking/experiments": "experiments",
    "experiment_tracking/runs": "runs",
    "experiment_tracking/metrics": "metrics",
    "experiment_tracking/artifacts": "artifacts",
    "model_registry": "models",
    "audit": "audit",
    "_tauro": "upkeep",
}


def verify_store(context: MLOpsContext) -> Iterator[Damage]:
    """Yield every damaged file of a store, with what is wrong; nothing is changed.

    Raises:
        StoreFormatError: There is no store.
    """
    mark = mark_damage(context.storage)
    if mark is not None:
        yield mark
        return
    named = set[str]()
    for found in _all_damage(context):
        # A file is named once, by whoever looks at it first.
        if found.path not in named or found.path.endswith((".seg", ".parquet", ".jsonl")):
            named.add(found.path)
            yield found


def _need_store(context: MLOpsContext) -> None:
    """Refuse a place without a store, where looking after it would begin one."""
    mark_damage(context.storage)  # one that only lost its mark is a store; it gets another


def _all_damage(context: MLOpsContext) -> Iterator[Damage]:
    yield from unreadable("experiment_tracking", context.experiment_tracker.verify())
    yield from unreadable("model_registry", _registry_damage(context))
    yield from verify_around(context.storage)


def _registry_damage(context: MLOpsContext) -> Iterator[Damage]:
    for found in context.model_registry.verify():
        remedy = ". `tauro store repair` puts it right." if found.repairable else ""
        yield Damage(found.path, found.problem.rstrip(".") + remedy if remedy else found.problem)


def describe_store(context: MLOpsContext) -> dict[str, Any]:
    """Return what a store holds.

    Returns:
        ``location``, ``format``, ``store_id``, the numbers of ``experiments``, ``runs``, ``models``
        and ``files``, ``parts``: files and bytes of each part, and ``tenants``, whose parts are
        counted as ``other`` files, and looked after one by one.
    """
    storage = context.storage
    mark = read_format(storage)
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for path in storage.list_paths():
        name = next((part for top, part in _PARTS.items() if path.startswith(f"{top}/")), "other")
        with contextlib.suppress(StorageNotFoundError):  # Others may remove it meanwhile.
            sizes[name] += storage.size(path)
            files[name] += 1
    tracker, registry = context.experiment_tracker, context.model_registry
    return {
        "location": storage.uri,
        "format": None if mark is None else mark.version,
        "store_id": None if mark is None else mark.store_id,
        "experiments": len(tracker.list_experiments()),
        "runs": tracker.count_runs(),
        "models": len(registry.list_models()),
        "files": files.total(),
        "parts": [{"part": part, "files": files[part], "bytes": sizes[part]} for part in files],
        "tenants": tenants_in(storage),
    }


def tenants_in(storage: StorageBackend) -> list[str]:
    """Return the tenants that have a part of a store."""
    if not isinstance(storage, SupportsLocalPath):
        return []
    entries = _fs.list_dir(os.path.join(storage.local_path(), "tenants"))
    return [each.name for each in entries if each.is_dir() and not _fs.is_temporary(each.name)]


def compact_store(context: MLOpsContext) -> None:
    """Merge metric segments into Parquet parts and publish every index file.

    Raises:
        StoreFormatError: There is no store.
    """
    _need_store(context)

    def compact(_: dict[str, Any]) -> dict[str, Any]:
        with disk_errors(f"The compaction of {context.storage.uri}"):
            done = context.experiment_tracker.compact()
            context.model_registry.compact()
        return {"points": sum(each.points for each in done)}

    data = {"location": context.storage.uri}
    context.observers.perform(Operation.STORE_COMPACT, data, compact, lambda done: {**data, **done})


def repair_store(context: MLOpsContext) -> dict[str, Any]:
    """Complete what dead processes left half done; never drop a good record.

    Returns:
        ``registry``: how many registrations and renamings were completed, and documents of models
        brought back from the index; ``documents``: how many of runs and experiments were brought
        back from what was published and from journals; ``runs``: the ids of the abandoned runs that
        were ended as FAILED; ``points``: how many points of metrics went to new parts;
        ``put_aside``: damaged files, where in the store they are now.

    Raises:
        StoreFormatError: There is no store.
    """
    _need_store(context)

    def repair(_: dict[str, Any]) -> dict[str, Any]:
        return _repair(context)

    data = {"location": context.storage.uri}
    return context.observers.perform(
        Operation.STORE_REPAIR, data, repair, lambda done: {**data, **done}
    )


def _repair(context: MLOpsContext) -> dict[str, Any]:
    with disk_errors(f"The repair of {context.storage.uri}"):
        marks = _repair_mark(context.storage)
        brought_back, documents = bring_back_documents(context.storage)
    repaired = context.experiment_tracker.repair()
    models = context.model_registry.repair()
    folder = context.storage.local_path() if isinstance(context.storage, SupportsLocalPath) else ""
    metrics = [
        os.path.relpath(path, folder).replace(os.sep, "/")
        for each in repaired.compactions
        for path in each.put_aside
    ]
    return {
        "registry": models.completed + models.restored,
        "documents": brought_back,
        "runs": repaired.ended,
        "points": sum(each.points for each in repaired.compactions),
        "put_aside": [*marks, *documents, *models.put_aside, *metrics],
    }


def _repair_mark(storage: StorageBackend) -> list[str]:
    """Make another mark where it is damaged; return where the damaged one is now."""
    if storage.exists(FORMAT_KEY) and mark_damage(storage) is not None:
        return [renew_format(storage)]
    return []


def collect_garbage(
    context: MLOpsContext, *, older_than_days: float = 0.0, dry_run: bool = False
) -> dict[str, Any]:
    """Remove for good what was deleted at least so long ago; return what went.

    Args:
        context: Of the store.
        older_than_days: Only what was deleted at least so long ago.
        dry_run: Only tell what would go.

    Returns:
        The ids of ``runs`` and ``experiments``; model ``versions`` by name and number; and how many
        registrations that never came to be were removed from ``staging``.

    Raises:
        StoreFormatError: There is no store.
        ValidationError: ``older_than_days`` is no number of days from 0 on.
    """
    days(older_than_days, "older_than_days")
    _need_store(context)
    versions = context.model_registry.gc(older_than_days=older_than_days, dry_run=dry_run)
    runs = context.experiment_tracker.gc(older_than_days=older_than_days, dry_run=dry_run)
    return {**runs, **versions}
