"""Bringing a store from an older format to the present one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tauro.errors import StoreFormatError
from tauro.events import Operation
from tauro.mlops._export import need_store, parts_of
from tauro.storage import FORMAT_VERSION, StorageBackend, read_format
from tauro.storage._format import FORMAT_KEY, encode_format, no_store

if TYPE_CHECKING:
    from tauro.mlops._context import MLOpsContext

Step = Callable[[StorageBackend], None]

STEPS: Final[Mapping[int, Step]] = {}
"""What brings a store from a version to the next one. Version 1 is the first.

A step may be killed and is then done again, so each does again without harm what was done. The mark
is raised after each.
"""


def migrate_store(
    store: MLOpsContext | StorageBackend, *, steps: Mapping[int, Step] = STEPS
) -> dict[str, Any]:
    """Bring a store to the present format; a store that has it is left as it is.

    Args:
        store: The context of the store, or its storage; nobody else may write to it meanwhile.
        steps: What brings a store from each version to the next.

    Returns:
        ``from`` and ``format``, the versions before and after, ``steps``, the versions passed, and
        ``store_id``.

    Raises:
        StoreFormatError: There is no store, it is of a newer Tauro, or its version was never used.
        CorruptDataError: Its mark is damaged.
    """
    storage, observers = parts_of(store)
    need_store(storage)
    data = {"location": storage.uri}
    return observers.perform(
        Operation.STORE_MIGRATE,
        data,
        lambda _: _migrate(storage, steps),
        lambda facts: {**data, **facts} if facts["steps"] else None,
    )


def _migrate(storage: StorageBackend, steps: Mapping[int, Step]) -> dict[str, Any]:
    mark = read_format(storage)
    if mark is None:
        raise no_store(storage.uri)
    missing = [version for version in range(mark.version, FORMAT_VERSION) if version not in steps]
    if missing:
        raise StoreFormatError(
            f"The store {storage.uri} has format {mark.version}, and nothing leads on from "
            f"{missing[0]}; expected {FORMAT_VERSION}.",
            context={"uri": storage.uri, "version": mark.version},
            suggestions=[f"Restore {FORMAT_KEY} from a copy of the store."],
        )
    done = list(range(mark.version, FORMAT_VERSION))
    for version in done:
        steps[version](storage)
        raised = replace(mark, version=version + 1)
        storage.write_bytes(FORMAT_KEY, encode_format(raised))
    return {
        "from": mark.version,
        "format": FORMAT_VERSION,
        "steps": done,
        "store_id": mark.store_id,
    }
