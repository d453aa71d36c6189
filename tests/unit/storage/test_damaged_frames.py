"""A Parquet file of which a bit was turned: an error of ours, or the very values."""

from __future__ import annotations

import pandas as pd
import pytest

from tauro.errors import CorruptDataError
from tauro.storage import MemoryStorageBackend

FRAME = pd.DataFrame(
    {
        "number": range(60),
        "text": [f"x{number}é" for number in range(60)],
        "kind": pd.Categorical(["u", "v"] * 30),
        "time": pd.date_range("2020", periods=60, tz="UTC"),
    },
    index=pd.Index(range(100, 160), name="key"),
)


@pytest.fixture(scope="module")
def data() -> bytes:
    store = MemoryStorageBackend()
    store.write_dataframe(FRAME, "t.parquet")
    return store.read_bytes("t.parquet")


def damaged(data: bytes) -> MemoryStorageBackend:
    store = MemoryStorageBackend()
    store.write_bytes("t.parquet", data)
    return store


def test_a_flipped_bit_never_gives_other_values(data: bytes) -> None:
    """Pages have checksums. The footer has none: what does not fit in it is damage, named so.

    A type may fit and be another one: what that makes of the values is for the reader to tell.
    """
    noticed, footer = 0, len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for place in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        try:
            found = damaged(bytes(flipped)).read_dataframe("t.parquet")
        except CorruptDataError as error:
            noticed += "t.parquet" in error.message
        else:
            if place >= footer:
                continue
            assert found.reset_index(drop=True).to_numpy().tolist() == FRAME.to_numpy().tolist()
    assert noticed > len(data) // 6


def test_a_truncated_file_is_damaged(data: bytes) -> None:
    for length in range(0, len(data), 17):
        with pytest.raises(CorruptDataError):
            damaged(data[:length]).read_dataframe("t.parquet")
