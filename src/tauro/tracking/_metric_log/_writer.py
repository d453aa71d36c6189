"""The hot path: one point of one run."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from threading import get_ident
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tauro._internal._clock import now_ns
from tauro.tracking._metric_log._format import (
    MAX_METADATA_BYTES,
    SLOT_SIZE,
    metadata_json,
    pack_point,
    pack_slot_into,
)
from tauro.tracking._metric_log._lane import MAX_KEYS, Block, Lane, storage_error
from tauro.tracking._metric_log._segment import Segment
from tauro.tracking._metric_log._values import (
    as_key,
    as_step,
    as_steps,
    as_time,
    as_times,
    as_value,
    as_values,
    refuse,
)

_crc32: Final = zlib.crc32


class LaneSource(Protocol):
    """What a writer needs of its log."""

    def lane(self, experiment_id: str) -> AbstractContextManager[Lane]:
        """Hold the lane of this thread in an experiment."""

    def forget(self, experiment_id: str, run_id: str) -> None:
        """Drop what was kept for the speed of a run that ended."""


class RunWriter:
    """Appends the points of one run, from any thread. Made by :meth:`MetricLog.writer`."""

    __slots__ = ("__weakref__", "_log", "_tables", "experiment_id", "run_id")

    def __init__(self, log: LaneSource, experiment_id: str, run_id: str) -> None:
        self.experiment_id = experiment_id
        self.run_id = run_id
        self._log = log
        self._tables: dict[int, tuple[Segment, dict[str, int]]] = {}

    def append(
        self,
        key: str,
        value: Any,
        step: int = 0,
        timestamp_ns: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Append a point. When this has returned, the point survives the death of the process.

        Args:
            key: Name of the metric.
            value: A real number: float, int or numpy scalar; NaN and infinities are kept.
            step: An integer of 64 bits; it may repeat.
            timestamp_ns: Nanoseconds since the epoch; now by default.
            metadata: What belongs to this one point, as JSON can hold it. Rare: it is slow.

        Raises:
            TrackingValidationError: The point cannot be logged; nothing was written.
            StorageError: The disk refused; the point was not accepted.
        """
        if type(value) is not float:
            value = as_value(key, value)
        if timestamp_ns is None:
            timestamp_ns = now_ns()
        if type(step) is not int:
            step = as_step(key, step)
        if metadata is None:
            try:
                segment, table = self._tables[get_ident()]
                series = table[key]
                body = pack_point(series, step, timestamp_ns, value)
                crc = _crc32(body, segment.salt)
            except (KeyError, TypeError, struct.error):
                pass  # the first point here, or one that the slow way refuses with its reason
            else:
                offset = segment.offset
                if offset < segment.limit:
                    # From reading the offset to the end of the packing there is no call but the
                    # packing: no other thread and no signal handler comes between.
                    segment.offset = offset + SLOT_SIZE
                    pack_slot_into(segment.buffer, offset, series, step, timestamp_ns, value, crc)
                    return
                if self._appended_without_map(segment, body, crc):
                    return
        self._append_slowly(key, value, step, timestamp_ns, metadata)

    @staticmethod
    def _appended_without_map(segment: Segment, body: bytes, crc: int) -> bool:
        try:
            return segment.append_point(body, crc)
        except OSError as error:
            raise storage_error("Logging a metric", segment.path, error) from error

    def _append_slowly(
        self, key: str, value: float, step: int, timestamp_ns: int, metadata: Any
    ) -> None:
        as_key(key)
        step = as_step(key, step)
        timestamp_ns = as_time(f"The timestamp of metric {key!r}", timestamp_ns)
        text = _as_metadata(key, metadata)
        with self._log.lane(self.experiment_id) as lane:
            bound = lane.append(self.run_id, key, (step, timestamp_ns, value), text)
            self._tables[get_ident()] = bound

    def append_row(self, values: Mapping[str, Any], step: int, timestamp_ns: int) -> None:
        """Append one point of each of several metrics, each with the guarantees of :meth:`append`.

        Metrics that the run has not had here before are recorded in one go.

        Args:
            values: By metric.
            step: Of all points.
            timestamp_ns: Of all points.

        Raises:
            TrackingValidationError: A point cannot be logged; nothing was written.
            StorageError: The disk refused; the first of the points may have been accepted.
        """
        step = as_step("", step)
        timestamp_ns = as_time("The timestamp", timestamp_ns)
        points = [(key, as_value(key, value)) for key, value in values.items()]
        bound = self._tables.get(get_ident())
        if bound is not None and all(key in bound[1] for key in values):
            for key, value in points:
                self.append(key, value, step, timestamp_ns)
            return
        for key in values:
            as_key(key)
        with self._log.lane(self.experiment_id) as lane:
            for first in range(0, len(points), MAX_KEYS):
                row = points[first : first + MAX_KEYS]
                self._tables[get_ident()] = lane.append_row(self.run_id, row, step, timestamp_ns)

    def append_batch(
        self,
        key: str | Sequence[str],
        values: ArrayLike,
        steps: ArrayLike = 0,
        timestamps_ns: ArrayLike | None = None,
    ) -> None:
        """Append a column of points with the guarantees of :meth:`append`.

        Args:
            key: The metric of all points, or one name a point.
            values: The column.
            steps: As many integers, or one for all.
            timestamps_ns: As many, or one for all; now by default.

        Raises:
            TrackingValidationError: Some point cannot be logged; nothing was written.
            StorageError: The disk refused; a first part of the column may have been accepted.
        """
        self._append_blocks([_as_block(key, values, steps, timestamps_ns)])

    def append_columns(
        self,
        columns: Mapping[str, ArrayLike],
        steps: ArrayLike | None = None,
        timestamps_ns: ArrayLike | None = None,
    ) -> None:
        """Append a column of each of several metrics, as :meth:`append_batch` does.

        Args:
            columns: By metric.
            steps: Of each column; by default counted from 0.
            timestamps_ns: Of each column; now by default.

        Raises:
            TrackingValidationError: Some point cannot be logged; nothing was written.
            StorageError: The disk refused; a first part may have been accepted.
        """
        blocks, counted = [], {size: np.arange(size) for size in {*map(np.size, columns.values())}}
        for key, values in columns.items():
            at = counted[np.size(values)] if steps is None else steps
            blocks.append(_as_block(key, values, at, timestamps_ns))
        self._append_blocks(blocks)

    def _append_blocks(self, blocks: Sequence[Block]) -> None:
        with self._log.lane(self.experiment_id) as lane:
            for block in blocks:
                for first in range(0, len(block.keys), MAX_KEYS):
                    lane.append_block(self.run_id, block.of_keys(first, MAX_KEYS))

    def close(self) -> None:
        """Forget what was kept for speed. Points logged later are accepted and kept."""
        self._tables.clear()
        self._log.forget(self.experiment_id, self.run_id)

    def release(self, thread: int) -> None:
        """Forget a thread that no longer owns its lane."""
        self._tables.pop(thread, None)

    def reset(self) -> None:
        """Forget the segments of the parent process, after a fork."""
        self._tables = {}


def _as_block(
    key: str | Sequence[str],
    values: ArrayLike,
    steps: ArrayLike,
    timestamps_ns: ArrayLike | None,
) -> Block:
    name = key if isinstance(key, str) else "of the batch"
    column = as_values(name, values)
    count = len(column)
    keys, codes = _as_keys(key, count)
    step_column = as_steps(name, steps, count)
    now = now_ns() if timestamps_ns is None else timestamps_ns
    time_column = as_times(name, now, count)
    for one in keys:
        as_key(one)
    return Block(keys, codes, step_column, time_column, column)


def _as_keys(key: str | Sequence[str], count: int) -> tuple[list[str], NDArray[np.intp]]:
    if isinstance(key, str):
        return [key], np.broadcast_to(np.intp(0), count)
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(name, len(numbers)) for name in key]
    if len(codes) != count:
        raise refuse("The number of keys", len(codes), f"{count}, as the values have")
    return list(numbers), np.array(codes, np.intp)


def _as_metadata(key: str, metadata: Any) -> bytes:
    if metadata is None:
        return b""
    what = f"The metadata of metric {key!r}"
    if not isinstance(metadata, Mapping):
        raise refuse(what, metadata, "a mapping")
    try:
        text = metadata_json(dict(metadata))
    except (TypeError, ValueError) as error:
        raise refuse(what, metadata, "what JSON can hold") from error
    if len(text) > MAX_METADATA_BYTES:
        raise refuse(what, len(text), f"at most {MAX_METADATA_BYTES} bytes as JSON")
    return text
