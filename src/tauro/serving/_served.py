"""A version on its way into service: loaded, tried on its own example, ready for requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import pandas as pd

from tauro._internal import _clock
from tauro.errors import ServingError, TauroError
from tauro.flavors import LoadedModel, ModelSignature
from tauro.registry import ModelVersion
from tauro.serving._caller import Caller, to_json, to_plain
from tauro.serving._categories import find_categories
from tauro.serving._compile import CompileMode, choose_caller
from tauro.serving._engine import Engine
from tauro.serving._limits import Limits
from tauro.serving._reader import RowReader
from tauro.serving._within import run_within
from tauro.storage import StorageBackend


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A version that is loaded and has answered.

    Attributes:
        version: The version.
        model: The model, loaded.
        loaded_at: When, UTC.
        reader: Reads the rows of requests.
        engine: Predicts them.
        answer_end: The end of every JSON answer: it names the version.
        answer_headers: The headers of every answer.
        why_plain: Why it is not compiled, "" where it is.
        example: Two samples for the documentation, None where there are none.
    """

    version: ModelVersion
    model: LoadedModel
    loaded_at: datetime
    reader: RowReader
    engine: Engine
    answer_end: bytes
    answer_headers: tuple[tuple[bytes, bytes], ...]
    why_plain: str = ""
    example: list[Any] | None = None

    @property
    def signature(self) -> ModelSignature | None:
        """What it takes and gives."""
        return self.version.signature or self.model.signature


def load_served(
    version: ModelVersion,
    limits: Limits,
    *,
    allow_pickle: bool = False,
    trusted: Iterable[type | str] = (),
    compiled: CompileMode = "never",
    storage: StorageBackend | None = None,
) -> ServedModel:
    """Load a version and let it answer its own input example.

    Args:
        version: The version.
        limits: Bounds of its requests.
        allow_pickle: Permit formats whose loading runs code.
        trusted: Types that files may hold beyond those known to be safe.
        compiled: Whether to serve it through ONNX.
        storage: Keeps compiled graphs.

    Raises:
        ServingError: It cannot be loaded, or does not answer, or not in time.
        TauroError: The registry or the format says why it cannot be loaded.
    """
    label = f"Version {version.version} of {version.name!r}"
    with _told(f"{label} cannot be loaded", version):
        model = run_within(
            limits.load_deadline,
            lambda: version.load(allow_pickle=allow_pickle, trusted=trusted),
            f"{label} did not load",
        )
    signature = version.signature or model.signature
    with _told(f"{label} does not answer its own input example", version):
        reader = RowReader(
            signature,
            categories=find_categories(model.native, signature),
            max_problems=limits.max_problems,
            max_table=limits.max_held,
        )
        caller, why_plain = choose_caller(
            model, reader.columns, compiled, storage=storage, digest=version.metadata.digest
        )
        run_within(
            limits.first_deadline,
            lambda: _warm_up(caller, reader, model.input_example),
            f"{label} did not answer its own input example",
        )
        example = _first_rows(model.input_example)
    name, number = to_json(version.name), version.version
    return ServedModel(
        version,
        model,
        _clock.now(),
        reader,
        Engine(caller, label, limits),
        answer_end=b',"model":%s,"model_version":%d}' % (name, number),
        answer_headers=((b"x-model-version", b"%d" % number),),
        why_plain=why_plain,
        example=example,
    )


def compile_served(
    served: ServedModel,
    limits: Limits,
    storage: StorageBackend | None,
    former: ServedModel | None = None,
) -> ServedModel:
    """Return a served version with the compiled engine, or with why there is none.

    Rows that it was asked for, and the version before it if that took the same columns, are among
    those that must be answered the same.
    """
    version = served.version
    recorded = list(served.engine.recorded)
    if former is not None and former.reader.columns == served.reader.columns:
        recorded += former.engine.recorded
    caller, why_plain = choose_caller(
        served.model,
        served.reader.columns,
        "auto",
        storage=storage,
        digest=version.metadata.digest,
        recorded=recorded,
    )
    label = f"Version {version.version} of {version.name!r}"
    return replace(served, engine=Engine(caller, label, limits), why_plain=why_plain)


@contextmanager
def _told(message: str, version: ModelVersion) -> Iterator[None]:
    """Say what failed, where the framework's code or the user's raises in the body."""
    try:
        yield
    except TauroError:
        raise
    # Whatever a model raises, `sys.exit()` too: the version before goes on.
    except (Exception, SystemExit) as error:
        raise ServingError(
            f"{message}: {type(error).__name__}: {error}",
            context={"model": version.name, "version": version.version},
        ) from error


def _warm_up(caller: Caller, reader: RowReader, example: Any) -> None:
    """Predict an input example, as a table and then by column: the first calls allocate."""
    if example is None:
        return
    to_plain(caller.predict_data(example))
    is_json = all(column.type != "binary" for column in reader.columns)
    if reader.columns and is_json and isinstance(example, pd.DataFrame):
        names = [column.name for column in reader.columns if column.name in example]
        rows = reader.read_samples(_rows(example[names]))
        if rows.columns is not None:
            to_plain(caller.predict_columns(rows.columns))


def _rows(frame: pd.DataFrame) -> list[Any]:
    """Return a frame as a request's samples."""
    found: list[Any] = msgspec.json.decode(frame.to_json(orient="records", date_format="iso"))
    return found


def _first_rows(example: Any) -> list[Any] | None:
    """Return the first rows of an input example as JSON values."""
    if isinstance(example, pd.DataFrame):
        return _rows(example.head(2))
    return None if example is None or isinstance(example, dict) else list(example[:2].tolist())
