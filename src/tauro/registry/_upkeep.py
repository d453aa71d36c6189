"""Looking after the registry: what is wrong, what can be put right, what can go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tauro._internal._clock import now
from tauro.errors import CorruptDataError, StorageError
from tauro.registry import _decide
from tauro.registry._artifacts import STAGING, artifact_key
from tauro.registry._core import RegistryCore
from tauro.registry._ledger import METADATA, ModelLedger

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


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
            yield RegistryProblem(f"{METADATA}/{folder}", error.message)
            continue
        yield from _holes(core, ledger)
        for number in range(1, latest + 1):
            yield from _version_problems(core, ledger, number, hashes=hashes)


def _holes(core: RegistryCore, ledger: ModelLedger) -> Iterator[RegistryProblem]:
    """Yield changes that no fold reaches, because one before them is missing."""
    folder = f"{ledger.root}/transitions/"
    for path in core.storage.list_paths(folder.rstrip("/")):
        number = path[len(folder) :].removesuffix(".json")
        if not number.isdigit() or int(number) > ledger.state.count:
            yield RegistryProblem(path, "a change before it is missing")


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
    start = len(STAGING) + 1
    found = {path[start:].partition("/")[0] for path in core.storage.list_paths(STAGING)}
    limit = now() - older_than
    old = {name for name in found if _created(name) < limit}
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
                ledger.change(_decide.purge_version(number, why))
                purged.append((name, number))
            if ledger.state.of(number).purged:
                core.artifacts.discard(artifact_key(ledger.metadata(number)))
    return purged


def _created(name: str) -> datetime:
    """Return when a staging folder was named; its name is an id that begins with the time."""
    millis = 0
    for letter in name[:10]:
        millis = millis * 32 + max(_ALPHABET.find(letter), 0)
    return datetime.fromtimestamp((millis & ((1 << 48) - 1)) / 1000, UTC)
