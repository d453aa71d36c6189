"""Tensors of the Open Inference Protocol: as JSON, and as the bytes of its binary extension."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from tauro.errors import SignatureMismatchError

_DTYPES: Final[dict[str, str]] = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object",
}
_OF_KIND: Final = {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "FP64"}
_SIZE: Final = "binary_data_size"
_MOST_AXES: Final = 32
"""What every version of NumPy takes."""


class Tensor(msgspec.Struct):
    """An input of a request; its values are ``data``, or bytes that follow the request's JSON."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


def read_arrays(tensors: Sequence[Tensor], binary: bytes) -> dict[str, Any]:
    """Return the tensors of a request as arrays, by name.

    Args:
        tensors: The inputs.
        binary: What follows the JSON; each tensor with ``binary_data_size`` has its part, in order.

    Raises:
        SignatureMismatchError: A tensor is not of its shape or type, or given twice.
    """
    arrays: dict[str, Any] = {}
    at = 0
    for tensor in tensors:
        if tensor.name in arrays:
            raise SignatureMismatchError(f"The input {tensor.name!r} is given twice.")
        size = tensor.parameters.get(_SIZE)
        if size is None:
            arrays[tensor.name] = _from_json(tensor)
            continue
        if type(size) is not int or not 0 <= size <= len(binary) - at:
            raise SignatureMismatchError(
                f"The input {tensor.name!r} has the {_SIZE} {size!r}; {len(binary) - at} bytes are "
                "left after the JSON."
            )
        arrays[tensor.name] = _from_bytes(tensor, binary[at : at + size])
        at += size
    if at < len(binary):
        raise SignatureMismatchError(
            f"{len(binary) - at} bytes after the JSON belong to no input; {_SIZE} says which do."
        )
    return arrays


def _dtype(tensor: Tensor) -> tuple[str, int]:
    """Return a tensor's dtype and number of values."""
    dtype = _DTYPES.get(tensor.datatype)
    if dtype is None:
        raise SignatureMismatchError(
            f"The input {tensor.name!r} has the datatype {tensor.datatype!r}; expected one of "
            f"{', '.join(_DTYPES)}."
        )
    if not tensor.shape or min(tensor.shape) < 1:
        raise SignatureMismatchError(
            f"The input {tensor.name!r} has the shape {tensor.shape}; expected positive lengths."
        )
    if len(tensor.shape) > _MOST_AXES:
        raise SignatureMismatchError(
            f"The input {tensor.name!r} has {len(tensor.shape)} axes; at most {_MOST_AXES} are "
            "taken."
        )
    return dtype, math.prod(tensor.shape)


def _from_json(tensor: Tensor) -> Any:
    dtype, size = _dtype(tensor)
    if tensor.data is None:
        raise SignatureMismatchError(f"The input {tensor.name!r} has neither data nor {_SIZE}.")
    try:
        values = _flatten(tensor.data)
        # NumPy would make a text of every number, each as long as the longest.
        if dtype != "object" and str in map(type, values):
            raise SignatureMismatchError(
                f"The input {tensor.name!r} is {tensor.datatype}; its data hold texts."
            )
        flat = np.array(values, dtype=object if dtype == "object" else None)
        _check_count(tensor, flat.size if flat.ndim == 1 else -1, size)
        return _typed(flat, tensor, dtype).reshape(tensor.shape)
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, SignatureMismatchError):
            raise
        raise SignatureMismatchError(
            f"The input {tensor.name!r} is not {tensor.datatype}: {error}."
        ) from error


def _check_count(tensor: Tensor, got: int, expected: int) -> None:
    if got != expected:
        raise SignatureMismatchError(
            f"The input {tensor.name!r} has {got} values; "
            f"its shape {tensor.shape} takes {expected}."
        )


def _flatten(data: Sequence[Any]) -> list[Any]:
    """Return nested lists as one list; the protocol permits both."""
    flat: list[Any] = []
    open_lists: list[Iterator[Any]] = [iter(data)]
    while open_lists:
        for value in open_lists[-1]:
            if isinstance(value, list):
                open_lists.append(iter(value))
                break
            flat.append(value)
        else:
            open_lists.pop()
    return flat


def _typed(flat: Any, tensor: Tensor, dtype: str) -> Any:
    if dtype == "object":
        wrong = next((value for value in flat if not isinstance(value, str)), None)
        if wrong is not None:
            raise SignatureMismatchError(
                f"The input {tensor.name!r} is BYTES; expected texts, got {wrong!r}."
            )
        return flat
    kinds = {"bool": "b", "float": "iuf"}.get(dtype.rstrip("0123456789"), "iu")
    if flat.dtype.kind not in kinds:
        raise SignatureMismatchError(
            f"The input {tensor.name!r} is {tensor.datatype}; its data are {flat.dtype}."
        )
    with np.errstate(over="ignore"):
        cast = flat.astype(dtype)
    fits = np.array_equal(cast, flat) if kinds == "iu" else np.isfinite(cast).all()
    if not fits:
        raise SignatureMismatchError(f"The input {tensor.name!r} does not fit {tensor.datatype}.")
    return cast


def _from_bytes(tensor: Tensor, data: bytes) -> Any:
    dtype, size = _dtype(tensor)
    if dtype == "object":
        texts = _split_texts(tensor, data)
        _check_count(tensor, len(texts), size)
        return np.array(texts, dtype=object).reshape(tensor.shape)
    width = np.dtype(dtype).itemsize
    if len(data) != size * width:
        raise SignatureMismatchError(
            f"The input {tensor.name!r} has {len(data)} bytes; {tensor.shape} of "
            f"{tensor.datatype} takes {size * width}."
        )
    # A byte that is neither 0 nor 1 is no bool; whatever reads it later may misbehave.
    if dtype == "bool":
        return (np.frombuffer(data, "uint8") != 0).reshape(tensor.shape)
    return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).reshape(tensor.shape)


def _split_texts(tensor: Tensor, data: bytes) -> list[str]:
    """Return texts that stand one after the other, each after its length in four bytes."""
    texts, at = [], 0
    try:
        while at < len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "little")
            if end > len(data) or at + 4 > len(data):
                raise SignatureMismatchError(
                    f"The input {tensor.name!r} has a text that ends after its bytes."
                )
            texts.append(data[at + 4 : end].decode())
            at = end
    except UnicodeDecodeError as error:
        raise SignatureMismatchError(
            f"The input {tensor.name!r} has a text that is not UTF-8: {error}."
        ) from error
    return texts


def write_tensor(name: str, values: Any, *, as_bytes: bool) -> tuple[dict[str, Any], bytes]:
    """Return predictions as an output of an answer, and the bytes that follow its JSON."""
    array = np.asarray(values)
    datatype = _OF_KIND.get(array.dtype.kind, "BYTES")
    output = {"name": name, "shape": list(array.shape), "datatype": datatype}
    if datatype == "BYTES":
        texts = [each if isinstance(each, str) else str(each) for each in array.ravel().tolist()]
        if not as_bytes:
            return {**output, "data": texts}, b""
        encoded = [text.encode() for text in texts]
        data = b"".join(len(each).to_bytes(4, "little") + each for each in encoded)
    elif not as_bytes:
        return {**output, "data": array.ravel().tolist()}, b""
    else:
        data = array.astype(np.dtype(_DTYPES[datatype]).newbyteorder("<")).tobytes()
    return {**output, "parameters": {_SIZE: len(data)}}, data
