"""Tensors of the inference protocol: what is written is read, and what is damaged is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro.errors import SignatureMismatchError, ValidationError
from tauro.serving._tensors import Tensor, read_arrays, write_tensor
from tauro.serving._v2 import read_request, to_answer

values = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8),
    st.lists(st.booleans(), min_size=1, max_size=8),
    st.lists(st.text(max_size=8), min_size=1, max_size=8),
)


@given(values, st.booleans())
def test_what_an_answer_holds_is_read_as_an_input(given_values: list[Any], as_bytes: bool) -> None:
    output, data = write_tensor("x", given_values, as_bytes=as_bytes)
    sent = msgspec.json.decode(msgspec.json.encode(output), type=Tensor)
    assert read_arrays([sent], data)["x"].tolist() == given_values


@given(values, st.data())
def test_bytes_that_are_cut_or_too_many_are_refused(given_values: list[Any], data: Any) -> None:
    output, whole = write_tensor("x", given_values, as_bytes=True)
    tensor = msgspec.convert(output, Tensor)
    size = data.draw(st.integers(0, len(whole) + 3).filter(lambda size: size != len(whole)))
    other = whole[:size].ljust(size, b"\0")
    with pytest.raises(SignatureMismatchError):
        read_arrays([tensor], other)
    tensor.parameters["binary_data_size"] = size
    with pytest.raises(SignatureMismatchError):
        read_arrays([tensor], other)


@given(st.binary(max_size=40), st.sampled_from(["BYTES", "BOOL", "FP16", "INT64"]))
def test_any_bytes_make_a_tensor_or_are_refused(data: bytes, datatype: str) -> None:
    for length in range(1, 5):
        tensor = Tensor("x", [length], datatype, parameters={"binary_data_size": len(data)})
        try:
            array = read_arrays([tensor], data)["x"]
        except SignatureMismatchError:
            continue
        assert array.shape == (length,)
        assert datatype != "BOOL" or set(array.tolist()) <= {True, False}


@pytest.mark.parametrize(
    ("shape", "datatype", "data", "said"),
    [
        ([2], "FP32", [1e300, 1.0], "does not fit"),
        ([1], "UINT8", [256], "does not fit"),
        ([1], "UINT8", [-1], "does not fit"),
        ([1], "INT32", [1.5], "its data are float64"),
        ([1], "BYTES", [1], "expected texts"),
        ([2**62, 4], "INT64", [1], "takes 18446744073709551616"),
        ([], "INT64", [], "expected positive"),
        ([1], "COMPLEX", [1], "expected one of"),
        ([1], "INT64", None, "neither data nor"),
        ([1], "INT64", [{}], "is"),
        ([3], "FP64", [1.5, ["2"], 3], "its data hold texts"),
        ([1] * 70, "INT64", [1], "70 axes"),
    ],
)
def test_a_tensor_that_is_not_what_it_says_is_refused(
    shape: list[int], datatype: str, data: Any, said: str
) -> None:
    with pytest.raises(SignatureMismatchError, match=said):
        read_arrays([Tensor("x", shape, datatype, data)], b"")


@pytest.mark.parametrize("datatype", ["INT64", "BYTES"])
def test_bytes_of_too_many_axes_are_refused(datatype: str) -> None:
    tensor = Tensor("x", [1] * 70, datatype, parameters={"binary_data_size": 8})
    with pytest.raises(SignatureMismatchError, match="70 axes"):
        read_arrays([tensor], bytes([4, 0, 0, 0, 1, 1, 1, 1]))


def test_one_long_text_among_numbers_takes_no_memory() -> None:
    """As one array of texts these would take 16 GB."""
    tensor = Tensor("x", [40_001], "INT64", ["x" * 100_000, *range(40_000)])
    with pytest.raises(SignatureMismatchError, match="hold texts"):
        read_arrays([tensor], b"")


def test_lists_in_lists_however_deep_are_one_list() -> None:
    data: list[Any] = [2, 3]
    for _ in range(5000):
        data = [1, data, 4] if data[0] == 2 else [data]
    assert read_arrays([Tensor("x", [4], "INT64", data)], b"")["x"].tolist() == [1, 2, 3, 4]


def test_a_tensor_given_twice_is_refused() -> None:
    tensor = Tensor("x", [1], "INT64", [1])
    with pytest.raises(SignatureMismatchError, match="twice"):
        read_arrays([tensor, tensor], b"")


@pytest.mark.parametrize("length", ["", "x", "-1", "1e3", "²", "9" * 30, "12345"])
def test_a_header_length_that_is_none_is_refused(length: str) -> None:
    with pytest.raises(ValidationError, match="Inference-Header-Content-Length"):
        read_request(b'{"inputs":[]}', length)


def test_outputs_come_as_each_was_asked_for() -> None:
    body = {
        "inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}],
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "b", "parameters": {"binary_data": False}}, {"name": "a"}],
    }
    request = read_request(msgspec.json.encode(body))
    answer, length = to_answer({"a": [1, 2], "b": ["é"], "c": [0.5]}, request, "m", 3)
    outputs = msgspec.json.decode(answer[:length])["outputs"]
    assert [one["name"] for one in outputs] == ["b", "a"]
    assert outputs[0]["data"] == ["é"]
    assert outputs[1]["parameters"] == {"binary_data_size": 16}
    assert np.frombuffer(answer[length:], "<i8").tolist() == [1, 2]
