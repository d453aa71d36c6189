"""Looking after the registry: what can be completed, brought back, removed for good."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from tauro._internal._clock import now
from tauro._internal._ids import created_at, new_id
from tauro.errors import CorruptDataError, StorageExistsError
from tauro.events import Operation
from tauro.registry import _decide
from tauro.registry._artifacts import ARTIFACTS, DAMAGED, STAGING, artifact_key
from tauro.registry._core import RegistryCore
from tauro.registry._index import MARKER
from tauro.registry._ledger import METADATA, ModelLedger
from tauro.registry._models import encode
from tauro.registry._names import folder_of
from tauro.registry._rename import DONE
from tauro.registry._verify import look_at_documents, lost_documents, mark_damage, read_index

_log = logging.getLogger("tauro.registry")


@dataclass(frozen=True, slots=True)
class RegistryRepair:
    """What a repair did.

    Attributes:
        completed: How many registrations and renamings of dead processes were completed.
        restored: How many lost or damaged documents were brought back from the index.
        put_aside: Where those that were damaged are now.
    """

    completed: int
    restored: int
    put_aside: list[str]


def repair(core: RegistryCore) -> RegistryRepair:
    """Bring back what the index holds, then complete what dead processes left half done."""
    aside = _put_marks_aside(core)
    restored, damaged = _bring_back(core)
    return RegistryRepair(roll_forward(core), restored, aside + damaged)


def _put_marks_aside(core: RegistryCore) -> list[str]:
    """Put damaged marks aside: they are made anew by what they are marks of."""
    marks = [MARKER, *(f"{METADATA}/{folder}/{DONE}" for folder in core.folders())]
    damaged = [mark for mark in marks if core.storage.exists(mark) and mark_damage(core, mark)]
    aside = [_aside(mark) for mark in damaged]
    for mark, kept in zip(damaged, aside, strict=True):
        core.storage.move(mark, kept)
    return aside


def _aside(key: str) -> str:
    return f"{DAMAGED}/{key.removeprefix('model_registry/')}.{new_id()}"


def _bring_back(core: RegistryCore) -> tuple[int, list[str]]:
    try:
        index = read_index(core.storage)
    except CorruptDataError as error:
        _log.warning("%s", error.message)
        return 0, []
    count, aside = 0, list[str]()
    for folder, held in index.models.items() if index.is_checked else ():
        documents = look_at_documents(core.storage, folder, held)
        for key, record in lost_documents(core.storage, held, documents).items():
            if key in documents:
                kept = _aside(key)
                core.storage.write_bytes(kept, core.storage.read_bytes(key))
                core.storage.write_bytes(key, encode(record))
                aside.append(kept)
            else:
                try:
                    core.storage.create_bytes(key, encode(record))
                except StorageExistsError:
                    continue  # Somebody else brings it back, too.
            count += 1
    return count, aside


def roll_forward(core: RegistryCore) -> int:
    """Complete every registration and renaming that a dead process left; return how many."""
    moved = 0
    for _, ledger in core.all_ledgers():
        for number in range(1, ledger.latest + 1):
            state = ledger.state
            if state.of(number).purged or state.moved_to:
                continue
            document = ledger.readable(number)
            if document is None or core.storage.exists(artifact_key(document)):
                continue
            try:
                core.artifacts.place(document)
            except CorruptDataError:
                continue  # The files are gone: verify says so, nothing brings them back.
            moved += 1
    return moved


def remove_staging(core: RegistryCore, older_than: timedelta, *, dry_run: bool = False) -> int:
    """Remove staging folders of registrations that never came to be; return how many."""
    limit = now() - older_than
    old = {name for name in core.artifacts.staged() if created_at(name) < limit}
    if not old:
        return 0
    used = set[str]()
    for folder in core.folders():
        ledger = core.opened(folder)
        if ledger is None:
            return 0  # What a damaged document names nobody knows; its files may wait there.
        for number in range(1, ledger.latest + 1):
            document = ledger.readable(number)
            if document is None:
                return 0
            used.add(document.staging)
    removed = [name for name in sorted(old) if f"{STAGING}/{name}" not in used]
    for name in () if dry_run else removed:
        core.artifacts.discard(f"{STAGING}/{name}")
    return len(removed)


def _purge(core: RegistryCore, ledger: ModelLedger, name: str, number: int, why: str) -> None:
    core.observers.perform(
        Operation.MODEL_VERSION_REMOVE,
        {"name": name, "version": number, "reason": why},
        lambda data: ledger.change(_decide.purge_version(number, data["reason"])),
        lambda _: {"name": name, "version": number, "reason": why},
    )


def purge_deleted(
    core: RegistryCore, older_than: timedelta, why: str, *, dry_run: bool = False
) -> list[tuple[str, int]]:
    """Remove the files of versions that were deleted long enough ago; return which."""
    limit = now() - older_than
    purged = []
    for name, ledger in core.all_ledgers():
        for number in range(1, ledger.latest + 1):
            state = ledger.state
            gone = state.of(number).deleted or state.deleted
            if gone is None or gone.at > limit or state.moved_to:
                continue
            if not state.of(number).purged:
                purged.append((name, number))
                if not dry_run:
                    _purge(core, ledger, name, number, why)
            if not dry_run and ledger.state.of(number).purged:
                core.artifacts.discard(f"{ARTIFACTS}/{folder_of(name)}/v{number}")
    return purged
