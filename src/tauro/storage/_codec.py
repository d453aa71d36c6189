"""Documents and frames as bytes: JSON by msgspec, frames as Parquet."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import msgspec

from tauro._internal._arrow import native_reader
from tauro._internal._json import decode
from tauro.errors import CorruptDataError, ValidationError

if TYPE_CHECKING:
    import pandas as pd


_decoder = msgspec.json.Decoder()


def encode_json(data: Any, path: str) -> bytes:
    """Return a document as readable JSON, keys in their order.

    Raises:
        ValidationError: The data holds something that JSON does not.
    """
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=2).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(
            f"The document for {path!r} is not JSON: {error}.",
            context={"path": path},
            suggestions=["Use text, numbers, booleans, null, lists and mappings with text keys."],
        ) from error


def decode_json(data: bytes, path: str) -> Any:
    """Return the document of JSON bytes.

    Raises:
        CorruptDataError: The bytes are not JSON.
    """
    try:
        return decode(data, _decoder)
    except msgspec.DecodeError as error:
        raise CorruptDataError(
            f"{path!r} does not hold JSON: {error}.",
            context={"path": path, "size": len(data)},
            suggestions=["`tauro store verify` lists every damaged file."],
        ) from error


def encode_frame(df: pd.DataFrame, path: str) -> bytes:
    """Return a frame as Parquet.

    Raises:
        ValidationError: It is not a frame, or a column's values have no Parquet type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pa.Table.from_pandas(df)
    except (pa.ArrowException, TypeError, AttributeError, ValueError) as error:
        raise ValidationError(
            f"The frame for {path!r} cannot be written as Parquet: {error}.",
            context={"path": path, "type": type(df).__name__},
            suggestions=["Give every column values of one type."],
        ) from error
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def decode_frame(data: bytes, path: str) -> pd.DataFrame:
    """Return the frame of Parquet bytes.

    Raises:
        CorruptDataError: The bytes are not Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(native_reader(data), page_checksum_verification=True)
        df: pd.DataFrame = table.to_pandas()
    # A damaged footer has types, names and notes of pandas that do not fit each other: what is
    # made of them fails in any of these ways.
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise CorruptDataError(
            f"{path!r} does not hold Parquet: {error!r}.",
            context={"path": path, "size": len(data)},
            suggestions=["`tauro store verify` lists every damaged file."],
        ) from error
    return df


def join_frames(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of both, columns by name; row numbers are made anew, other indices kept."""
    import pandas as pd

    numbered = all(_is_row_numbers(frame.index) for frame in (first, second))
    return pd.concat([first, second], ignore_index=numbered)


def _is_row_numbers(index: pd.Index[Any]) -> bool:
    return index.nlevels == 1 and index.name is None and index.dtype.kind in "iu"
