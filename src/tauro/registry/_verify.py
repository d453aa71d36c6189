"""Looking for damage: every document by its checksum, all of them against the index, the files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from tauro._internal._json import checksum_holds, decode_checked, strange_fields
from tauro.errors import CorruptDataError, StorageError, StorageNotFoundError
from tauro.registry._artifacts import ARTIFACTS, artifact_key
from tauro.registry._core import RegistryCore
from tauro.registry._index import MARKER
from tauro.registry._index_file import INDEX, Held, decode_index, held_models, is_checked
from tauro.registry._ledger import METADATA, ModelLedger, misplaced, number_of
from tauro.registry._models import Change, ModelMetadata, decode_change, decode_metadata
from tauro.registry._names import folder_of
from tauro.registry._rename import DONE
from tauro.storage import StorageBackend


class _Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The marks beside index and documents, as they are looked at."""

    format: int = 0
    created_at: datetime | None = None
    at: datetime | None = None
    from_: str = msgspec.field(default="", name="from")


_EDITED: Final = (
    'If it was edited on purpose, remove its field "checksum" and run `tauro store compact`.'
)
_mark_decoder: Final = msgspec.json.Decoder(_Mark)
_MARK: Final = ("format", "created_at", "at", "from")


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
    """Yield everything that is wrong; a file is named once.

    Files that wait in staging, as a kill leaves them, are where their version's document says that
    they are: whoever opens it moves them, and nothing is wrong.

    Args:
        core: The registry's models.
        hashes: Whether to read every artifact and compare its hash.
    """
    named = set[str]()
    for found in _all_problems(core, hashes=hashes):
        if found.path not in named:
            named.add(found.path)
            yield found


def _all_problems(core: RegistryCore, *, hashes: bool) -> Iterator[RegistryProblem]:
    storage = core.storage
    index = Index()
    try:
        index = read_index(storage)
    except CorruptDataError as error:
        yield RegistryProblem(INDEX, error.message, repairable=True)
    if storage.exists(MARKER) and (why := mark_damage(core, MARKER)):
        yield RegistryProblem(MARKER, why, repairable=True)
    folders = _folders_in(storage, METADATA) | _folders_in(storage, ARTIFACTS)
    folders |= index.models.keys()
    for folder in sorted(folders):
        try:
            yield from _model_problems(core, folder, index, hashes=hashes)
        except StorageError as error:
            # A name that is no key, a link out of the store: the other models are looked at.
            yield RegistryProblem(f"{METADATA}/{folder}", error.message)


def _model_problems(
    core: RegistryCore, folder: str, index: Index, *, hashes: bool
) -> Iterator[RegistryProblem]:
    storage, held = core.storage, index.models.get(folder)
    documents = look_at_documents(storage, folder, held if index.is_checked else None)
    lost = lost_documents(storage, held, documents)
    for key, why in documents.items():
        if why:
            repairable = key.endswith(f"/{DONE}") or (index.is_checked and key in lost)
            yield RegistryProblem(key, why, repairable=repairable)
    for key in sorted(lost.keys() - documents.keys()):
        why = "it is missing; the index holds it"
        yield RegistryProblem(key, why, repairable=index.is_checked)
    ledger = ModelLedger(storage, folder)
    # A change that cannot be read is named; those before it are folded by then.
    with contextlib.suppress(CorruptDataError):
        ledger.refresh()
    yield from _missing_documents(storage, ledger, folder)
    yield from _missing_ends(storage, ledger)
    for number in range(1, ledger.latest + 1):
        yield from _version_problems(core, ledger, number, hashes=hashes)
    if held is not None:
        yield from _differences(storage, ledger, held)


def _folders_in(storage: StorageBackend, root: str) -> set[str]:
    start = len(root) + 1
    return {path[start:].partition("/")[0] for path in storage.list_paths(root)}


# Documents


def look_at_documents(storage: StorageBackend, folder: str, held: Held | None) -> dict[str, str]:
    """Return what is wrong with each file among a model's documents, "" where nothing is.

    A change says nothing of its number: that two have changed places is known from the index.

    Args:
        storage: The store.
        folder: The model's.
        held: What an index with a checksum holds of the model.
    """
    root = f"{METADATA}/{folder}"
    keys = storage.list_paths(root)
    found = {key: _look_at(storage, key, key[len(root) + 1 :]) for key in keys}
    known = (held.changes if held is not None else None) or []
    for number, change in enumerate(known, 1):
        key = f"{root}/transitions/{number}.json"
        if found.get(key) == "":
            present = decode_change(storage.read_bytes(key), key)
            if present != change and present in known:
                found[key] = f"it holds change {known.index(present) + 1} of the model"
    return found


def _look_at(storage: StorageBackend, key: str, name: str) -> str:
    version, change = number_of(name)
    try:
        data = storage.read_bytes(key)
        if version:
            return misplaced(decode_metadata(data, key, strictly=True), key)
        if change:
            decode_change(data, key, strictly=True)
        elif name in (DONE, MARKER):
            decode_checked(data, _mark_decoder)
            return "a field of it is none of a mark's" if strange_fields(data, _MARK) else ""
        else:
            return "it does not belong here"
    except msgspec.DecodeError as error:
        return f"it is not a mark of the registry: {error}"
    except CorruptDataError as error:
        return f"{error.message} {_EDITED}" if checksum_holds(data) is False else error.message
    except StorageError as error:
        return error.message
    return ""


def mark_damage(core: RegistryCore, key: str) -> str:
    """Return what is wrong with a mark that is there, "" where nothing is."""
    return _look_at(core.storage, key, key if key == MARKER else DONE)


def lost_documents(
    storage: StorageBackend, held: Held | None, documents: Mapping[str, str]
) -> dict[str, ModelMetadata | Change]:
    """Return the documents that are missing or damaged, as the index holds them, by key.

    Args:
        storage: The store.
        held: What the index holds of the model.
        documents: The model's documents, as :func:`look_at_documents` tells of them.
    """
    if held is None:
        return {}
    root = f"{METADATA}/{folder_of(held.name)}"
    found: dict[str, ModelMetadata | Change] = {
        f"{root}/transitions/{number}.json": change
        for number, change in enumerate(held.changes or (), 1)
    }
    for number in held.documents:
        document = held.document(number)
        if document is not None:
            found[f"{root}/v{number}.json"] = document
    return {
        key: record
        for key, record in found.items()
        if documents.get(key) or (key not in documents and not storage.exists(key))
    }


def _missing_documents(
    storage: StorageBackend, ledger: ModelLedger, folder: str
) -> Iterator[RegistryProblem]:
    """Yield documents that are missing though later ones, or a version's files, are there."""
    start = f"{ledger.root}/transitions/"
    numbers = [number_of(key[len(ledger.root) + 1 :])[1] for key in storage.list_paths(start[:-1])]
    for number in range(1, max(numbers, default=0)):
        path = f"{start}{number}.json"
        if number not in numbers and not storage.exists(path):
            yield RegistryProblem(path, "the change is missing; those after it are not seen")
    for name in sorted(_folders_in(storage, f"{ARTIFACTS}/{folder}")):
        path = f"{ledger.root}/{name}.json"
        # It may have been registered a moment ago.
        if number_of(f"{name}.json")[0] > ledger.latest and not storage.exists(path):
            yield RegistryProblem(path, "it is missing; the files of the version are there")


def _missing_ends(storage: StorageBackend, ledger: ModelLedger) -> Iterator[RegistryProblem]:
    """Yield what is missing of the two documents that end a model's old name.

    Of its versions those were copied whose files wait at the place of the old name, and its changes
    until the one that says so.
    """
    documents = [_document(ledger, number) for number in range(1, ledger.latest + 1)]
    first = documents[0] if documents else None
    if first is None or not first.moved_from or not storage.exists(f"{ledger.root}/{DONE}"):
        return
    copied = sum(1 for d in documents if d is not None and d.staging.startswith(f"{ARTIFACTS}/"))
    said = [n for n, change in enumerate(ledger.changes, 1) if change.action == "renamed"]
    root = f"{METADATA}/{folder_of(first.moved_from)}"
    for key in (f"{root}/v{copied + 1}.json", *(f"{root}/transitions/{n}.json" for n in said[-1:])):
        if not storage.exists(key):
            what = f"it is missing; it says that the model is {first.name!r} now"
            yield RegistryProblem(key, what)


def _document(ledger: ModelLedger, number: int) -> ModelMetadata | None:
    """Return a version's document, None where it cannot be read: then it is named by then."""
    try:
        return ledger.metadata(number)
    except (CorruptDataError, StorageNotFoundError):
        return None


# Files


def _version_problems(
    core: RegistryCore, ledger: ModelLedger, number: int, *, hashes: bool
) -> Iterator[RegistryProblem]:
    try:
        document = ledger.metadata(number)
    except StorageNotFoundError:
        yield RegistryProblem(
            f"{ledger.root}/v{number}.json", "it is missing; later ones are there"
        )
        return
    except CorruptDataError:
        return  # It is named by then.
    state = ledger.state
    if state.of(number).purged or state.moved_to or ledger.is_closed:
        return
    key, staged = artifact_key(document), document.staging
    if not core.storage.exists(key):
        key = staged if staged and core.storage.exists(staged) else key
        if not core.storage.exists(key):
            yield RegistryProblem(key, "the files are gone")
            return
    if hashes:
        for file in document.files:
            problem = core.artifacts.compare(f"{key}/{file.path}", file)
            if problem:
                yield RegistryProblem(f"{key}/{file.path}", problem)


# The index


@dataclass(frozen=True, slots=True)
class Index:
    """What the index holds.

    Attributes:
        models: By folder name.
        is_checked: Whether its own checksum vouches for it; that of an older Tauro has none.
    """

    models: Mapping[str, Held] = field(default_factory=dict)
    is_checked: bool = False


def read_index(storage: StorageBackend) -> Index:
    """Return what the index holds, nothing where there is none.

    Raises:
        CorruptDataError: It is damaged.
    """
    try:
        data = storage.read_bytes(INDEX)
    except StorageNotFoundError:
        return Index()
    held = held_models(decode_index(data))
    return Index({folder_of(each.name): each for each in held}, is_checked(data))


def _differences(
    storage: StorageBackend, ledger: ModelLedger, held: Held
) -> Iterator[RegistryProblem]:
    """Yield what index and documents say differently; documents are never changed.

    The index may be behind, and is never ahead.

    A document with a checksum is right. Without one, as older Tauros wrote it, that of the index
    decides.
    """
    for kind, last, known in (
        ("v", ledger.latest, held.latest),
        ("transitions/", len(ledger.changes), held.count),
    ):
        for number in range(last + 1, known + 1):
            key = f"{ledger.root}/{kind}{number}.json"
            if not storage.exists(key):
                yield RegistryProblem(key, "it is missing; the index knows of it")
    differing = []
    for number in range(1, min(held.latest, ledger.latest) + 1):
        indexed = held.document(number)
        present = _document(ledger, number)
        if None not in (indexed, present) and indexed != present:
            differing.append(f"{ledger.root}/v{number}.json")
    changes = zip(held.changes or (), ledger.changes, strict=False)
    for number, (indexed_change, change) in enumerate(changes, 1):
        if indexed_change != change:
            differing.append(f"{ledger.root}/transitions/{number}.json")
    for key in differing:
        if checksum_holds(storage.read_bytes(key)):
            yield RegistryProblem(INDEX, f"it does not hold what {key} says", repairable=True)
        else:
            yield RegistryProblem(
                key,
                "it is not what the index holds; bring it back from a copy of the store, or, where "
                "it was edited on purpose, run `tauro store compact`",
            )
