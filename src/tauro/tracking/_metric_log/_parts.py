"""Parquet files of compacted points, sorted by run, key, step; and their summaries."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tauro._internal import _fs
from tauro._internal._arrow import native_reader
from tauro._internal._ids import new_id
from tauro.errors import CorruptDataError
from tauro.tracking._metric_log._blocks import CheckedFile, is_intact, stage
from tauro.tracking._metric_log._manifest import FileRecord, PartRecord
from tauro.tracking._metric_log._points import LaneKey, LaneSummary, Points, Summary
from tauro.tracking._metric_log._rows import Rows

ROW_GROUP: Final = 1 << 15
"""Points of a row group: what must be read for one run, and what one damaged byte costs."""

_NAMES: Final = ["run_id", "key", "writer"]
_NAME: Final = pa.dictionary(pa.int32(), pa.string())
_SCHEMA: Final = pa.schema(
    [
        ("run_id", _NAME),
        ("key", _NAME),
        ("step", pa.int64()),
        ("value", pa.float64()),
        ("timestamp", pa.timestamp("ns", tz="UTC")),
        ("writer", _NAME),
        ("seq", pa.int64()),
        ("metadata", pa.string()),
    ]
)
"""``writer`` and ``seq`` say in what order the points were logged; ``metadata`` is JSON text."""


def is_part_file(name: str) -> bool:
    """Tell whether a file name is one that a manifest may hold."""
    return name.endswith(".parquet") and name.startswith(("part-", "summary-"))


def _encoded(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    names = [name for name in ("run_id", "key", "writer", "metadata") if name in table.schema.names]
    pq.write_table(table, sink, row_group_size=ROW_GROUP, compression="zstd", use_dictionary=names)
    return bytes(sink.getvalue())


def _open(raw: CheckedFile) -> pq.ParquetFile:
    return pq.ParquetFile(pa.PythonFile(raw, "r"), read_dictionary=_NAMES)


@dataclass(frozen=True, slots=True)
class StagedPart:
    """A part whose files have temporary names, so that nobody takes it for a committed one.

    Attributes:
        record: What a manifest says of it.
        paths: Where its files are, and the names they are to have.
    """

    record: PartRecord
    paths: dict[str, str]

    def publish(self) -> None:
        """Give the files their names, just before a manifest is committed."""
        for path, name in self.paths.items():
            _fs.rename(path, os.path.join(os.path.dirname(path), name))

    def discard(self) -> None:
        """Remove the files, of whatever name."""
        for path, name in self.paths.items():
            _fs.discard(path)
            _fs.discard(os.path.join(os.path.dirname(path), name))


def stage_part(folder: str, rows: Rows) -> StagedPart:
    """Write points, at least one, as a part."""
    name = new_id()
    rows = rows.sorted()
    points_path, points = stage(folder, f"part-{name}.parquet", _encoded(rows.to_arrow()))
    summary_path, summary = stage(folder, f"summary-{name}.parquet", _encoded(rows.summaries()))
    record = PartRecord(
        points=points,
        summary=summary,
        rows=len(rows),
        first_run=rows.run.texts[rows.run.codes[0]],
        last_run=rows.run.texts[rows.run.codes[-1]],
    )
    return StagedPart(record, {points_path: points.name, summary_path: summary.name})


def _groups(file: pq.ParquetFile, run_ids: Collection[str], key: str | None) -> list[int]:
    """Return the row groups that may hold any of the runs and a key, by their statistics."""
    chosen = []
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        runs, keys = group.column(0).statistics, group.column(1).statistics
        if any(runs.min <= run_id <= runs.max for run_id in run_ids) and (
            key is None or runs.min != runs.max or keys.min <= key <= keys.max
        ):
            chosen.append(number)
    return chosen


def _read(
    folder: str, record: FileRecord, run_ids: Collection[str], key: str | None = None
) -> pa.Table:
    with CheckedFile(folder, record) as raw, _open(raw) as file:
        table = file.read_row_groups(_groups(file, run_ids, key), use_threads=False)
    wanted = pc.is_in(table["run_id"], pa.array(run_ids, pa.string()))
    if key is not None:
        wanted = pc.and_(wanted, pc.equal(table["key"], key))
    return table.filter(wanted)


def read_rows(folder: str, part: PartRecord) -> Rows:
    """Return every point of a part."""
    with CheckedFile(folder, part.points) as raw, _open(raw) as file:
        return Rows.from_arrow(file.read(use_threads=False))


def decode_rows(data: bytes) -> Rows:
    """Return the points of a part's bytes, for which nobody vouches.

    Raises:
        pyarrow.ArrowException, OSError: It is not Parquet, or holds something else than points.
    """
    table = pq.read_table(native_reader(data), read_dictionary=_NAMES)
    if not table.schema.equals(_SCHEMA):
        raise pa.ArrowInvalid(f"no points: the columns are {table.schema.names}")
    return Rows.from_arrow(table)


def damaged_files(folder: str, part: PartRecord) -> list[str]:
    """Return which files of a part are missing or not what was written."""
    return [
        record.name
        for record in (part.points, part.summary)
        if not is_intact(os.path.join(folder, record.name), record)
    ]


def salvage_rows(folder: str, part: PartRecord) -> Rows:
    """Return the points of the row groups of a part that are still what was written."""
    found = [Rows.from_arrow(_SCHEMA.empty_table())]
    try:
        raw = CheckedFile(folder, part.points)
    except FileNotFoundError:
        return found[0]
    with raw:
        try:
            file = _open(raw)
        except CorruptDataError:
            return found[0]
        for number in range(file.num_row_groups):
            try:
                found.append(Rows.from_arrow(file.read_row_group(number, use_threads=False)))
            except CorruptDataError:
                continue
    return Rows.joined(found)


def read_points(
    folder: str, part: PartRecord, run_id: str, key: str | None = None
) -> Iterator[tuple[LaneKey, Points]]:
    """Yield the points of a run in a part, by key and lane, in the order logged."""
    if not part.may_hold(run_id):
        return
    table = _read(folder, part.points, [run_id], key)
    if not len(table):
        return
    rows = Rows.from_arrow(table)
    pairs = rows.key.codes.astype(np.int64) * len(rows.lane.texts) + rows.lane.codes
    for pair in np.unique(pairs).tolist():
        mine = np.flatnonzero(pairs == pair)
        mine = mine[np.argsort(rows.seq[mine], kind="stable")]
        key_code, lane_code = divmod(pair, len(rows.lane.texts))
        lane = rows.lane.texts[lane_code]
        yield (
            (rows.key.texts[key_code], lane),
            Points(
                seq=rows.seq[mine],
                step=rows.step[mine],
                time=rows.time[mine],
                value=rows.value[mine],
                metadata={seq: text for (of, seq), text in rows.metadata.items() if of == lane},
            ),
        )


def read_summaries(
    folder: str, part: PartRecord, run_ids: Collection[str]
) -> dict[str, list[tuple[LaneKey, LaneSummary]]]:
    """Return what a part holds of each metric of some runs, by run, each by key and lane."""
    wanted = [run_id for run_id in run_ids if part.may_hold(run_id)]
    found: dict[str, list[tuple[LaneKey, LaneSummary]]] = {}
    if not wanted:
        return found
    table = _read(folder, part.summary, wanted)
    for name in ("last_timestamp", "greatest_timestamp"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.int64()))
    for row in table.to_pylist():
        summary = LaneSummary(
            Summary(
                last_value=row["last_value"],
                last_step=row["last_step"],
                last_timestamp_ns=row["last_timestamp"],
                count=row["count"],
                min=row["min"],
                max=row["max"],
            ),
            when=row["greatest_timestamp"],
            seq=row["last_seq"],
        )
        found.setdefault(row["run_id"], []).append(((row["key"], row["writer"]), summary))
    return found
