"""One model's documents: numbers that are allocated, and changes that are appended, create-only.

Version ``n`` is whoever creates ``v{n}.json`` first, the ``k``-th change whoever creates
``transitions/{k}.json`` first. A writer that comes second reads what the first one wrote, decides
anew, and tries the next number. So there is no lock, no gap and no double, and every decision is
made on the state that it changes. What was read once never changes; to see what others wrote it is
enough to ask for the next number.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from tauro.errors import CorruptDataError, StorageExistsError, StorageNotFoundError
from tauro.registry._models import (
    Change,
    ModelMetadata,
    decode_change,
    decode_metadata,
    encode,
)
from tauro.registry._names import folder_of
from tauro.registry._state import ModelState
from tauro.storage import StorageBackend

_log = logging.getLogger("tauro.registry")
METADATA: Final = "model_registry/metadata"
_NUMBERED: Final = re.compile(
    r"v(?P<version>[1-9]\d*)\.json|transitions/(?P<change>[1-9]\d*)\.json"
)


def number_of(name: str) -> tuple[int, int]:
    """Return the number of a version's document or of a change, 0 for what the file is not."""
    found = _NUMBERED.fullmatch(name)
    return (int(found["version"] or 0), int(found["change"] or 0)) if found else (0, 0)


def misplaced(document: ModelMetadata, key: str) -> str:
    """Return of what else a version's document is, "" where it is that of its key."""
    if key == f"{METADATA}/{folder_of(document.name)}/v{document.version}.json":
        return ""
    return f"it holds version {document.version} of the model {document.name!r}"


class ModelLedger:
    """The documents of one model, read once and kept.

    Args:
        storage: Where they are.
        folder: The model's folder name.

    Attributes:
        root: The key of the folder.
        is_settled: Whether it is known that no renaming of the model is left half done.
    """

    def __init__(self, storage: StorageBackend, folder: str) -> None:
        self._storage = storage
        self.root = f"{METADATA}/{folder}"
        self.is_settled = False
        self._versions: dict[int, ModelMetadata] = {}
        self._known: dict[int, bytes] = {}
        self._warned: set[int] = set()
        self._changes: list[Change] = []
        self._state = ModelState()
        self._latest = 0
        self._changes_seen = 0
        self._listed = False
        self._guard = threading.RLock()

    @property
    def latest(self) -> int:
        """The number of the last version, 0 when there is none, as of the last refresh."""
        return self._latest - 1 if self.is_closed else self._latest

    @property
    def is_closed(self) -> bool:
        """Whether the last number is the document that ends a renamed model."""
        try:
            return bool(self._latest and self.metadata(self._latest).moved_to)
        except (CorruptDataError, StorageNotFoundError):
            return False  # Whoever asks for that version is told; the others are whole.

    @property
    def state(self) -> ModelState:
        """The fold of all changes as of the last refresh. Read it under :meth:`frozen`."""
        return self._state

    @property
    def changes(self) -> list[Change]:
        """All changes, oldest first, as of the last refresh."""
        with self._guard:
            return list(self._changes)

    def frozen(self) -> threading.RLock:
        """Return the lock under which state and numbers do not move."""
        return self._guard

    def metadata(self, version: int) -> ModelMetadata:
        """Return a version's document; the number must be allocated."""
        found = self._versions.get(version)
        if found is None:
            path = f"{self.root}/v{version}.json"
            known = self._known.get(version)
            found = decode_metadata(known or self._storage.read_bytes(path), path)
            if wrong := misplaced(found, path):
                raise CorruptDataError(
                    f"{path!r}: {wrong}.",
                    context={"path": path},
                    suggestions=[
                        "`tauro store repair` puts it right where the registry's index holds it.",
                        "Or move it to its own place.",
                    ],
                )
            self._versions[version] = found
        return found

    @property
    def numbers(self) -> tuple[int, int]:
        """The last number of a document and of a change, as of the last refresh."""
        return self._latest, self._state.count

    def adopt(self, latest: int, documents: Mapping[int, bytes], changes: Iterable[Change]) -> None:
        """Start from what was read before; documents that are not given are read when needed."""
        with self._guard:
            self._latest, self._listed = latest, True
            self._known.update(documents)
            for change in changes:
                self._fold(change)

    def readable(self, version: int) -> ModelMetadata | None:
        """Return a version's document, None (and a warning in the log) where it is damaged or lost.

        For those who look at many: one damaged document must not hide the others.
        """
        try:
            return self.metadata(version)
        except (CorruptDataError, StorageNotFoundError) as error:
            if version not in self._warned:
                self._warned.add(version)
                _log.warning("%s", error.message)
            return None

    def any_readable(self) -> ModelMetadata | None:
        """Return the first document that can be read, None when none can."""
        numbers = range(1, self._latest + 1)
        return next(filter(None, map(self.readable, numbers)), None)

    def refresh(self) -> None:
        """Read what others wrote since the last time."""
        with self._guard:
            if not self._listed:
                self._list()
            while self._storage.exists(f"{self.root}/v{self._latest + 1}.json"):
                self._latest += 1
            while (change := self._read_change(self._state.count + 1)) is not None:
                self._fold(change)

    def allocate(self, make: Callable[[int], ModelMetadata]) -> ModelMetadata:
        """Create the next version's document and return it.

        Args:
            make: Makes the document of a number. Called again, after a refresh, when somebody else
                was first; it may raise to give up, or return one that exists to settle for it.
        """
        while True:
            number = self._latest + 1
            document = make(number)
            if document.version != number:
                return document
            path, data = f"{self.root}/v{number}.json", encode(document)
            try:
                self._storage.create_bytes(path, data)
            except StorageExistsError:
                self.refresh()
                continue
            # As it reads back: what the caller still holds may change, the document does not.
            document = decode_metadata(data, path)
            with self._guard:
                self._versions[number] = document
                self._latest = max(self._latest, number)
            return document

    def change(self, decide: Callable[[ModelState], Change | None]) -> Change | None:
        """Append the change that ``decide`` makes of the present state.

        Args:
            decide: Called with the state as it is, and again when somebody else was first. It
                raises to refuse, and returns None where there is nothing to do.
        """
        with self._guard:
            while True:
                self.refresh()
                change = decide(self._state)
                if change is None:
                    return None
                path = f"{self.root}/transitions/{self._state.count + 1}.json"
                try:
                    self._storage.create_bytes(path, encode(change))
                except StorageExistsError:
                    continue
                # As it reads back, so that this process and the next fold the same values.
                self._fold(msgspec.json.decode(encode(change), type=Change))
                return change

    def _fold(self, change: Change) -> None:
        self._changes.append(change)
        self._state.apply(change)

    def _list(self) -> None:
        start = len(self.root) + 1
        for path in self._storage.list_paths(self.root):
            version, change = number_of(path[start:])
            self._latest = max(self._latest, version)
            self._changes_seen = max(self._changes_seen, change)
        self._listed = True

    def _read_change(self, number: int) -> Change | None:
        path = f"{self.root}/transitions/{number}.json"
        # Asking first costs half of what the error for a file that is not there costs.
        if number > self._changes_seen and not self._storage.exists(path):
            return None
        try:
            return decode_change(self._storage.read_bytes(path), path)
        except StorageNotFoundError as error:
            if number < self._changes_seen:
                raise _missing(path) from error
            return None


def _missing(path: str) -> CorruptDataError:
    return CorruptDataError(
        f"{path!r} is missing, and changes after it are there: what the model is now nobody knows.",
        context={"path": path},
        suggestions=[
            "`tauro store repair` takes it from the registry's index, where that holds it.",
            "Or bring it back from a copy of the store.",
        ],
    )
