"""Bodies against a signature: what is read, and how everything wrong is told at once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro.errors import SignatureMismatchError, ValidationError
from tauro.flavors import ColumnSpec, ModelSignature
from tauro.serving._check import show
from tauro.serving._errors import BodyTooLargeError, UnsupportedBodyError
from tauro.serving._reader import RowReader
from tauro.serving._tables import build_frame

COLUMNS = (
    ColumnSpec("elevation", "integer"),
    ColumnSpec("slope", "float"),
    ColumnSpec("soil", "string"),
    ColumnSpec("wet", "boolean", nullable=True),
    ColumnSpec("seen", "datetime", nullable=True, required=False),
)
READER = RowReader(ModelSignature(inputs=COLUMNS), categories={"soil": frozenset({"sand", "clay"})})
GOOD = {"elevation": 10, "slope": 1.5, "soil": "sand", "wet": None}


def body(*samples: Any) -> bytes:
    return json.dumps({"samples": samples}).encode()


def problems(*samples: Any, reader: RowReader = READER) -> list[dict[str, Any]]:
    with pytest.raises(SignatureMismatchError) as caught:
        reader.read(body(*samples))
    found: list[dict[str, Any]] = caught.value.to_dict()["details"]["problems"]
    return found


def test_samples_become_columns_in_the_signatures_order() -> None:
    shuffled = dict(reversed(GOOD.items())) | {"elevation": 11, "seen": "2026-01-02T03:04:05"}
    rows = READER.read(body(GOOD, shuffled), "application/json; charset=utf-8")
    assert rows.count == 2
    assert rows.columns is not None
    assert [list(column) for column in rows.columns] == [
        [10, 11],
        [1.5, 1.5],
        ["sand", "sand"],
        [None, None],
        [None, datetime.fromisoformat("2026-01-02T03:04:05")],
    ]


def test_columns_and_data_are_read_as_samples_are() -> None:
    split = {"columns": list(GOOD), "data": [list(GOOD.values())]}
    assert READER.read(json.dumps(split).encode()).columns == [
        [10],
        [1.5],
        ["sand"],
        [None],
        [None],
    ]


def test_a_whole_number_is_an_integer_however_it_is_written() -> None:
    found = READER.read(b'{"samples":[{"elevation":10.0,"slope":1,"soil":"clay","wet":true}]}')
    assert found.columns is not None
    assert found.columns[0] == [10]
    assert type(found.columns[0][0]) is int
    assert type(found.columns[1][0]) is float


def test_every_problem_of_every_sample_is_told_with_its_path() -> None:
    wrong = {"elevaton": 1, "slope": "steep", "soil": "sandd", "wet": 1, "seen": "yesterday"}
    found = problems(GOOD, 7, {**GOOD, "slope": None, "elevation": 1.5}, wrong)
    assert [problem["path"] for problem in found] == [
        "samples[1]",
        "samples[2].elevation",
        "samples[2].slope",
        "samples[3].elevation",
        "samples[3].slope",
        "samples[3].soil",
        "samples[3].wet",
        "samples[3].seen",
        "samples[3].elevaton",
    ]
    by_path = {problem["path"]: problem for problem in found}
    assert by_path["samples[2].slope"]["got"] == "null"
    assert by_path["samples[3].elevation"]["got"] == "nothing"
    assert "elevaton" in by_path["samples[3].elevation"]["suggestions"][0]
    assert by_path["samples[3].soil"]["expected"] == "one of 'clay', 'sand'"
    assert "sand" in by_path["samples[3].soil"]["suggestions"][0]
    assert by_path["samples[3].wet"]["expected"] == "boolean or null"
    assert by_path["samples[3].elevaton"]["expected"] == "no such column"


def test_an_unknown_category_alone_is_found_on_the_fast_way_too() -> None:
    assert [problem["path"] for problem in problems({**GOOD, "soil": "rock"})] == [
        "samples[0].soil"
    ]


def test_lists_of_problems_are_cut_and_the_rest_is_counted() -> None:
    reader = RowReader(ModelSignature(inputs=COLUMNS), max_problems=3)
    with pytest.raises(SignatureMismatchError) as caught:
        reader.read(body(*[{**GOOD, "slope": "x" * 10_000}] * 50))
    details = caught.value.to_dict()["details"]
    assert len(details["problems"]) == 3
    assert (details["count"], details["omitted"]) == (50, 47)
    assert len(caught.value.message) < 1000
    assert "47 more" in caught.value.message


@pytest.mark.parametrize(
    "number", ["1e400", "9" * 400, "-9223372036854775809", "1.5", "true", "null"]
)
def test_numbers_out_of_range_are_refused(number: str) -> None:
    text = f'{{"samples":[{{"elevation":{number},"slope":1,"soil":"sand","wet":null}}]}}'
    with pytest.raises((SignatureMismatchError, ValidationError)):
        READER.read(text.encode())


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"samples": []}', b'{"samples":[{"a":NaN}]}']
)
def test_what_is_not_json_or_has_no_samples_is_a_bad_request(text: bytes) -> None:
    with pytest.raises(ValidationError) as caught:
        READER.read(text)
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    "text",
    [
        b"1",
        b"[]",
        b'{"rows": []}',
        b'{"samples": {}}',
        b'{"columns": ["a"], "data": [[1, 2]]}',
        b'{"columns": "a", "data": []}',
        b'{"columns": ["a"], "data": 1}',
    ],
)
def test_json_of_another_shape_is_unprocessable(text: bytes) -> None:
    with pytest.raises(SignatureMismatchError):
        READER.read(text)


def to_arrow(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa

    table, sink = pa.Table.from_pandas(frame), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


TABLES: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "text/csv": lambda frame: frame.to_csv(index=False).encode(),
    "application/vnd.apache.parquet": lambda frame: frame.to_parquet(),
    "application/vnd.apache.arrow.stream": to_arrow,
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_are_read_and_checked(kind: str) -> None:
    columns = (ColumnSpec("a", "integer"), ColumnSpec("b", "string"))
    reader = RowReader(ModelSignature(inputs=columns), categories={"b": frozenset({"x", "y"})})
    good = pd.DataFrame({"b": ["x", "y"], "a": [1, 2]})
    rows = reader.read(TABLES[kind](good), kind)
    assert rows.count == 2
    assert rows.data.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    wrong = pd.DataFrame({"b": ["x", "z"], "c": [1.5, 2.0]})
    with pytest.raises(SignatureMismatchError) as caught:
        reader.read(TABLES[kind](wrong), kind)
    found = caught.value.to_dict()["details"]["problems"]
    assert [problem["path"] for problem in found] == ["a", "b[1]", "c"]
    with pytest.raises(ValidationError):
        reader.read(TABLES[kind](good.head(0)), kind)
    with pytest.raises(ValidationError):
        reader.read(b'\x00"', kind)


def test_an_unknown_content_type_is_named() -> None:
    with pytest.raises(UnsupportedBodyError, match="text/html"):
        READER.read(b"<p>", "text/html")


def test_a_model_without_columns_takes_records_or_tensors() -> None:
    bare = RowReader(None)
    assert bare.read(body({"a": 1}, {"b": 2})).data == [{"a": 1}, {"b": 2}]
    assert bare.read(body([1, 2], [3, 4])).data.shape == (2, 2)
    named = bare.read(body({"x": [1, 2]}, {"x": [3, 4]})).data
    assert named["x"].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(SignatureMismatchError):
        bare.read(body([1, 2], [3]))
    with pytest.raises(SignatureMismatchError):
        bare.read(body({"x": [1]}, {"y": [1]}))


@pytest.mark.parametrize(
    "samples",
    [
        ["x" * 100_000, *[""] * 1000],
        [["x" * 100_000, 1], *[[1, 2]] * 1000],
        [{"x": ["x" * 100_000, 1]}, *[{"x": [1, 2]}] * 1000],
    ],
    ids=["texts", "rows", "records"],
)
def test_one_long_text_among_many_values_is_refused(samples: list[Any]) -> None:
    """In NumPy's arrays of texts every value is as long as the longest."""
    with pytest.raises(BodyTooLargeError, match="at most 100,000,000 are taken"):
        RowReader(None, max_table=10**8).read(body(*samples))


def test_texts_for_a_model_without_columns_are_an_array() -> None:
    assert RowReader(None).read(body(["a", "bc"], ["", "d"])).data.tolist() == [
        ["a", "bc"],
        ["", "d"],
    ]


def test_a_value_nested_too_deep_to_be_shown_is_shown_all_the_same() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert show(deep) == "… (array)"


@pytest.mark.parametrize("values", [[1, 2], [None, 2]])
def test_a_columns_dtype_does_not_depend_on_its_neighbours(values: list[Any]) -> None:
    """Otherwise a row's prediction could differ with the batch it came in."""
    frame = build_frame((ColumnSpec("n", "integer", nullable=True),), [values])
    assert frame["n"].dtype == np.float64
    flags = build_frame((ColumnSpec("n", "boolean", nullable=True),), [[True, None]])
    assert flags["n"].dtype == object


def test_times_with_and_without_a_zone_share_a_batch() -> None:
    aware = datetime.fromisoformat("2026-01-01T02:00:00+02:00")
    frame = build_frame(
        (ColumnSpec("t", "datetime"),), [[aware, datetime.fromisoformat("2026-01-01")]]
    )
    assert frame["t"].nunique() == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from([*GOOD, "seen", "other"]), json_values, max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_is_sent_is_read_or_refused_and_what_is_read_makes_a_frame(
    samples: list[dict[str, Any]],
) -> None:
    try:
        rows = READER.read(body(*samples))
    except (SignatureMismatchError, ValidationError):
        return
    assert rows.columns is not None
    assert len(build_frame(COLUMNS, rows.columns)) == len(samples)
