"""The contract of documents and frames."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tauro.errors import CorruptDataError, StorageExistsError, ValidationError
from tauro.storage import StorageBackend
from tauro.testing._storage_base import StorageSuitePart, race


class ValuesPart(StorageSuitePart):
    """Documents and frames."""

    def test_documents(self, backend: StorageBackend) -> None:
        """JSON comes back equal, and what is given back is the caller's."""
        document = {"a": [1, 2.5, None, True, "ü"], "b": {"c": {}}, "": ""}
        assert backend.write_json(document, "d.json").format == "json"
        found = backend.read_json("d.json")
        assert found == document
        found["a"].append("changed")
        assert backend.read_json("d.json") == document
        assert document["a"] == [1, 2.5, None, True, "ü"]

    @pytest.mark.parametrize(
        "bad", [{"a": float("nan")}, {"a": object()}, {"a": {1, 2}}, {"a": "\ud800"}, b"x"]
    )
    def test_what_is_not_json_is_refused(self, backend: StorageBackend, bad: Any) -> None:
        """A document that cannot be encoded leaves the key as it was."""
        backend.write_json({"kept": 1}, "d.json")
        with pytest.raises(ValidationError):
            backend.write_json(bad, "d.json")
        assert backend.read_json("d.json") == {"kept": 1}

    def test_damaged_documents_and_frames(self, backend: StorageBackend) -> None:
        """Bytes that are neither JSON nor Parquet say so, and name the key."""
        for data in (b"", b"{", b"[" * 100_000, b"PAR1 and then nothing"):
            backend.write_bytes("bad", data)
            with pytest.raises(CorruptDataError, match="bad"):
                backend.read_json("bad")
            with pytest.raises(CorruptDataError, match="bad"):
                backend.read_dataframe("bad")

    def test_frames(self, backend: StorageBackend) -> None:
        """Frames come back equal: types, nulls, times, index."""
        frame = pd.DataFrame(
            {
                "i": [1, 2, 3],
                "f": [0.5, None, float("inf")],
                "s": ["a", None, "ü"],
                "t": pd.to_datetime(["2024-01-01", "2024-02-02", "NaT"], utc=True),
                "b": [True, False, True],
            },
            index=["x", "y", "z"],
        )
        written = backend.write_dataframe(frame, "f.parquet")
        assert (written.format, written.rows) == ("parquet", 3)
        pd.testing.assert_frame_equal(backend.read_dataframe("f.parquet"), frame)

    def test_frame_modes(self, backend: StorageBackend) -> None:
        """Append adds rows, error refuses to replace, another word is refused."""
        one, two = pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})
        backend.write_dataframe(one, "f.parquet", mode="append")
        backend.write_dataframe(two, "f.parquet", mode="append")
        assert backend.read_dataframe("f.parquet")["a"].tolist() == [1, 2]
        with pytest.raises(StorageExistsError):
            backend.write_dataframe(one, "f.parquet", mode="error")
        with pytest.raises(ValidationError, match="overwrite"):
            backend.write_dataframe(one, "f.parquet", mode="overwirte")  # type: ignore[arg-type]
        assert backend.read_dataframe("f.parquet")["a"].tolist() == [1, 2]

    def test_append_keeps_an_index_with_a_meaning(self, backend: StorageBackend) -> None:
        """A named index, or one of labels, is kept; row numbers are made anew."""
        for name, labels in (("day", [3, 4]), (None, ["x", "y"])):
            rows = [pd.DataFrame({"a": [n]}, index=pd.Index([n], name=name)) for n in labels]
            for each in rows:
                backend.write_dataframe(each, f"{name}.parquet", mode="append")
            pd.testing.assert_frame_equal(
                backend.read_dataframe(f"{name}.parquet"), pd.concat(rows)
            )
        for _ in range(2):
            backend.write_dataframe(pd.DataFrame({"a": [1]}), "n.parquet", mode="append")
        assert backend.read_dataframe("n.parquet").index.tolist() == [0, 1]

    def test_racing_appends_keep_every_row(self, backend: StorageBackend) -> None:
        """Several appenders at once lose no row."""

        def append(number: int) -> None:
            for turn in range(3):
                row = pd.DataFrame({"a": [number * 10 + turn]})
                backend.write_dataframe(row, "f.parquet", mode="append")

        assert race(3, append) == [None] * 3
        rows = sorted(backend.read_dataframe("f.parquet")["a"].tolist())
        assert rows == [0, 1, 2, 10, 11, 12, 20, 21, 22]

    def test_what_is_no_frame_is_refused(self, backend: StorageBackend) -> None:
        """Objects without a column type leave the key as it was."""
        backend.write_dataframe(pd.DataFrame({"a": [1]}), "f.parquet")
        with pytest.raises(ValidationError):
            backend.write_dataframe(pd.DataFrame({"a": [object()]}), "f.parquet")
        assert backend.read_dataframe("f.parquet")["a"].tolist() == [1]
