"""Points of many runs as columns, on their way from segments and parts to a new part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tauro.tracking._metric_log._points import Floats, Ints

Codes = NDArray[np.int32]
_TIME: Final = pa.timestamp("ns", tz="UTC")


@dataclass(frozen=True, slots=True)
class Names:
    """A column of text: for each row the number of its text in a list."""

    texts: Sequence[str]
    codes: Codes

    @staticmethod
    def joined(parts: Sequence[Names]) -> Names:
        """Return the rows of all parts over one list of texts, sorted."""
        texts = sorted({text for part in parts for text in part.texts})
        place = {text: number for number, text in enumerate(texts)}
        codes = [
            np.array([place[text] for text in part.texts] or [0], np.int32)[part.codes]
            for part in parts
        ]
        return Names(texts, np.concatenate(codes))

    def pick(self, which: NDArray[Any]) -> Names:
        """Return some of the rows."""
        return Names(self.texts, self.codes[which])

    def to_arrow(self) -> pa.Array:
        """Return the column as text."""
        return pa.array(self.texts, pa.string()).take(pa.array(self.codes))

    @staticmethod
    def from_arrow(column: pa.ChunkedArray) -> Names:
        """Return a column of a part."""
        encoded = column.unify_dictionaries().combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.chunk(0)
        return Names(encoded.dictionary.to_pylist(), encoded.indices.to_numpy())


@dataclass(frozen=True, slots=True)
class Rows:
    """Points of many runs, metrics and lanes.

    Attributes:
        run: Run ids.
        key: Metrics.
        lane: Who logged them.
        seq: Places in their lanes.
        step: As logged.
        time: Nanoseconds since the epoch.
        value: As logged.
        metadata: Of the few points that have any: lane and place to JSON text.
    """

    run: Names
    key: Names
    lane: Names
    seq: Ints
    step: Ints
    time: Ints
    value: Floats
    metadata: Mapping[tuple[str, int], str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.seq)

    @staticmethod
    def joined(parts: Sequence[Rows]) -> Rows:
        """Return the rows of all parts, of which there is at least one."""
        return Rows(
            run=Names.joined([part.run for part in parts]),
            key=Names.joined([part.key for part in parts]),
            lane=Names.joined([part.lane for part in parts]),
            seq=np.concatenate([part.seq for part in parts]),
            step=np.concatenate([part.step for part in parts]),
            time=np.concatenate([part.time for part in parts]),
            value=np.concatenate([part.value for part in parts]),
            metadata={of: text for part in parts for of, text in part.metadata.items()},
        )

    def pick(self, which: NDArray[Any]) -> Rows:
        """Return some of the rows."""
        return Rows(
            run=self.run.pick(which),
            key=self.key.pick(which),
            lane=self.lane.pick(which),
            seq=self.seq[which],
            step=self.step[which],
            time=self.time[which],
            value=self.value[which],
            metadata=self.metadata,
        )

    def without_runs(self, run_ids: Iterable[str]) -> Rows:
        """Return the rows of all other runs."""
        unwanted = frozenset(run_ids)
        keep = np.array([text not in unwanted for text in self.run.texts] or [True])
        return self if keep.all() else self.pick(np.flatnonzero(keep[self.run.codes]))

    def sorted(self) -> Rows:
        """Return the rows by run, key and step, then as logged."""
        codes = (self.seq, self.lane.codes, self.step, self.key.codes, self.run.codes)
        return self.pick(np.lexsort(codes))

    def to_arrow(self) -> pa.Table:
        """Return the table of a part."""
        return pa.table(
            {
                "run_id": self.run.to_arrow(),
                "key": self.key.to_arrow(),
                "step": self.step,
                "value": self.value,
                "timestamp": pa.array(self.time).cast(_TIME),
                "writer": self.lane.to_arrow(),
                "seq": self.seq,
                "metadata": self._metadata_column(),
            }
        )

    def _metadata_column(self) -> pa.Array:
        texts: list[str | None] = [None] * len(self)
        if self.metadata:
            noted = np.flatnonzero(np.isin(self.seq, [seq for _, seq in self.metadata]))
            for row in noted.tolist():
                lane = self.lane.texts[self.lane.codes[row]]
                texts[row] = self.metadata.get((lane, int(self.seq[row])))
        return pa.array(texts, pa.string())

    @staticmethod
    def from_arrow(table: pa.Table) -> Rows:
        """Return the rows of a part's table."""
        lane = Names.from_arrow(table["writer"])
        seq = table["seq"].to_numpy()
        noted = np.flatnonzero(table["metadata"].is_valid().to_numpy())
        texts = table["metadata"].take(pa.array(noted, pa.int64())).to_pylist()
        return Rows(
            run=Names.from_arrow(table["run_id"]),
            key=Names.from_arrow(table["key"]),
            lane=lane,
            seq=seq,
            step=table["step"].to_numpy(),
            time=table["timestamp"].cast(pa.int64()).to_numpy(),
            value=table["value"].to_numpy(),
            metadata={
                (lane.texts[lane.codes[row]], int(seq[row])): text
                for row, text in zip(noted.tolist(), texts, strict=True)
            },
        )

    def summaries(self) -> pa.Table:
        """Return one row for each run, metric and lane."""
        order = np.lexsort((self.seq, self.lane.codes, self.key.codes, self.run.codes))
        rows = self.pick(order)
        edges = (
            (np.diff(rows.run.codes) != 0)
            | (np.diff(rows.key.codes) != 0)
            | (np.diff(rows.lane.codes) != 0)
        )
        first = np.concatenate([[0], np.flatnonzero(edges) + 1])
        last = np.append(first[1:], len(rows)) - 1
        return pa.table(
            {
                "run_id": rows.run.pick(first).to_arrow(),
                "key": rows.key.pick(first).to_arrow(),
                "writer": rows.lane.pick(first).to_arrow(),
                "count": last - first + 1,
                "min": np.fmin.reduceat(rows.value, first),
                "max": np.fmax.reduceat(rows.value, first),
                "last_value": rows.value[last],
                "last_step": rows.step[last],
                "last_timestamp": pa.array(rows.time[last]).cast(_TIME),
                "greatest_timestamp": pa.array(np.maximum.reduceat(rows.time, first)).cast(_TIME),
                "last_seq": rows.seq[last],
            }
        )
