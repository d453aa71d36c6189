"""``index.parquet``: an experiment's runs, or the experiments, as a table that pandas can read."""

from __future__ import annotations

import itertools
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tauro._internal._arrow import native_reader
from tauro._internal._fork import tell_after_fork
from tauro.tracking._catalogue._arrow import positions
from tauro.tracking._catalogue._table import DOCUMENT

FORMAT: Final = 1
METADATA_KEY: Final = b"tauro"
ROW_GROUP: Final = 8192
_CACHE_BYTES: Final = 256 << 20
_numbers = itertools.count()


class Index:
    """Rows as they were published, compressed in memory and decoded where they are asked for.

    Args:
        data: The bytes of the file.

    Raises:
        ValueError: They are not a view of this format.
    """

    def __init__(self, data: bytes) -> None:
        try:
            # Not read_table: it imports pandas.
            self._file = pq.ParquetFile(native_reader(data), page_checksum_verification=True)
            about = msgspec.json.decode(
                (self._file.metadata.metadata or {})[METADATA_KEY], type=About
            )
        except (pa.ArrowException, OSError, KeyError, msgspec.DecodeError) as error:
            raise ValueError(f"not a view: {error}") from error
        if about.format != FORMAT:
            raise ValueError(f"a view of format {about.format}")
        self.serial = about.serial
        self.cut = about.cut
        self._own_checksum = about.checksum.encode()
        self.checksum = zlib.crc32(data)
        self.data = data
        self.schema: pa.Schema = self._file.schema_arrow
        self.names = frozenset(self.schema.names)
        metadata = self._file.metadata
        sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        self._ends = np.cumsum(sizes, dtype=np.int64)
        self._number = next(_numbers)
        self._lock = threading.Lock()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def verify(self) -> None:
        """Read everything, so that a flipped byte is found now.

        Raises:
            ValueError: Something is damaged.
        """
        if self._own_checksum and not _holds(self.data, self._own_checksum):
            raise ValueError("damaged: its checksum does not hold")
        try:
            self.table()
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"damaged: {error}") from error

    def table(self, columns: Iterable[str] | None = None) -> pa.Table:
        """Return columns, by default all, of every row."""
        with self._lock:
            return self._file.read(columns=None if columns is None else list(columns))

    def is_of(self, experiment_id: str) -> bool:
        """Tell whether it holds runs of this experiment only."""
        found = self.column("experiment_id").unique().to_pylist()
        return not found or found == [experiment_id]

    def groups(self) -> Iterator[pa.Table]:
        """Yield all rows, some thousands at a time."""
        for group in range(len(self._ends)):
            with self._lock:
                table = self._file.read_row_group(group)
            yield table

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column."""
        return self.table([name]).column(0)

    def rows(self, rows: Sequence[int], columns: Iterable[str]) -> pa.Table:
        """Return columns of some rows, in the order asked for."""
        wanted = np.asarray(rows, np.int64)
        groups = np.searchsorted(self._ends, wanted, side="right")
        needed, places = np.unique(groups, return_inverse=True)
        with self._lock:
            table = self._file.read_row_groups(needed.tolist(), columns=list(columns))
        starts = np.concatenate(([0], self._ends[:-1]))
        sizes = (self._ends - starts)[needed]
        shift = np.concatenate(([0], np.cumsum(sizes)[:-1])) - starts[needed]
        return table.take(positions(wanted + shift[places]))

    def documents(self, rows: Sequence[int]) -> list[bytes]:
        """Return the documents of some rows, in the order asked for."""
        groups = np.searchsorted(self._ends, np.asarray(rows, np.int64), side="right").tolist()
        groups_of = {group: self._group(group) for group in set(groups)}
        starts = [0, *self._ends.tolist()]
        return [
            groups_of[group][row - starts[group]].as_py()
            for row, group in zip(rows, groups, strict=True)
        ]

    def _group(self, group: int) -> pa.Array:
        key = (self._number, group)
        found = _groups.get(key)
        if found is None:
            with self._lock:
                table = self._file.read_row_group(group, columns=[DOCUMENT])
            found = table.column(0).combine_chunks().cast(pa.large_binary())
            _groups.put(key, found)
        return found


class About(msgspec.Struct, forbid_unknown_fields=True):
    """What a view says of itself, in the file's metadata.

    Attributes:
        format: Of the view.
        serial: The publication it belongs to, 0 when it was not published.
        cut: Whether metrics, params or tags without a column of their own stand in documents only.
        checksum: Of the file with zeros in this place; a view of an older Tauro has none.
    """

    format: int
    serial: int
    cut: bool
    checksum: str = ""


_BLANK: Final = b"00000000"
_BEFORE: Final = b'"checksum":"'


def about_text(serial: int, *, cut: bool) -> bytes:
    """Return what a view says of itself, as it is before :func:`with_own_checksum`."""
    return msgspec.json.encode(About(FORMAT, serial, cut, _BLANK.decode()))


def with_own_checksum(data: bytes) -> bytes:
    """Return a view with its checksum in the place of zeros."""
    place = data.rindex(_BEFORE + _BLANK) + len(_BEFORE)
    return b"".join([data[:place], b"%08x" % zlib.crc32(data), data[place + len(_BLANK) :]])


def _holds(data: bytes, checksum: bytes) -> bool:
    place = data.rfind(_BEFORE + checksum) + len(_BEFORE)
    rest = memoryview(data)[place + len(_BLANK) :]
    found = zlib.crc32(rest, zlib.crc32(_BLANK, zlib.crc32(memoryview(data)[:place])))
    return checksum == b"%08x" % found


class _Groups:
    """The documents decoded last, up to a number of bytes, over all indices of the process."""

    def __init__(self) -> None:
        self._after_fork()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._arrays: OrderedDict[tuple[int, int], pa.Array] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> pa.Array | None:
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def put(self, key: tuple[int, int], array: pa.Array) -> None:
        with self._lock:
            if key not in self._arrays:
                self._arrays[key] = array
                self._bytes += array.nbytes
            while self._bytes > _CACHE_BYTES and len(self._arrays) > 1:
                self._bytes -= self._arrays.popitem(last=False)[1].nbytes


_groups: Final = _Groups()
