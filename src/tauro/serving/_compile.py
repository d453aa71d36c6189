"""The compiled way: a model as an ONNX graph, where that gives the same answers.

The graph is made once a version and kept in the store by the digest of the version's files, so that
other processes and later starts need not convert. Whether it answers as the model does is tried at
every load: a graph is only as good as the runtime that is installed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from tauro._internal._optional import load
from tauro.errors import ServingError, StorageError, StorageNotFoundError
from tauro.flavors import ColumnSpec, LoadedModel
from tauro.serving._caller import Caller, PlainCaller
from tauro.serving._tables import build_frame
from tauro.storage import StorageBackend

CompileMode = Literal["auto", "never", "require"]
_FOLDER: Final = "serving/compiled"
_EXACT: Final = 2**24
"""Up to here 32 bits of a float hold every integer."""
_TYPES: Final = {"integer", "float", "string", "boolean"}
_TOLERANCE: Final = 1e-5
"""Between probabilities, and between predicted numbers relative to their size."""


class NotCompilableError(ServingError):
    """The model does not convert, or its graph answers otherwise."""


class OnnxCaller(Caller):
    """A graph with an input a column, or one for all, run by ONNX Runtime on one thread.

    Its numbers are of 32 bits. Rows with values that do not fit into them, beyond what was compared
    with the model, go to ``fallback``.

    Attributes:
        fallback: The model itself, None while the two are compared.
    """

    path = "onnx"
    is_quick = True
    fallback: Caller | None = None

    def __init__(self, graph: bytes, specs: Sequence[ColumnSpec]) -> None:
        runtime = load("onnxruntime", extra="onnx", purpose="Serving a compiled model")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        outputs = [value.name for value in self._session.get_outputs()]
        self._first, self.has_probabilities = outputs[:1], len(outputs) > 1
        self._both = outputs[:2]
        self._inputs = [value.name for value in self._session.get_inputs()]
        self._dtypes = [_dtype(spec) for spec in specs]
        self._names = [spec.name for spec in specs]
        self._whole = [index for index, spec in enumerate(specs) if spec.type == "integer"]
        self._most = [_EXACT for _ in specs]

    def predict_columns(self, columns: Sequence[Sequence[Any]]) -> Any:
        """Return the graph's labels, or numbers; the model's where a value is out of range."""
        feed = self._feed(columns)
        if feed is None:
            assert self.fallback is not None, "only a fallback has a range"
            return self.fallback.predict_columns(columns)
        return self._shaped(self._session.run(self._first, feed)[0])

    def compared(self, rows: pd.DataFrame) -> None:
        """Note up to which values the graph was compared with the model."""
        self._most = [
            max(_EXACT, int(rows[name].abs().max())) if index in self._whole else _EXACT
            for index, name in enumerate(self._names)
        ]

    def predict_data(self, data: Any) -> Any:
        """Return the graph's labels, or numbers, for a frame."""
        return self.predict_columns([data[name].to_numpy() for name in self._names])

    def probabilities(self, columns: Sequence[Sequence[Any]]) -> Any:
        """Return the graph's second output."""
        feed = self._feed(columns)
        assert feed is not None, "probabilities are asked for before there is a fallback"
        return self._session.run(self._both, feed)[1]

    def _feed(self, columns: Sequence[Sequence[Any]]) -> dict[str, Any] | None:
        """Return the graph's inputs, None where the fallback is to be asked."""
        if self.fallback is not None and any(
            max(columns[index]) > self._most[index] or -min(columns[index]) > self._most[index]
            for index in self._whole
        ):
            return None
        try:
            with np.errstate(over="ignore" if self.fallback is None else "raise"):
                arrays = [
                    np.array(values, dtype=dtype).reshape(-1, 1)
                    for values, dtype in zip(columns, self._dtypes, strict=True)
                ]
        except FloatingPointError:
            return None
        if len(self._inputs) < len(arrays):
            arrays = [np.hstack(arrays)]
        return dict(zip(self._inputs, arrays, strict=True))

    @staticmethod
    def _shaped(found: Any) -> Any:
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found


def _dtype(spec: ColumnSpec) -> Any:
    return {"string": object, "boolean": np.bool_}.get(spec.type, np.float32)


def choose_caller(
    model: LoadedModel,
    specs: Sequence[ColumnSpec],
    mode: CompileMode,
    *,
    storage: StorageBackend | None,
    digest: str,
    recorded: Sequence[Sequence[Any]] = (),
) -> tuple[Caller, str]:
    """Return how a model is called, and why it is not compiled, "" where it is.

    Args:
        model: The model.
        specs: Its columns.
        mode: ``auto``: compiled where that gives the same answers; ``never``; ``require``: refuse
            a version that cannot be compiled.
        storage: Keeps graphs, None for nowhere.
        digest: Of the version's files.
        recorded: Rows of requests, values in the columns' order, on which the answers must be the
            same too.

    Raises:
        NotCompilableError: The mode is ``require`` and the model is not to be compiled.
    """
    plain = PlainCaller(model, specs)
    if mode == "never":
        return plain, "not compiled"
    try:
        caller = _compile(model, specs, storage, digest, recorded)
        caller.fallback = plain
        return caller, ""
    except NotCompilableError as error:
        if mode == "require":
            raise
        return plain, error.message


def _compile(
    model: LoadedModel,
    specs: Sequence[ColumnSpec],
    storage: StorageBackend | None,
    digest: str,
    recorded: Sequence[Sequence[Any]],
) -> OnnxCaller:
    example = model.input_example
    if model.spec.flavor != "sklearn":
        raise NotCompilableError(f"Models of the flavor {model.spec.flavor!r} are not compiled.")
    if not isinstance(example, pd.DataFrame) or not specs:
        raise NotCompilableError("Without columns and an input example no answers can be compared.")
    odd = [s.name for s in specs if s.type not in _TYPES or s.nullable or not s.required]
    if odd:
        raise NotCompilableError(f"The columns {', '.join(odd[:3])} have no counterpart in ONNX.")
    path = f"{_FOLDER}/{digest.removeprefix('sha256:')}-{_converter_version()}.onnx"
    # Converters and the runtime raise whatever they like; the plain way is always there.
    try:
        graph = _read(storage, path) if digest else None
        made = graph if graph is not None else _convert(model.native, specs)
        caller = OnnxCaller(made, specs)
        rows = mixed_rows(example[[spec.name for spec in specs]])
        _compare(model, caller, rows)
        caller.compared(rows)
        if recorded:
            _compare(model, caller, build_frame(specs, list(zip(*recorded, strict=True))))
    except NotCompilableError:
        raise
    # The model and its converter are others' code; what does not convert is served as it is.
    except Exception as error:
        raise NotCompilableError(
            f"The model does not convert to ONNX: {type(error).__name__}: {str(error)[:200]}"
        ) from error
    if graph is None and digest:
        _keep(storage, path, made)
    return caller


def _converter_version() -> str:
    try:
        return installed_version("skl2onnx")
    except PackageNotFoundError as error:
        raise NotCompilableError(
            "Compiling needs skl2onnx, which is not installed: pip install 'tauro[onnx]'."
        ) from error


def _read(storage: StorageBackend | None, path: str) -> bytes | None:
    try:
        return storage.read_bytes(path) if storage is not None else None
    except StorageNotFoundError:
        return None


def _keep(storage: StorageBackend | None, path: str, graph: bytes) -> None:
    """Keep a graph for the next start; a store that takes none costs only the time."""
    try:
        if storage is not None:
            storage.write_bytes(path, graph)
    except (StorageError, OSError):
        return


def _convert(model: Any, specs: Sequence[ColumnSpec]) -> bytes:
    """Return the graph of a model with an input a column, or with one for all its numbers."""
    types = load("skl2onnx.common.data_types")
    if _takes_columns(model):
        kinds = {"string": types.StringTensorType, "boolean": types.BooleanTensorType}
        number = types.FloatTensorType
        inputs = [(spec.name, kinds.get(spec.type, number)([None, 1])) for spec in specs]
    elif all(spec.type in ("integer", "float") for spec in specs):
        inputs = [("x", types.FloatTensorType([None, len(specs)]))]
    else:
        raise NotCompilableError("A graph takes texts only where a ColumnTransformer comes first.")
    skl2onnx = load("skl2onnx", extra="onnx", purpose="Compiling a model")
    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    graph = skl2onnx.to_onnx(model, initial_types=inputs, options=options)
    serialized: bytes = graph.SerializeToString()
    return serialized


def _takes_columns(model: Any) -> bool:
    steps = getattr(model, "steps", None)
    first = steps[0][1] if steps else model
    return hasattr(first, "transformers_") or (steps is not None and _takes_columns(first))


def _compare(model: LoadedModel, caller: OnnxCaller, rows: pd.DataFrame) -> None:
    """Let both answer the same rows.

    Raises:
        NotCompilableError: They differ.
    """
    columns = [rows[name].tolist() for name in rows.columns]
    expected, got = np.asarray(model.predict(rows)), np.asarray(caller.predict_columns(columns))
    if expected.shape != got.shape:
        raise NotCompilableError(f"The graph answers {got.shape}, the model {expected.shape}.")
    alike = _close if expected.dtype.kind == "f" else np.array_equal
    same = bool(alike(expected, got))
    if same and caller.has_probabilities:
        proba: Callable[[Any], Any] | None = getattr(model, "predict_proba", None)
        same = proba is None or _close(np.asarray(proba(rows)), caller.probabilities(columns))
    if not same:
        raise NotCompilableError(f"The graph answers {len(rows)} rows otherwise than the model.")


def _close(expected: Any, got: Any) -> bool:
    return bool(np.allclose(expected, got, rtol=_TOLERANCE, atol=_TOLERANCE))


def mixed_rows(example: pd.DataFrame, count: int = 256) -> pd.DataFrame:
    """Return the rows of an example, and more made of its values.

    Each column is drawn anew, so that values meet that did not; numbers that are no integers also
    lie between those of the example, where a tree's threshold is sooner met.
    """
    rng = np.random.default_rng(0)
    made: dict[str, Any] = {}
    for name in example.columns:
        values = example[name]
        drawn = values.iloc[rng.integers(len(values), size=count)].reset_index(drop=True)
        if values.dtype.kind == "f":
            others = values.iloc[rng.integers(len(values), size=count)].reset_index(drop=True)
            part = rng.random(count)
            drawn = drawn * part + others * (1 - part)
        made[str(name)] = drawn
    return pd.concat([example, pd.DataFrame(made)], ignore_index=True)
