"""Looking after the registry: what is wrong, what can be put right, what can go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tauro._internal._clock import now
from tauro._internal._ids import created_at
from tauro.errors import CorruptDataError, StorageError
from tauro.events import Operation
from tauro.registry import _decide
from tauro.registry._artifacts import ARTIFACTS, STAGING, artifact_key
from tauro.registry._core import RegistryCore
from tauro.registry._ledger import METADATA, ModelLedger

_CHANGE: Final = re.compile(r"[1-9]\d*\.json")
_FOLDER: Final = re.compile(r"v[1-9]\d*")
_DOCUMENT: Final = re.compile(r"v[1-9]\d*\.json|transitions/[1-9]\d*\.json|renamed\.json")


@dataclass(frozen=True, slots=True)
class RegistryProblem:
    """Something that is not as it should be.

    Attributes:
        path: The key it is about.
        problem: What is wrong.
        repairable: Whether ``repair`` puts it right.
    """

    path: str
    problem: str
    repairable: bool = False


def find_problems(core: RegistryCore, *, hashes: bool) -> Iterator[RegistryProblem]:
    """Yield everything that is wrong.

    Args:
        core: The registry's models.
        hashes: Whether to read every artifact and compare its hash.
    """
    start = len(METADATA) + 1
    folders = sorted({p[start:].partition("/")[0] for p in core.storage.list_paths(METADATA)})
    for folder in folders:
        ledger = ModelLedger(core.storage, folder)
        try:
            ledger.refresh()
            latest = ledger.latest
        except StorageError as error:
            path = str(error.context.details.get("path", f"{METADATA}/{folder}"))
            yield RegistryProblem(path, error.message)
            continue
        yield from _holes(core, ledger)
        yield from _strangers(core, ledger)
        yield from _undocumented(core, ledger, folder)
        for number in range(1, latest + 1):
            yield from _version_problems(core, ledger, number, hashes=hashes)


def _holes(core: RegistryCore, ledger: ModelLedger) -> Iterator[RegistryProblem]:
    """Yield changes that are missing, so that no fold reaches those after them."""
    folder = f"{ledger.root}/transitions/"
    there = {path[len(folder) :] for path in core.storage.list_paths(folder.rstrip("/"))}
    numbers = [int(name[:-5]) for name in there if _CHANGE.fullmatch(name)]
    for number in range(1, max(numbers, default=0)):
        path = f"{folder}{number}.json"
        if number not in numbers and not core.storage.exists(path):
            yield RegistryProblem(path, "the change is missing; those after it are not seen")


def _strangers(core: RegistryCore, ledger: ModelLedger) -> Iterator[RegistryProblem]:
    """Yield files among a model's documents that no registry made."""
    for path in core.storage.list_paths(ledger.root):
        if not _DOCUMENT.fullmatch(path[len(ledger.root) + 1 :]):
            yield RegistryProblem(path, "it does not belong here")


def _undocumented(
    core: RegistryCore, ledger: ModelLedger, folder: str
) -> Iterator[RegistryProblem]:
    """Yield the documents that are missing of versions whose files are there."""
    start = f"{ARTIFACTS}/{folder}/"
    names = {p[len(start) :].partition("/")[0] for p in core.storage.list_paths(start.rstrip("/"))}
    for name in sorted(names):
        path = f"{ledger.root}/{name}.json"
        is_later = _FOLDER.fullmatch(name) and int(name[1:]) > ledger.latest
        # It may have been registered a moment ago.
        if is_later and not core.storage.exists(path):
            yield RegistryProblem(path, "it is missing; the files of the version are there")


def _version_problems(
    core: RegistryCore, ledger: ModelLedger, number: int, *, hashes: bool
) -> Iterator[RegistryProblem]:
    path = f"{ledger.root}/v{number}.json"
    try:
        document = ledger.metadata(number)
    except StorageError as error:
        yield RegistryProblem(path, error.message)
        return
    state = ledger.state
    if state.of(number).purged or state.moved_to:
        return
    key = artifact_key(document)
    if not core.storage.exists(key):
        staged = core.storage.exists(document.staging)
        what = "the files wait in staging" if staged else "the files are gone"
        yield RegistryProblem(key, what, repairable=staged)
        return
    if hashes:
        for file in document.files:
            problem = core.artifacts.compare(f"{key}/{file.path}", file)
            if problem:
                yield RegistryProblem(f"{key}/{file.path}", problem)


def roll_forward(core: RegistryCore) -> int:
    """Complete every registration and renaming that a dead process left; return how many."""
    moved = 0
    for _, ledger in core.all_ledgers():
        for number in range(1, ledger.latest + 1):
            state = ledger.state
            if state.of(number).purged or state.moved_to:
                continue
            document = ledger.metadata(number)
            if core.storage.exists(artifact_key(document)):
                continue
            try:
                core.artifacts.place(document)
            except CorruptDataError:
                continue  # The files are gone: verify says so, nothing brings them back.
            moved += 1
    return moved


def remove_staging(core: RegistryCore, older_than: timedelta) -> int:
    """Remove staging folders of registrations that never came to be; return how many."""
    limit = now() - older_than
    old = {name for name in core.artifacts.staged() if created_at(name) < limit}
    if not old:
        return 0
    used = {
        ledger.metadata(number).staging
        for _, ledger in core.all_ledgers()
        for number in range(1, ledger.latest + 1)
    }
    removed = [name for name in sorted(old) if f"{STAGING}/{name}" not in used]
    for name in removed:
        core.artifacts.discard(f"{STAGING}/{name}")
    return len(removed)


def _purge(core: RegistryCore, ledger: ModelLedger, name: str, number: int, why: str) -> None:
    core.observers.perform(
        Operation.MODEL_VERSION_REMOVE,
        {"name": name, "version": number, "reason": why},
        lambda data: ledger.change(_decide.purge_version(number, data["reason"])),
        lambda _: {"name": name, "version": number, "reason": why},
    )


def purge_deleted(core: RegistryCore, older_than: timedelta, why: str) -> list[tuple[str, int]]:
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
                _purge(core, ledger, name, number, why)
                purged.append((name, number))
            if ledger.state.of(number).purged:
                core.artifacts.discard(artifact_key(ledger.metadata(number)))
    return purged
