"""Between Python, NumPy and Arrow without pandas.

``pyarrow.array``, ``pyarrow.scalar`` and ``to_numpy`` import pandas to see whether they were given
one of its objects, which costs a cold search half a second. Buffers do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def text_array(values: Iterable[str | None]) -> pa.Array:
    """Return texts as an array of strings."""
    parts = [None if value is None else value.encode() for value in values]
    return _strings(parts, pa.string(), np.int32)


def document_array(documents: Sequence[bytes]) -> pa.Array:
    """Return encoded documents as an array of large strings, which may hold more than 2 GB."""
    return _strings(documents, pa.large_string(), np.int64)


def _strings(parts: Sequence[bytes | None], kind: pa.DataType, offset: Any) -> pa.Array:
    lengths = np.fromiter((0 if part is None else len(part) for part in parts), offset, len(parts))
    offsets = np.zeros(len(parts) + 1, offset)
    np.cumsum(lengths, out=offsets[1:])
    data = b"".join(part for part in parts if part is not None)
    valid = np.fromiter((part is not None for part in parts), np.bool_, len(parts))
    buffers = [_bits(valid), pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(kind, len(parts), buffers)


def number_array(values: Sequence[float | None], kind: pa.DataType) -> pa.Array:
    """Return numbers as an array of an Arrow type of eight bytes."""
    number = np.float64 if kind == pa.float64() else np.int64
    plain = np.fromiter((0 if each is None else each for each in values), number, len(values))
    valid = np.fromiter((each is not None for each in values), np.bool_, len(values))
    return pa.Array.from_buffers(kind, len(values), [_bits(valid), pa.py_buffer(plain)])


def positions(rows: Sequence[int] | npt.NDArray[np.int64]) -> pa.Array:
    """Return row numbers as ``take`` wants them."""
    return pa.Array.from_buffers(
        pa.int64(), len(rows), [None, pa.py_buffer(np.asarray(rows, np.int64))]
    )


def mask(chosen: npt.NDArray[np.bool_]) -> pa.Array:
    """Return a mask as ``filter`` wants it."""
    return pa.Array.from_buffers(pa.bool_(), len(chosen), [None, _packed(chosen)])


def numbers_of(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return a column of eight-byte numbers as values, 0 where null, and which are not null."""
    kind = np.float64 if column.type == pa.float64() else np.int64
    values, valid = np.zeros(len(column), kind), np.zeros(len(column), np.bool_)
    start = 0
    for chunk in column.chunks:
        end = start + len(chunk)
        own = _valid(chunk)
        data = np.frombuffer(chunk.buffers()[1], kind)[chunk.offset : chunk.offset + len(chunk)]
        values[start:end], valid[start:end] = np.where(own, data, 0), own
        start = end
    return values, valid


def codes_of(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Return a column of strings as codes, -1 where null, and the texts that they stand for."""
    encoded = column.dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # No rows.
        return np.empty(0, np.int32), []
    indices = encoded.indices
    data = np.frombuffer(indices.buffers()[1], np.int32)
    codes = data[indices.offset : indices.offset + len(indices)]
    return np.where(_valid(indices), codes, np.int32(-1)), encoded.dictionary.to_pylist()


def _valid(array: pa.Array) -> npt.NDArray[np.bool_]:
    buffer = array.buffers()[0]
    if buffer is None:
        return np.ones(len(array), np.bool_)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(np.bool_)


def _bits(valid: npt.NDArray[np.bool_]) -> pa.Buffer | None:
    return None if valid.all() else _packed(valid)


def _packed(flags: npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))
