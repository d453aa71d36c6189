"""Tables as bodies: the same rows in every form, and forms that try to do harm."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tauro.errors import TauroError, ValidationError
from tauro.flavors import ColumnSpec, ModelSignature
from tauro.serving._errors import BodyTooLargeError
from tauro.serving._reader import RowReader

PARQUET = "application/vnd.apache.parquet"
STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
COLUMNS = (
    ColumnSpec("zip", "string"),
    ColumnSpec("n", "integer"),
    ColumnSpec("x", "float", nullable=True),
    ColumnSpec("wet", "boolean"),
)
ROWS = pd.DataFrame(
    {
        "zip": ["007", "NA", "1e5", "é\n,"],
        "n": [1, -(2**53), 3, 4],
        "x": [0.1, None, 1e300, -0.0],
        "wet": [True, False, True, True],
    }
)
READER = RowReader(ModelSignature(inputs=COLUMNS), max_table=1024 * 1024)


def as_stream(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(table)
    return sink.getvalue()


def as_file(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(table)
    return sink.getvalue()


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def encoded(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as a table whose texts are in a dictionary."""
    table = pa.Table.from_pandas(frame)
    return table.set_column(0, "zip", table.column("zip").combine_chunks().dictionary_encode())


FORMS: dict[str, tuple[str, Callable[[pd.DataFrame], bytes]]] = {
    "csv": ("text/csv", lambda frame: frame.to_csv(index=False).encode()),
    "parquet": (PARQUET, lambda frame: frame.to_parquet()),
    "parquet with an index": (PARQUET, lambda frame: frame.set_axis([3, 1, 4, 0]).to_parquet()),
    "parquet, large texts": (
        PARQUET,
        lambda f: as_parquet(pa.Table.from_pandas(f), use_dictionary=False),
    ),
    "stream": (STREAM, lambda frame: as_stream(pa.Table.from_pandas(frame))),
    "compressed stream": (
        STREAM,
        lambda f: as_stream(pa.Table.from_pandas(f), compression="zstd"),
    ),
    "stream with a dictionary": (STREAM, lambda frame: as_stream(encoded(frame))),
    "file": (FILE, lambda frame: as_file(pa.Table.from_pandas(frame), compression="lz4")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_values(form: str) -> None:
    """Also texts that look like numbers or like nothing, and an index that is not asked for."""
    kind, write = FORMS[form]
    found = READER.read(write(ROWS), kind).data
    assert list(found.columns) == list(ROWS.columns)
    assert found["zip"].tolist() == ROWS["zip"].tolist()
    assert found["n"].tolist() == ROWS["n"].tolist()
    assert np.array_equal(found["x"].to_numpy(), ROWS["x"].to_numpy(), equal_nan=True)
    assert found["wet"].tolist() == ROWS["wet"].tolist()


def test_json_gives_the_same_values_too() -> None:
    records = json.loads(ROWS.to_json(orient="records", double_precision=15))
    columns = READER.read(json.dumps({"samples": records}).encode()).columns
    assert columns is not None
    assert [list(column) for column in columns[:2]] == [ROWS["zip"].tolist(), ROWS["n"].tolist()]


def test_an_empty_text_in_a_csv_is_null() -> None:
    body = b"zip,n,x,wet\n,1,,true\n"
    with pytest.raises(TauroError) as caught:
        READER.read(body, "text/csv")
    problems = caught.value.to_dict()["details"]["problems"]
    assert [problem["path"] for problem in problems] == ["zip[0]"]


def test_names_given_twice_are_a_problem() -> None:
    table = pa.table([[1], [2]], names=["n", "n"])
    for body, kind in ((as_stream(table), STREAM), (as_parquet(table), PARQUET)):
        with pytest.raises(TauroError) as caught:
            READER.read(body, kind)
        assert caught.value.to_dict()["details"]["problems"][0]["got"] == "2 of that name"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", b"a," * 10**6 + b"a\n" + b"1," * 10**6 + b"1\n"),
        ("text/csv", b'"' + b"a" * 10**6 + b"\n"),
        ("text/csv", b"\n" * 10**6),
        ("", b'{"samples":[' + b'{"a":1},' * 200_000 + b"{}]}"),
        ("", b'{"samples":[{' + b",".join(b'"k%d":1' % i for i in range(200_000)) + b"}]}"),
        ("", b'{"samples":[{"' + b"k" * 10**6 + b'":1}]}'),
        ("", b'{"samples":' + b"[" * 10**6),
        ("", b'{"columns":["a"],"data":[' + b"[]," * 10**6 + b"[]]}"),
        (STREAM, as_stream(pa.table([[1]] * 3000, names=["a"] * 3000))),
    ],
    ids=lambda value: value[:12].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_bodies_made_to_take_long_are_refused_at_once(kind: str, body: bytes) -> None:
    """At once: nothing that grows with the square of the body; messages stay short."""
    with pytest.raises(TauroError) as caught:
        READER.read(body, kind)
    assert len(json.dumps(caught.value.to_dict())) < 20_000


def large_text(rows: int) -> pa.Table:
    indices = pa.array(np.zeros(rows, dtype=np.int32))
    return pa.table({"zip": pa.DictionaryArray.from_arrays(indices, ["x" * 10_000])})


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "runs in parquet": (PARQUET, lambda: as_parquet(pa.table({"n": np.zeros(10**6, "int64")}))),
    "a text that many rows have, parquet": (PARQUET, lambda: as_parquet(large_text(1000))),
    "a text that many rows have, arrow": (STREAM, lambda: as_stream(large_text(1000))),
    "compressed zeros": (
        STREAM,
        lambda: as_stream(pa.table({"n": np.zeros(10**6, "int64")}), compression="zstd"),
    ),
    "compressed zeros in a file": (
        FILE,
        lambda: as_file(pa.table({"n": np.zeros(10**6, "int64")}), compression="lz4"),
    ),
    "a compressed dictionary": (
        STREAM,
        lambda: as_stream(
            pa.table({"zip": pa.DictionaryArray.from_arrays([0], ["x" * 10**7])}),
            compression="zstd",
        ),
    ),
    "rows of nothing": (
        STREAM,
        lambda: as_stream(pa.table({"n": pa.Array.from_buffers(pa.null(), 2**31 - 1, [None])})),
    ),
    "lists of runs": (
        PARQUET,
        lambda: as_parquet(pa.table({"n": [[0] * 10**6]})),
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_short_body_that_stands_for_a_large_table_is_refused(bomb: str) -> None:
    kind, make = BOMBS[bomb]
    body = make()
    assert len(body) < READER._max_table
    before = pa.total_allocated_bytes()
    with pytest.raises(BodyTooLargeError, match="in memory"):
        READER.read(body, kind)
    assert pa.total_allocated_bytes() - before < 4 * READER._max_table


@pytest.mark.parametrize(
    "column",
    [
        pa.RunEndEncodedArray.from_arrays([10], [1]),
        pa.array(["a"] * 3, type=pa.string_view()),
        pa.array([{"a": 1}]),
        pa.array([[None]], type=pa.list_(pa.null())),
        pa.UnionArray.from_sparse(pa.array([0], type=pa.int8()), [pa.array([1])]),
    ],
    ids=["runs", "views", "structs", "lists of nothing", "unions"],
)
def test_columns_of_types_that_no_model_takes_are_refused(column: pa.Array) -> None:
    with pytest.raises(ValidationError, match="The column 'n' has the Arrow type"):
        READER.read(as_stream(pa.table({"n": column})), STREAM)


def test_buffers_that_point_outside_are_refused() -> None:
    """Arrow takes the offsets of a stream as they are; read, they would be someone else's bytes."""
    body = bytearray(as_stream(pa.table({"zip": ["abcdefgh", "ijkl"]})))
    at = body.index(np.array([0, 8, 12], dtype="<i4").tobytes())
    body[at + 4 : at + 8] = (2**30).to_bytes(4, "little")
    with pytest.raises(ValidationError):
        READER.read(bytes(body), STREAM)


def test_a_file_whose_footer_names_what_its_stream_does_not_hold_is_refused() -> None:
    """What stands after the end of the stream was not looked at: it can be of any size."""
    body = as_file(pa.table({"n": np.zeros(10**6, "int64")}), compression="zstd")
    at = 16 + int.from_bytes(body[12:16], "little")  # after the schema: the only batch
    footer = len(body) - 10 - int.from_bytes(body[-10:-6], "little")
    hidden = body[footer:].replace(at.to_bytes(8, "little"), (at + 8).to_bytes(8, "little"))
    end_of_stream = bytes([255] * 4 + [0] * 4)
    before = pa.total_allocated_bytes()
    with pytest.raises(ValidationError, match="footer"):
        READER.read(body[:at] + end_of_stream + body[at:footer] + hidden, FILE)
    assert pa.total_allocated_bytes() - before < READER._max_table


def test_notes_of_pandas_are_not_believed() -> None:
    table = pa.Table.from_pandas(ROWS).replace_schema_metadata({b"pandas": b'{"columns": 7}'})
    assert READER.read(as_parquet(table), PARQUET).count == 4


@pytest.mark.parametrize(
    "count", [400, pytest.param(10_000, marks=[pytest.mark.torture, pytest.mark.timeout(1800)])]
)
def test_a_damaged_table_is_read_or_refused(count: int, torture_seed: int) -> None:
    """It never ends the process, nor raises what the server would answer with 500."""
    rng = random.Random(count + torture_seed)
    bodies = [(kind, write(ROWS)) for kind, write in FORMS.values()]
    refused, statuses = 0, set[int]()
    for number in range(count):
        kind, whole = bodies[number % len(bodies)]
        body = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(body))
            how = rng.randrange(3)
            if how == 0:
                body[at] = rng.randrange(256)
            elif how == 1:
                body[at : at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f"])
            else:
                del body[at : at + rng.randint(1, 16)]
            body = body or bytearray(b" ")
        try:
            READER.read(bytes(body), kind)
        except TauroError as error:
            statuses.add(error.http_status)
            refused += 1
    assert statuses <= {400, 413, 422}
    assert refused > count / 10
