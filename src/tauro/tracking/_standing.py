"""The runs of a store as they are, also where a journal is ahead of a document."""

from __future__ import annotations

import os

import msgspec

from tauro.errors import StorageNotFoundError
from tauro.storage import StorageBackend, SupportsLocalPath
from tauro.tracking._catalogue import RunCatalogue
from tauro.tracking._documents import may_be_behind
from tauro.tracking._experiment_documents import readable
from tauro.tracking._keys import ROOT, run_key
from tauro.tracking._models import decode_run


class StandingRuns:
    """Reads the documents of the runs of any store, which others may be writing.

    Args:
        storage: The store; nothing in it is changed.
    """

    def __init__(self, storage: StorageBackend) -> None:
        self._storage = storage.uncached()
        self._catalogue = (
            RunCatalogue(storage.local_path()) if isinstance(storage, SupportsLocalPath) else None
        )

    def ahead(self) -> set[str]:
        """Return the keys of the runs whose document may be behind, or not there."""
        return (
            set()
            if self._catalogue is None
            else {run_key(*ids) for ids in self._catalogue.all_ahead()}
        )

    def documents(self, experiment_id: str = "") -> list[str]:
        """Return the keys of the documents of an experiment's runs, or of all."""
        folder = f"{ROOT}/runs/{experiment_id}".rstrip("/")
        # In this order: what is put in place between the two is found by the second.
        ahead = [key for key in self.ahead() if key.startswith(f"{folder}/")]
        there = [key for key in self._storage.list_paths(folder) if key.endswith(".json")]
        return sorted({*ahead, *there})

    def read(self, key: str) -> bytes | None:
        """Return what a run's document is to hold, None where the run is gone.

        What cannot be read as a run is returned as it is.
        """
        data = self._read(key)
        try:
            found = None if data is None else decode_run(data)
        except msgspec.DecodeError:
            return data
        if self._catalogue is None or not may_be_behind(found):
            return data
        ahead = self._catalogue.ahead(os.path.basename(key).removesuffix(".json"))
        if ahead is None:  # It may have been put in place, or overtaken, between the two.
            return self._read(key)
        return readable(ahead) if found is None or found.rev < decode_run(ahead).rev else data

    def _read(self, key: str) -> bytes | None:
        try:
            return self._storage.read_bytes(key)
        except StorageNotFoundError:
            return None
