"""The experiments of a store in memory."""

from __future__ import annotations

from collections.abc import Iterator

from tauro.tracking._catalogue._index import Index
from tauro.tracking._catalogue._table import DOCUMENT
from tauro.tracking._models import ExperimentRecord, decode_experiment


class Books:
    """Every experiment's latest document; there are few, so they are kept as records."""

    def __init__(self) -> None:
        self._records: dict[str, tuple[ExperimentRecord, bytes]] = {}
        self._published: dict[str, int] = {}

    def __iter__(self) -> Iterator[ExperimentRecord]:
        return (record for record, _ in self._records.values())

    def get(self, experiment_id: str) -> ExperimentRecord | None:
        """Return an experiment, or None."""
        found = self._records.get(experiment_id)
        return found[0] if found is not None else None

    def put(self, document: bytes) -> None:
        """Take an experiment's new state, unless a newer one is known."""
        record = decode_experiment(document)
        known = self.get(record.experiment_id)
        if known is None or known.rev < record.rev:
            self._records[record.experiment_id] = (record, document)

    def load(self, index: Index) -> None:
        """Take what was published."""
        self._published = {}
        for document in index.column(DOCUMENT).to_pylist():
            self.put(document.encode())
            record = decode_experiment(document.encode())
            self._published[record.experiment_id] = record.rev

    def changed(self) -> bool:
        """Tell whether something is newer than what was published."""
        return {record.experiment_id: record.rev for record in self} != self._published

    def items(self) -> tuple[list[ExperimentRecord], list[bytes]]:
        """Return records and documents by id."""
        pairs = [self._records[key] for key in sorted(self._records)]
        return [record for record, _ in pairs], [document for _, document in pairs]
