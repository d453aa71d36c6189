"""ONNX: a graph of operators, run by ONNX Runtime; it holds no code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._columns import ColumnSpec
from tauro.flavors._folder import ModelFolder
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions
from tauro.flavors._signature import ModelSignature
from tauro.flavors._tables import is_frame
from tauro.flavors._trust import Trust
from tauro.flavors._types import ColumnType

_FILE: Final = "model.onnx"
_LARGEST: Final = 2**31 - 1
"""What a protobuf message holds; the weights of larger models go to a file beside it."""
_DTYPES: Final = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}


class OnnxFlavor(Flavor):
    """``onnx.ModelProto``. ``native`` is an ``onnxruntime.InferenceSession`` after loading.

    A graph with one input a column takes tables. ``predict`` returns the only output, or the first
    of a classifier (its labels), or a mapping of all outputs by name.
    """

    name = "onnx"
    framework = "onnx"
    packages = ("onnx", "onnxruntime", "numpy")
    extra = "onnx"

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write ``model.onnx``."""
        del options
        onnx = load("onnx", extra=self.extra, purpose="saving an ONNX model")
        if not isinstance(model, onnx.ModelProto):
            raise FlavorError(
                f"A {type(model).__qualname__} of onnx is no model; expected a ModelProto."
            )
        onnx.save_model(
            model, str(folder / _FILE), save_as_external_data=model.ByteSize() > _LARGEST
        )
        return Saved({"file": _FILE})

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Open a session on the file."""
        del trust
        return _predictor(_session(str(source.file(str(data["file"])))))

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Open a session on the graph."""
        del data
        return _predictor(_session(model.SerializeToString()))

    def signature_of(self, model: Any) -> ModelSignature:
        """Return the graph's inputs and outputs."""
        session = _session(model.SerializeToString())
        by_column = _takes_columns(session)
        return ModelSignature(
            tuple(_column(value, by_column=by_column) for value in session.get_inputs()),
            tuple(_column(value) for value in session.get_outputs()),
        )

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone ``.onnx`` file."""
        del source
        found = [name for name in names if name.endswith(".onnx")]
        return {"file": found[0]} if len(found) == 1 else None


def _session(graph: str | bytes) -> Any:
    runtime = load("onnxruntime", extra="onnx", purpose="loading an ONNX model")
    errors = load("onnxruntime.capi.onnxruntime_pybind11_state")
    refusals = (
        errors.InvalidProtobuf,
        errors.InvalidGraph,
        errors.InvalidArgument,
        errors.NotImplemented,
        errors.Fail,
        errors.RuntimeException,
    )
    try:
        return runtime.InferenceSession(graph, providers=runtime.get_available_providers())
    except refusals as error:
        raise FlavorError(f"The model cannot be read by ONNX Runtime: {error}.") from error


def _takes_columns(session: Any) -> bool:
    shapes = [value.shape for value in session.get_inputs()]
    return len(shapes) > 1 and all(len(shape) == 2 and shape[1] == 1 for shape in shapes)


def _column(value: Any, *, by_column: bool = False) -> ColumnSpec:
    kind = _DTYPES.get(value.type, "")
    found: ColumnType = "any"
    if kind == "object":
        found = "string"
    elif kind == "bool":
        found = "boolean"
    elif kind:
        found = "float" if kind.startswith("float") else "integer"
    shape = tuple(size if isinstance(size, int) else -1 for size in value.shape or ())
    return ColumnSpec(value.name, found, shape=None if by_column or not shape else shape)


def _predictor(session: Any) -> Predictor:
    import numpy as np

    inputs, names = session.get_inputs(), [value.name for value in session.get_outputs()]
    by_column = _takes_columns(session)

    def feed(data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping) or (by_column and is_frame(data)):
            parts = {value.name: np.asarray(data[value.name]) for value in inputs}
        elif len(inputs) == 1:
            parts = {inputs[0].name: np.asarray(data)}
        else:
            parts = {value.name: np.asarray(data)[:, i] for i, value in enumerate(inputs)}
        shape = (-1, 1) if by_column else None
        return {value.name: _as_input(parts[value.name], value, shape) for value in inputs}

    def predict(data: Any) -> Any:
        found = session.run(None, feed(data))
        if len(found) == 1 or _is_classifier(names):
            return found[0]
        return dict(zip(names, found, strict=True))

    def probabilities(data: Any) -> Any:
        found = session.run([names[1]], feed(data))[0]
        rows = isinstance(found, list) and found and isinstance(found[0], dict)
        return np.asarray([list(row.values()) for row in found]) if rows else np.asarray(found)

    proba = probabilities if _is_classifier(names) else None
    return Predictor(session, predict, proba, form="frame" if by_column else "tensors")


def _as_input(part: Any, value: Any, shape: tuple[int, int] | None) -> Any:
    cast = part.astype(_DTYPES[value.type]) if value.type in _DTYPES else part
    return cast.reshape(shape) if shape is not None else cast


def _is_classifier(names: list[str]) -> bool:
    return len(names) == 2 and "label" in names[0].lower() and "prob" in names[1].lower()
