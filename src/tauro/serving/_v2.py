"""The Open Inference Protocol, version 2, over REST: what KServe's and Triton's clients speak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from tauro.errors import SignatureMismatchError, ValidationError
from tauro.flavors import ColumnSpec, ModelSignature

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
_OF_TYPE: Final = {
    "integer": "INT64",
    "float": "FP64",
    "boolean": "BOOL",
    "string": "BYTES",
    "datetime": "BYTES",
    "binary": "BYTES",
    "any": "BYTES",
}
_OF_KIND: Final = {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "FP64"}


class Tensor(msgspec.Struct):
    """An input of a request."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct):
    """The body of ``/v2/models/NAME/infer``."""

    inputs: list[Tensor]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[dict[str, Any]] = []


_decoder = msgspec.json.Decoder(InferRequest)


def read_request(body: bytes) -> InferRequest:
    """Return the request of a body.

    Raises:
        SignatureMismatchError: It is JSON of another shape.
        ValidationError: It is not JSON, or has no inputs.
    """
    try:
        request = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise SignatureMismatchError(f"The body is no inference request: {error}.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValidationError(f"The body is not JSON: {error}.") from error
    if not request.inputs:
        raise ValidationError("inputs is empty; expected at least one tensor.")
    return request


def to_samples(request: InferRequest, signature: ModelSignature | None) -> list[Any]:
    """Return a request's tensors as the samples of ``/predict``, one a row.

    A model of columns takes a tensor a column, or one tensor with a row a sample and the columns in
    their order.

    Raises:
        SignatureMismatchError: A tensor is not of its shape or type.
    """
    arrays = {tensor.name: _array(tensor) for tensor in request.inputs}
    names = signature.input_names if signature is not None else []
    tabular = signature is not None and not signature.is_tensor
    if len(arrays) == 1:
        (name, array), *_ = arrays.items()
        if not tabular:
            return list(array.tolist())
        if name not in names or (array.ndim == 2 and array.shape[1] == len(names) > 1):
            if array.ndim != 2 or array.shape[1] != len(names):
                raise SignatureMismatchError(
                    f"The tensor {name!r} has the shape {list(array.shape)}; expected "
                    f"[rows, {len(names)}], or a tensor for each of {', '.join(names)}."
                )
            return [dict(zip(names, row, strict=True)) for row in array.tolist()]
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1:
        raise SignatureMismatchError(f"The inputs have different numbers of rows: {lengths}.")
    columns = {
        name: (array.reshape(len(array)) if tabular and array.size == len(array) else array)
        for name, array in arrays.items()
    }
    plain = {name: array.tolist() for name, array in columns.items()}
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


def _array(tensor: Tensor) -> Any:
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
    try:
        flat = np.array(_flatten(tensor.data), dtype=object if dtype == "object" else None)
        size = int(np.prod(tensor.shape, dtype=np.float64))
        if flat.ndim != 1 or flat.size != size:
            raise SignatureMismatchError(
                f"The input {tensor.name!r} has {flat.size} values; its shape {tensor.shape} "
                f"takes {size}."
            )
        return _typed(flat, tensor, dtype).reshape(tensor.shape)
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, SignatureMismatchError):
            raise
        raise SignatureMismatchError(
            f"The input {tensor.name!r} is not {tensor.datatype}: {error}."
        ) from error


def _flatten(data: Sequence[Any]) -> list[Any]:
    """Return nested lists as one list; the protocol permits both."""
    flat: list[Any] = []
    for value in data:
        if isinstance(value, list):
            flat.extend(_flatten(value))
        else:
            flat.append(value)
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
    cast = flat.astype(dtype)
    if kinds == "iu" and not np.array_equal(cast, flat):
        raise SignatureMismatchError(f"The input {tensor.name!r} does not fit {tensor.datatype}.")
    return cast


def to_answer(found: Any, request: InferRequest, name: str, version: int) -> dict[str, Any]:
    """Return predictions as the protocol's answer: one tensor, or one for each named output."""
    parts = found if isinstance(found, dict) else {"predictions": found}
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        parts = {key: [row.get(key) for row in found] for key in found[0]}
    answer: dict[str, Any] = {"model_name": name, "model_version": str(version)}
    if request.id:
        answer["id"] = request.id
    asked = {str(output.get("name")) for output in request.outputs}
    chosen = {key: value for key, value in parts.items() if not asked or key in asked}
    answer["outputs"] = [_output(key, value) for key, value in (chosen or parts).items()]
    return answer


def _output(name: str, values: Any) -> dict[str, Any]:
    array = np.asarray(values)
    datatype = _OF_KIND.get(array.dtype.kind, "BYTES")
    flat = array.ravel().tolist()
    if datatype == "BYTES":
        flat = [value if isinstance(value, str) else str(value) for value in flat]
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": flat}


def describe_model(
    name: str, versions: Sequence[int], platform: str, signature: ModelSignature | None
) -> dict[str, Any]:
    """Return a model's metadata as the protocol has it."""
    inputs = signature.inputs if signature is not None else ()
    outputs = signature.outputs if signature is not None else ()
    return {
        "name": name,
        "versions": [str(version) for version in versions],
        "platform": platform,
        "inputs": [_describe(column) for column in inputs],
        "outputs": [_describe(column, "predictions") for column in outputs]
        if len(outputs) == 1
        else [_describe(column) for column in outputs],
    }


def _describe(column: ColumnSpec, name: str = "") -> dict[str, Any]:
    shape = [-1] if column.shape is None else list(column.shape)
    return {"name": name or column.name, "datatype": _OF_TYPE[column.type], "shape": shape}
