"""The Open Inference Protocol, version 2, over REST: what KServe's and Triton's clients speak."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tauro.errors import SignatureMismatchError, ValidationError
from tauro.flavors import ColumnSpec, ModelSignature
from tauro.serving._caller import to_json
from tauro.serving._tensors import Tensor, read_arrays, write_tensor

HEADER_LENGTH: Final = "inference-header-content-length"
"""The header of the binary extension: how many bytes of a body are its JSON."""
EXTENSIONS: Final = ("binary_tensor_data",)
_OF_TYPE: Final = {
    "integer": "INT64",
    "float": "FP64",
    "boolean": "BOOL",
    "string": "BYTES",
    "datetime": "BYTES",
    "binary": "BYTES",
    "any": "BYTES",
}


class WantedOutput(msgspec.Struct):
    """An output that a request asks for."""

    name: str
    parameters: dict[str, Any] = {}


class _Header(msgspec.Struct):
    """The JSON of a request's body."""

    inputs: list[Tensor]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[WantedOutput] = []


class InferRequest(msgspec.Struct):
    """A request as it was read.

    Attributes:
        arrays: Its tensors by name.
        id: The client's name for it.
        outputs: The outputs that it asks for, all if empty.
        as_bytes: Whether outputs are answered as bytes where they do not say so themselves.
    """

    arrays: dict[str, Any]
    id: str
    outputs: dict[str, WantedOutput]
    as_bytes: bool


_decoder = msgspec.json.Decoder(_Header)


def read_request(body: bytes, header_length: str | None = None) -> InferRequest:
    """Return the request of a body.

    Args:
        body: The bytes.
        header_length: How many of them are JSON, None for all.

    Raises:
        SignatureMismatchError: It is JSON of another shape, or a tensor is not what it says.
        ValidationError: It is not JSON, or has no inputs.
    """
    json, binary = _split(body, header_length)
    try:
        header = _decoder.decode(json)
    except msgspec.ValidationError as error:
        raise SignatureMismatchError(f"The body is no inference request: {error}.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValidationError(f"The body is not JSON: {error}.") from error
    if not header.inputs:
        raise ValidationError("inputs is empty; expected at least one tensor.")
    return InferRequest(
        read_arrays(header.inputs, binary),
        header.id,
        {output.name: output for output in header.outputs},
        header.parameters.get("binary_data_output") is True,
    )


def _split(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    if header_length is None:
        return body, b""
    known = header_length.isascii() and header_length.isdigit() and len(header_length) < 20
    if not known or int(header_length) > len(body):
        raise ValidationError(
            f"Inference-Header-Content-Length is {header_length[:40]!r}; expected the length of "
            f"the JSON at the start of the body's {len(body)} bytes."
        )
    return body[: int(header_length)], body[int(header_length) :]


def to_samples(arrays: dict[str, Any], signature: ModelSignature | None) -> list[Any]:
    """Return a request's tensors as the samples of ``/predict``, one a row.

    A model of columns takes a tensor a column, or one tensor with a row a sample and the columns in
    their order.

    Raises:
        SignatureMismatchError: A tensor has another shape than the model takes.
    """
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


def to_answer(found: Any, request: InferRequest, name: str, version: int) -> tuple[bytes, int]:
    """Return the body that answers a request, and how many of its bytes are JSON.

    Predictions are one tensor, or one for each output that has a name.

    Raises:
        SignatureMismatchError: The request asks for an output that the model does not have.
    """
    parts = found if isinstance(found, dict) else {"predictions": found}
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        parts = {key: [row.get(key) for row in found] for key in found[0]}
    unknown = [wanted for wanted in request.outputs if wanted not in parts]
    if unknown:
        raise SignatureMismatchError(
            f"The output {unknown[0]!r} is not one of the model's: {', '.join(parts)}."
        )
    outputs, data = [], []
    for key in request.outputs or parts:
        as_bytes = request.as_bytes
        if key in request.outputs:
            as_bytes = bool(request.outputs[key].parameters.get("binary_data", as_bytes))
        output, part = write_tensor(key, parts[key], as_bytes=as_bytes)
        outputs.append(output)
        data.append(part)
    named = {"id": request.id} if request.id else {}
    answer = {"model_name": name, "model_version": str(version), **named, "outputs": outputs}
    json = to_json(answer)
    return b"".join([json, *data]), len(json)


def describe_model(
    name: str, version: int, platform: str, signature: ModelSignature | None
) -> dict[str, Any]:
    """Return a model's metadata as the protocol has it."""
    inputs = signature.inputs if signature is not None else ()
    outputs = signature.outputs if signature is not None else ()
    return {
        "name": name,
        "versions": [str(version)],
        "platform": platform,
        "inputs": [_describe(column) for column in inputs],
        "outputs": [_describe(column, "predictions") for column in outputs]
        if len(outputs) == 1
        else [_describe(column) for column in outputs],
    }


def _describe(column: ColumnSpec, name: str = "") -> dict[str, Any]:
    shape = [-1] if column.shape is None else list(column.shape)
    return {"name": name or column.name, "datatype": _OF_TYPE[column.type], "shape": shape}
