"""All models at once, for lists and searches: from the index, where that is not behind.

Documents and changes are created once, in the order of their numbers, and never changed. So the
names of the files alone, which one listing gives, tell whether what the index holds of a model is
all there is. Of every other model the documents are opened. Whatever changes or loads a model opens
its documents: the index is a view, and nothing is decided on it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tauro.errors import CorruptDataError, StorageNotFoundError
from tauro.registry._index_file import COLUMNS, INDEX, Held, decode_index, held_models
from tauro.registry._ledger import METADATA, ModelLedger, number_of
from tauro.registry._names import folder_of
from tauro.storage import StorageBackend

_WORTH: Final = 1000
Numbers = tuple[int, int]


class Listing:
    """The models of a store.

    Args:
        storage: The store.
        at_numbers: Returns a folder's documents if they are open and at these numbers.
        opened: Opens a folder's documents; None where they are damaged.
    """

    def __init__(
        self,
        storage: StorageBackend,
        at_numbers: Callable[[str, Numbers], ModelLedger | None],
        opened: Callable[[str], ModelLedger | None],
    ) -> None:
        self._storage = storage
        self._at_numbers = at_numbers
        self._opened = opened
        self._indexed: dict[str, ModelLedger] = {}
        self._etag = ""
        self._guard = threading.Lock()

    def models(self) -> list[tuple[str, ModelLedger]]:
        """Return the name and the documents of every model, by name; not to be changed."""
        with self._guard:
            numbers = self._numbers()
            found = {folder: self._find(folder, at) for folder, at in numbers.items()}
            behind = [folder for folder, ledger in found.items() if ledger is None]
            if is_worth_reading(len(behind)) and self._read_index():
                found.update({folder: self._find(folder, numbers[folder]) for folder in behind})
            self._open_the_rest(found)
            self._indexed = {f: ledger for f, ledger in self._indexed.items() if f in numbers}
        return by_name(filter(None, found.values()))

    def names(self) -> list[str]:
        """Return the names of the models that are there."""
        return [
            name
            for name, ledger in self.models()
            if ledger.state.deleted is None and not ledger.state.moved_to
        ]

    def _numbers(self) -> dict[str, Numbers]:
        """Return the last numbers in every model's folder."""
        found: dict[str, Numbers] = {}
        start = len(METADATA) + 1
        for path in self._storage.list_paths(METADATA):
            folder, _, name = path[start:].partition("/")
            version, change = number_of(name)
            last = found.get(folder, (0, 0))
            found[folder] = (max(last[0], version), max(last[1], change))
        return found

    def _find(self, folder: str, numbers: Numbers) -> ModelLedger | None:
        opened = self._at_numbers(folder, numbers)
        if opened is not None:
            return opened
        indexed = self._indexed.get(folder)
        return indexed if indexed is not None and indexed.numbers == numbers else None

    def _open_the_rest(self, found: dict[str, ModelLedger | None]) -> None:
        """Open what the index does not hold, and what was renamed to it until just now."""
        opening = [folder for folder, ledger in found.items() if ledger is None]
        while opening:
            folder = opening.pop()
            ledger = found[folder] = self._opened(folder)
            first = ledger.any_readable() if ledger is not None else None
            if first is not None and first.moved_from:
                old = folder_of(first.moved_from)
                if old in found and found[old] is self._indexed.get(old):
                    opening.append(old)
                    self._indexed.pop(old, None)

    def _read_index(self) -> bool:
        """Read the index if it is there and another than before; tell whether it was read."""
        try:
            etag = self._storage.stat(INDEX).etag
            if etag == self._etag:
                return False
            table = decode_index(self._storage.read_bytes(INDEX), COLUMNS)
            self._indexed = dict(_ledgers(self._storage, held_models(table)))
        except (StorageNotFoundError, CorruptDataError):
            # A view: it is missing, damaged, or of an older Tauro, and the documents are there.
            return False
        self._etag = etag
        return True


def by_name(ledgers: Iterable[ModelLedger]) -> list[tuple[str, ModelLedger]]:
    """Return the name and the documents of the models of which one document can be read."""
    known = ((ledger.any_readable(), ledger) for ledger in ledgers)
    found = [(document.name, ledger) for document, ledger in known if document is not None]
    return sorted(found, key=lambda pair: pair[0])


def is_worth_reading(models: int) -> bool:
    """Tell whether reading the index costs less than opening the documents of so many models.

    Its reader is imported in some 0.2 s, and reads in 0.1 ms a model what takes 0.2 ms to open.
    """
    return models > (_WORTH if "pyarrow.parquet" not in sys.modules else 0)


def _ledgers(storage: StorageBackend, held: Iterable[Held]) -> Iterator[tuple[str, ModelLedger]]:
    """Yield the folder and the documents of every model that the index holds as a whole."""
    for model in held:
        if model.changes is not None:
            ledger = ModelLedger(storage, folder_of(model.name))
            ledger.adopt(model.latest, model.documents, model.changes)
            yield folder_of(model.name), ledger
