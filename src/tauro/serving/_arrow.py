"""Tables that strangers send in Arrow's formats: never larger in memory than is allowed.

A few kilobytes of either format can stand for any number of gigabytes (compressed buffers, runs,
texts in a dictionary), and the buffers of the stream format are used as they come. So the size is
looked up before anything is decoded, and everything is validated before it is used.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tauro._internal._arrow import native_reader
from tauro.errors import ValidationError
from tauro.serving._errors import BodyTooLargeError

PARQUET: Final = ("application/vnd.apache.parquet", "application/x-parquet")
STREAM: Final = "application/vnd.apache.arrow.stream"
FILE: Final = "application/vnd.apache.arrow.file"
_MAGIC: Final = b"ARROW1\0\0"
_WIDTH: Final = 8
"""Bytes of a value, roughly; texts are counted by themselves."""


def read_arrow(body: bytes, kind: str, most: int) -> pa.Table:
    """Return the table of a Parquet or Arrow body, with values of plain types.

    Args:
        body: The bytes.
        kind: The content type.
        most: Bytes that the table may take in memory.

    Raises:
        BodyTooLargeError: It takes more.
        ValidationError: It has a column of a type that no model takes.
        pyarrow.ArrowException: The body is not of its kind.
    """
    table = _read_parquet(body, most) if kind in PARQUET else _read_messages(body, kind, most)
    _check_size(table.num_rows * table.num_columns * _WIDTH, most)
    table.validate(full=True)
    for field in table.schema:
        if not _is_plain(field.type):
            raise ValidationError(
                f"The column {field.name!r} has the Arrow type {field.type}; expected numbers, "
                "texts, times, or lists of them."
            )
    return _with_texts(table, most)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise BodyTooLargeError(
            f"The table takes at least {size:,} bytes in memory; at most {most:,} are taken.",
            context={"size": size, "limit": most},
        )


def _read_parquet(body: bytes, most: int) -> pa.Table:
    source = native_reader(body)
    schema = pq.read_schema(source)
    texts = [field.name for field in schema if _is_text(field.type)]
    with pq.ParquetFile(source, read_dictionary=texts) as file:
        found = file.metadata
        groups = [found.row_group(index) for index in range(found.num_row_groups)]
        values = sum(g.column(index).num_values for g in groups for index in range(g.num_columns))
        encoded = sum(group.total_byte_size for group in groups)
        _check_size(max(values * _WIDTH, encoded), most)
        return file.read()


def _read_messages(body: bytes, kind: str, most: int) -> pa.Table:
    _check_size(_size_of_messages(body), most)
    # A file's footer may name messages that stand after the end of its stream, where nobody
    # looked at their size: so a file is read as the stream that it holds.
    with pa.ipc.open_stream(pa.BufferReader(body.removeprefix(_MAGIC))) as stream:
        batches = list(stream)
    if kind == FILE and pa.ipc.open_file(pa.BufferReader(body)).num_record_batches != len(batches):
        raise ValidationError("The body is not an Arrow file: its footer names other tables.")
    return pa.Table.from_batches(batches, stream.schema)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _is_plain(kind: pa.DataType, *, is_inner: bool = False) -> bool:
    """Tell whether values of a type take the memory that their buffers do."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_plain(kind.value_type, is_inner=True)
    if pa.types.is_dictionary(kind):
        return not is_inner and _is_plain(kind.value_type, is_inner=True)
    if pa.types.is_null(kind):
        return not is_inner
    others = (
        pa.types.is_primitive,
        pa.types.is_decimal,
        pa.types.is_large_string,
        pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
    )
    return _is_text(kind) or any(one(kind) for one in others)


def _with_texts(table: pa.Table, most: int) -> pa.Table:
    """Return a table with values in the place of a dictionary's indices."""
    size = 0
    for number, field in enumerate(table.schema):
        if not pa.types.is_dictionary(field.type):
            continue
        column = table.column(number)
        if not pa.types.is_primitive(field.type.value_type):
            for chunk in column.chunks:
                lengths = pc.binary_length(chunk.dictionary)
                size += pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0
            _check_size(size, most)
        table = table.set_column(number, field.name, column.cast(field.type.value_type))
    return table


def _size_of_messages(body: bytes) -> int:
    """Return how many bytes the compressed buffers of an Arrow body say that they hold."""
    source = pa.BufferReader(body.removeprefix(_MAGIC))
    size = 0
    while True:
        try:
            message = pa.ipc.read_message(source)
        except EOFError:
            return size
        if message.type in ("record batch", "dictionary"):
            size += _size_of_batch(bytes(message.metadata), message.body)


def _size_of_batch(metadata: bytes, body: Any) -> int:
    """Return the size of a message's compressed buffers, by the layout of Arrow's Message.fbs."""
    root = _Fields(metadata, _number(metadata, "<I", 0))
    batch = root.table(2)
    if root.byte(1) == 2:  # a DictionaryBatch, which holds the batch as its second field
        batch = batch.table(1)
    if not batch.at(3):  # no BodyCompression
        return 0
    start = batch.target(2)
    count = _number(metadata, "<I", start)
    size = 0
    for number in range(count):
        offset, length = struct.unpack_from("<qq", metadata, start + 4 + 16 * number)
        if length >= _WIDTH and 0 <= offset <= len(body) - _WIDTH:
            size += max(0, _number(body, "<q", offset))
    return size


class _Fields:
    """A table of a flatbuffer."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._place = place
        self._vtable = place - _number(data, "<i", place)

    def at(self, field: int) -> int:
        """Return where a field is, 0 where it is left out."""
        entry = 4 + 2 * field
        if entry >= _number(self._data, "<H", self._vtable):
            return 0
        offset = _number(self._data, "<H", self._vtable + entry)
        return self._place + offset if offset else 0

    def byte(self, field: int) -> int:
        """Return a field of one byte."""
        place = self.at(field)
        return self._data[place] if place else 0

    def target(self, field: int) -> int:
        """Return the place that a field points to."""
        place = self.at(field)
        return place + _number(self._data, "<I", place)

    def table(self, field: int) -> _Fields:
        """Return the table that a field points to."""
        return _Fields(self._data, self.target(field))


def _number(data: Any, form: str, place: int) -> int:
    (found,) = struct.unpack_from(form, data, place)
    return int(found)
