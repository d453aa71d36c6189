"""The seam to the libraries that hold frames, and the boundary around their errors."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from tauro._internal._dataset import DatasetSpec
from tauro.errors import DatasetError, DatasetNotFoundError, TauroError

if TYPE_CHECKING:
    import pyarrow as pa

READ_ERRORS: Final[tuple[type[Exception], ...]] = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
    RecursionError,
    zipfile.BadZipFile,
)
"""What readers and writers raise for bad data or bad options; an engine adds its own."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to read or write.

    Attributes:
        spec: The dataset.
        path: The file's own path, by whose suffix the compression is known.
        source: What to open: the path, or an open binary file.
        header: Whether a text table is written with the names of its columns.
    """

    spec: DatasetSpec
    path: str
    source: Any
    header: bool = True

    def content(self) -> bytes:
        """Return the bytes of the source."""
        with self.opened() as file:
            data: bytes = file.read()
            return data

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Give the source as an open file.

        Readers of Parquet and Excel open a path more than once. One that is replaced meanwhile
        would be read half old, half new: of 12,000 such reads 42 failed.
        """
        if isinstance(self.source, str):
            with open(self.source, "rb") as file:
                yield file
        else:
            yield self.source

    @property
    def is_lines(self) -> bool:
        """Whether the file holds one JSON value a line."""
        return self.path.lower().endswith((".jsonl", ".ndjson"))

    @property
    def separator(self) -> str:
        """What parts the columns of a text table."""
        return "\t" if self.path.lower().endswith((".tsv", ".tsv.gz")) else ","

    @property
    def texts(self) -> list[str]:
        """The columns that must be read as texts: as a number, "007" would be 7."""
        return [column.name for column in self.spec.schema if column.type == "string"]

    @property
    def is_gzip(self) -> bool:
        """Whether the file is compressed."""
        return self.path.lower().endswith(".gz")


class Engine(Protocol):
    """A library of frames. Engines hold no state.

    Options of the dataset are passed to the library's own functions as they are.
    """

    name: str
    errors: tuple[type[Exception], ...]

    def require(self, spec: DatasetSpec) -> None:
        """Check that the engine takes the format.

        Raises:
            DatasetError: It does not.
            MissingExtraError: It needs a further package for it.
        """

    def owns(self, data: Any) -> bool:
        """Tell whether ``data`` is this library's frame."""

    def read(self, job: Job) -> Any:
        """Return the frame of one file."""

    def write(self, frame: Any, job: Job) -> None:
        """Write a frame to one file."""

    def concat(self, frames: Sequence[Any]) -> Any:
        """Return the rows of several frames as one; columns are matched by name."""

    def to_arrow(self, frame: Any) -> pa.Table:
        """Return the frame as an Arrow table."""

    def from_arrow(self, table: pa.Table) -> Any:
        """Return an Arrow table as this library's frame."""

    def from_records(self, records: list[dict[str, Any]]) -> Any:
        """Return rows as a frame."""

    def columns(self, frame: Any) -> list[str]:
        """Return the names of the columns."""

    def select(self, frame: Any, names: Sequence[str]) -> Any:
        """Return some columns in the order given."""

    def column(self, frame: Any, name: str) -> pa.ChunkedArray | pa.Array | list[Any]:
        """Return a column as Arrow data, or as a list where its values are of several kinds."""

    def with_column(self, frame: Any, name: str, values: Any) -> Any:
        """Return the frame with a column replaced by Arrow data, or by a list of its own kind."""


_LIBRARIES: Final = ("pandas", "polars", "pyarrow")


def convert(data: Any, engine: Engine, spec: DatasetSpec) -> Any:
    """Return ``data`` as a frame of ``engine``.

    Raises:
        DatasetError: It is no frame.
    """
    if engine.owns(data):
        return data
    from tauro.catalog._registry import load_engine

    library = type(data).__module__.partition(".")[0]
    if library in _LIBRARIES:
        other: Engine = load_engine(library, spec.name)
        if other.owns(data):
            with writing(spec, spec.path or "", (*engine.errors, *other.errors)):
                return engine.from_arrow(other.to_arrow(data))
    if library == "pyspark" and hasattr(data, "toPandas"):
        return convert(data.toPandas(), engine, spec)
    if is_records(data):
        return engine.from_records(data)
    raise DatasetError(
        f"Dataset {spec.name!r} ({spec.format}) takes a frame, got {_kind(data)}.",
        suggestions=[
            "Return a DataFrame of pandas, polars or pyarrow, or a list of dicts;",
            "or save the value with 'format: json', or 'format: memory'.",
        ],
    )


def is_records(data: Any) -> bool:
    """Tell whether a value is a list of dicts, and so rows of a frame."""
    return isinstance(data, list) and bool(data) and all(isinstance(row, dict) for row in data)


def _kind(data: Any) -> str:
    name = type(data).__qualname__
    module = type(data).__module__
    return (
        "nothing (None)" if data is None else name if module == "builtins" else f"{module}.{name}"
    )


@contextmanager
def reading(spec: DatasetSpec, shown: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn what a reader raises into an error that names the dataset and the file."""
    with _named("loaded from", spec, shown, errors, dict(spec.load_options)):
        yield


@contextmanager
def writing(spec: DatasetSpec, shown: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn what a writer raises into an error that names the dataset and the file."""
    with _named("saved to", spec, shown, errors, dict(spec.save_options)):
        yield


@contextmanager
def _named(
    verb: str,
    spec: DatasetSpec,
    shown: str,
    errors: tuple[type[Exception], ...],
    options: dict[str, Any],
) -> Iterator[None]:
    try:
        yield
    except TauroError:
        raise
    except FileNotFoundError as error:
        raise DatasetNotFoundError(
            f"Dataset {spec.name!r} cannot be {verb} {shown}: {error.strerror or error}.",
            suggestions=["Something removed it meanwhile, or the path is not right."],
        ) from error
    except errors as error:
        hints = [f"It was opened as {spec.format!r} by {spec.engine!r}; is that what it is?"]
        if options:
            hints.append(f"Options passed on: {', '.join(sorted(options))}.")
        first = (str(error).strip() or "no message").splitlines()[0]
        raise DatasetError(
            f"Dataset {spec.name!r} cannot be {verb} {shown}: {type(error).__name__}: {first}",
            context={"dataset": spec.name, "path": shown},
            suggestions=hints,
        ) from error
