"""Signatures: read from every accepted form, inferred, and checked with the column named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tauro.errors import SignatureMismatchError, ValidationError
from tauro.flavors import ColumnSpec, ModelSignature, infer_signature
from tauro.flavors._prepare import prepare

AGE_AND_NAME = (ColumnSpec("age", "integer"), ColumnSpec("name", "string", nullable=True))


@pytest.mark.parametrize(
    "schema",
    [
        {"age": "int64", "name": {"type": "str", "nullable": True}},
        [{"name": "age", "type": "integer"}, {"name": "name", "type": "string", "nullable": True}],
        {
            "type": "object",
            "properties": {"age": {"type": "integer"}, "name": {"type": ["string", "null"]}},
            "required": ["age", "name"],
        },
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
                "age": {"type": "integer"},
                "name": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["age", "name"],
        },
        list(AGE_AND_NAME),
        ModelSignature(AGE_AND_NAME),
    ],
)
def test_every_form_of_a_schema_reads_the_same(schema: Any) -> None:
    assert ModelSignature.from_schemas(schema).inputs == AGE_AND_NAME


def test_json_schema_knows_times_bytes_and_optional_columns() -> None:
    found = ModelSignature.from_schemas(
        {
            "properties": {
                "at": {"type": "string", "format": "date-time"},
                "raw": {"type": "string", "contentEncoding": "base64"},
                "rest": {"type": "array"},
            }
        }
    )
    assert [(c.name, c.type, c.required) for c in found.inputs] == [
        ("at", "datetime", False),
        ("raw", "binary", False),
        ("rest", "any", False),
    ]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (
            {"age": "intger"},
            "'intger' of the column 'age' is not known.*\n.*Did you mean 'integer'",
        ),
        ([{"nam": "age"}], "Entry 0 of the input schema"),
        ([{"name": "a", "tpye": "integer"}], "unknown key 'tpye'"),
        ([{"name": "a"}, {"name": "a"}], "column 'a' twice"),
        ("age: integer", "is a str; expected"),
        (3, "is a int; expected"),
    ],
)
def test_a_wrong_schema_says_what_is_wrong(schema: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelSignature.from_schemas(schema)


def test_a_frame_is_inferred_column_by_column() -> None:
    frame = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [1.5, None],
            "s": ["a", "b"],
            "b": [True, False],
            "t": pd.to_datetime(["2024-01-01", "2024-01-02"]),
            "raw": [b"a", b"b"],
            "mix": ["a", 1],
            "cat": pd.Categorical(["x", "y"]),
        }
    )
    found = infer_signature(frame, frame[["f"]])
    assert {c.name: c.type for c in found.inputs} == {
        "i": "integer",
        "f": "float",
        "s": "string",
        "b": "boolean",
        "t": "datetime",
        "raw": "binary",
        "mix": "any",
        "cat": "string",
    }
    assert [c.name for c in found.inputs if c.nullable] == ["f"]
    assert found.outputs == (ColumnSpec("f", "float", nullable=True),)


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        (np.zeros((5, 3)), (ColumnSpec("input", "float", shape=(-1, 3)),)),
        (np.zeros(4, dtype="int32"), (ColumnSpec("input", "integer", shape=(-1,)),)),
        ([[1, 2], [3, 4]], (ColumnSpec("input", "integer", shape=(-1, 2)),)),
        ([{"a": 1}, {"a": 2}], (ColumnSpec("a", "integer"),)),
        ({"a": [1.0], "b": ["x"]}, (ColumnSpec("a", "float"), ColumnSpec("b", "string"))),
        (
            {"image": np.zeros((2, 8, 8)), "size": np.zeros((2, 2))},
            (
                ColumnSpec("image", "float", shape=(-1, 8, 8)),
                ColumnSpec("size", "float", shape=(-1, 2)),
            ),
        ),
        (pd.Series([1, 2], name="y"), (ColumnSpec("y", "integer"),)),
        (
            pl.DataFrame({"a": [1], "b": ["x"]}),
            (ColumnSpec("a", "integer"), ColumnSpec("b", "string")),
        ),
    ],
)
def test_other_forms_of_data_are_inferred(data: Any, columns: tuple[ColumnSpec, ...]) -> None:
    assert infer_signature(data).inputs == columns


def test_a_signature_survives_json() -> None:
    signature = infer_signature(pd.DataFrame({"a": [1, None]}), np.zeros((2, 3)))
    assert ModelSignature.from_dict(signature.to_dict()) == signature


SIGNATURE = ModelSignature.from_schemas(
    {
        "age": "integer",
        "income": {"type": "float", "nullable": True},
        "city": "string",
        "member": "boolean",
        "since": "datetime",
    }
)
GOOD = {"age": 3, "income": None, "city": "Rome", "member": True, "since": "2024-05-01T10:00:00"}


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        [GOOD, GOOD],
        pd.DataFrame([GOOD]),
        {**GOOD, "more": object()},
        {**GOOD, "age": 3.0},
        {**GOOD, "income": 3},
        {**GOOD, "since": datetime(2024, 1, 1, tzinfo=UTC)},
        [[3, 1.5, "Rome", True, "2024-05-01"]],
    ],
)
def test_data_that_fits_has_no_problems(data: Any) -> None:
    assert SIGNATURE.problems(data) == []


@pytest.mark.parametrize(
    ("change", "path", "got"),
    [
        ({"age": 3.5}, "inputs.age[1]", "3.5 (float)"),
        ({"age": "3"}, "inputs.age[1]", "'3' (str)"),
        ({"age": True}, "inputs.age[1]", "True (bool)"),
        ({"age": None}, "inputs.age[1]", "null"),
        ({"income": "much"}, "inputs.income[1]", "'much' (str)"),
        ({"city": 3}, "inputs.city[1]", "3 (int)"),
        ({"member": 1}, "inputs.member[1]", "1 (int)"),
        ({"since": "yesterday"}, "inputs.since[1]", "'yesterday' (str)"),
    ],
)
def test_a_wrong_value_is_named_with_its_row(change: dict[str, Any], path: str, got: str) -> None:
    problems = SIGNATURE.problems([GOOD, {**GOOD, **change}])
    assert [(problem.path, problem.got) for problem in problems] == [(path, got)]


def test_every_wrong_column_is_reported_at_once() -> None:
    wrong = {"age": "x", "income": "y", "city": 1}
    with pytest.raises(SignatureMismatchError) as caught:
        SIGNATURE.validate(wrong)
    found = {problem["column"] for problem in caught.value.context.details["problems"]}
    assert found == {"age", "income", "city", "member", "since"}
    assert "inputs.member: expected boolean, got no such column" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 3)), "shape \\[2, 3\\]"),
        (np.zeros(4), "shape \\[4\\]"),
        (np.array([["a", "b"]]), "got <U1"),
    ],
)
def test_a_tensor_is_checked_by_shape_and_type(data: Any, message: str) -> None:
    signature = infer_signature(np.zeros((5, 2)))
    signature.validate(np.ones((7, 2)))
    signature.validate([[1, 2]])
    with pytest.raises(SignatureMismatchError, match=message):
        signature.validate(data)


def test_named_tensors_are_checked_one_by_one() -> None:
    signature = infer_signature({"a": np.zeros((1, 2)), "b": np.zeros((1, 3))})
    problems = signature.problems({"a": np.zeros((4, 9))})
    assert [problem.path for problem in problems] == ["inputs.a", "inputs.b"]


def test_columns_are_put_in_order_and_others_left_out() -> None:
    frame = ModelSignature.from_schemas({"a": "integer", "b": "float"}).to_frame(
        [{"b": 1.0, "more": "x", "a": 2}]
    )
    assert list(frame.columns) == ["a", "b"]


def test_numbers_and_times_reach_the_model_as_such() -> None:
    signature = ModelSignature.from_schemas(
        {
            "age": {"type": "integer", "nullable": True},
            "pay": {"type": "float", "nullable": True},
            "since": "datetime",
            "city": "string",
        }
    )
    rows = [
        {"age": 3, "pay": None, "since": "2024-05-01", "city": "Rome"},
        {"age": None, "pay": None, "since": "2024-05-01T10:00:00", "city": "Oslo"},
    ]
    found = prepare(rows, signature, "frame")
    assert [found[name].dtype.kind for name in ("age", "pay", "since")] == ["f", "f", "M"]
    assert found["since"].iloc[1].hour == 10
    assert found["city"].tolist() == ["Rome", "Oslo"]


def test_a_missing_column_has_a_close_match() -> None:
    signature = ModelSignature.from_schemas({"income": "float"})
    with pytest.raises(SignatureMismatchError, match="Did you mean 'incomes'"):
        signature.to_frame([{"incomes": 1.0}])


def test_the_json_schema_of_a_row_reads_back() -> None:
    assert ModelSignature.from_schemas(SIGNATURE.json_schema()).inputs == SIGNATURE.inputs


CITIES = pd.DataFrame({"city": pd.Categorical(["rome", "oslo"], categories=["oslo", "rome"])})
CITY = ColumnSpec("city", "string", categories=("oslo", "rome"))


def test_the_categories_of_an_example_are_kept_in_their_order() -> None:
    assert infer_signature(CITIES).inputs == (CITY,)
    numbers = pd.DataFrame({"floor": pd.Categorical([7, 3])})
    assert infer_signature(numbers).inputs == (ColumnSpec("floor", "integer", categories=(3, 7)),)


@pytest.mark.parametrize(
    "categories", [pd.to_datetime(["2026-01-01"]), pd.interval_range(0, 1), []], ids=str
)
def test_categories_that_json_cannot_hold_are_left_out(categories: Any) -> None:
    frame = pd.DataFrame({"a": pd.Categorical([None], categories=categories)})
    assert infer_signature(frame).inputs[0].categories is None


def test_categories_come_back_from_every_form() -> None:
    signature = infer_signature(CITIES)
    assert ModelSignature.from_dict(signature.to_dict()) == signature
    given = [{"name": "city", "type": "string", "categories": ["oslo", "rome"]}]
    assert ModelSignature.from_schemas(given) == signature
    assert signature.json_schema()["properties"]["city"] == {
        "type": "string",
        "examples": ["oslo", "rome"],
    }


@pytest.mark.parametrize(
    "data",
    [
        [{"city": "rome"}, {"city": None}, {"city": "paris"}],
        pd.DataFrame({"city": ["rome", np.nan, "paris"]}),
        pd.DataFrame({"city": pd.Categorical(["rome", None, "paris"])}),
        pd.DataFrame(
            {"city": pd.Categorical(["rome", None, "paris"], categories=["rome", "paris"])},
            index=[7, 8, 9],
        ),
        pl.DataFrame({"city": ["rome", None, "paris"]}),
    ],
    ids=["records", "texts", "categories", "other order", "polars"],
)
def test_a_category_has_its_place_from_training_and_an_unknown_one_none(data: Any) -> None:
    nullable = ModelSignature((ColumnSpec("city", "string", True, categories=("oslo", "rome")),))
    frame = prepare(data, nullable, "frame")
    assert frame["city"].cat.categories.tolist() == ["oslo", "rome"]
    assert frame["city"].cat.codes.tolist() == [1, -1, -1]
    assert prepare(data, nullable, "array")[:, 0].tolist()[0::2] == ["rome", "paris"]


def test_numbers_as_categories_are_found_among_numbers_with_gaps() -> None:
    signature = ModelSignature((ColumnSpec("floor", "integer", True, categories=(3, 7)),))
    frame = prepare([{"floor": 7}, {"floor": None}, {"floor": 3}], signature, "frame")
    assert frame["floor"].cat.codes.tolist() == [1, -1, 0]


def test_a_category_of_another_type_is_named() -> None:
    with pytest.raises(SignatureMismatchError, match=r"inputs\.city\[1\]: expected string, got 3"):
        ModelSignature((CITY,)).validate([{"city": "rome"}, {"city": 3}])
