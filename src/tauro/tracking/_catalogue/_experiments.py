"""The experiments of a store in memory."""

from __future__ import annotations

from collections.abc import Iterator

from tauro.tracking._catalogue._index import Index
from tauro.tracking._catalogue._table import DOCUMENT
from tauro.tracking._models import ExperimentRecord, decode_experiment


class ExperimentRecords:
    """Every experiment's latest document; there are few, so they are kept as records.

    Attributes:
        deleted: Ids of those that are deleted; their runs are not found by default.
        gone: Those that were removed for good, with the revision that was.
    """

    def __init__(self) -> None:
        self.deleted: set[str] = set()
        self.gone: dict[str, int] = {}
        self._records: dict[str, tuple[ExperimentRecord, bytes]] = {}
        self._published: dict[str, int] = {}

    def __iter__(self) -> Iterator[ExperimentRecord]:
        return (record for record, _ in self._records.values())

    def get(self, experiment_id: str) -> ExperimentRecord | None:
        """Return an experiment, or None."""
        found = self._records.get(experiment_id)
        return found[0] if found is not None else None

    def rev_of(self, experiment_id: str) -> int:
        """Return the latest revision that is known of an experiment, 0 where none is."""
        known = self.get(experiment_id)
        return max(self.gone.get(experiment_id, 0), known.rev if known is not None else 0)

    def put(self, document: bytes) -> None:
        """Take an experiment's new state, unless a newer one, or its removal, is known."""
        record = decode_experiment(document)
        if record.rev <= self.rev_of(record.experiment_id):
            return
        self._records[record.experiment_id] = (record, document)
        if record.lifecycle == "active":
            self.deleted.discard(record.experiment_id)
        else:
            self.deleted.add(record.experiment_id)

    def remove(self, experiment_id: str, rev: int) -> None:
        """Forget an experiment whose document is gone, unless a newer state is known."""
        known = self.get(experiment_id)
        if known is not None and known.rev > rev:
            return
        self.gone[experiment_id] = max(rev, self.gone.get(experiment_id, 0))
        self._records.pop(experiment_id, None)
        self.deleted.discard(experiment_id)

    def load(self, index: Index) -> None:
        """Take what was published."""
        self._published = {}
        for document in index.column(DOCUMENT).to_pylist():
            self.put(document.encode())
            record = decode_experiment(document.encode())
            self._published[record.experiment_id] = record.rev

    def unpublished(self) -> list[ExperimentRecord]:
        """Return the experiments that the last publication did not hold."""
        return [record for record in self if record.experiment_id not in self._published]

    def changed(self) -> bool:
        """Tell whether something is newer than what was published."""
        return {record.experiment_id: record.rev for record in self} != self._published

    def items(self) -> tuple[list[ExperimentRecord], list[bytes]]:
        """Return records and documents by id."""
        pairs = [self._records[key] for key in sorted(self._records)]
        return [record for record, _ in pairs], [document for _, document in pairs]
