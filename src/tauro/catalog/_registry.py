"""Formats and engines by name, loaded on first use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final

from tauro._internal import _optional
from tauro._internal._close import did_you_mean
from tauro._internal._dataset import ENGINES, SUFFIXES
from tauro.catalog._protocol import DatasetFactory
from tauro.errors import DatasetError

ENTRY_POINTS: Final = "tauro.datasets"

_FRAMES: Final = "tauro.catalog._frames:FrameDataset"
_FORMATS: Final[Mapping[str, str]] = {
    "parquet": _FRAMES,
    "csv": _FRAMES,
    "excel": _FRAMES,
    "json": "tauro.catalog._values:JsonDataset",
    "text": "tauro.catalog._values:TextDataset",
    "pickle": "tauro.catalog._values:PickleDataset",
    "memory": "tauro.catalog._memory:MemoryDataset",
    "delta": "tauro.catalog._delta:DeltaDataset",
    "sql": "tauro.catalog._sql:SqlDataset",
    "http": "tauro.catalog._http:HttpDataset",
}
_ENGINES: Final[Mapping[str, tuple[str, str | None]]] = {
    "pandas": ("tauro.catalog._pandas:PandasEngine", None),
    "polars": ("tauro.catalog._polars:PolarsEngine", "polars"),
    "pyarrow": ("tauro.catalog._pyarrow:PyarrowEngine", None),
    "python": ("tauro.catalog._python:PythonEngine", None),
}


_SPARK: Final = "tauro.catalog._spark:SparkDataset"
_SPARK_FORMATS: Final = ("parquet", "csv", "json", "text", "delta")


def find_format(name: str, engine: str, dataset: str) -> DatasetFactory:
    """Return what makes datasets of a format: Tauro's own, else a third party's.

    Spark reads and writes by itself, wherever the data lies, so its engine has one maker.

    Raises:
        DatasetError: Nobody knows the format.
        MissingExtraError: It needs a package that is not installed.
    """
    target = _FORMATS.get(name)
    if engine == "spark" and name in _SPARK_FORMATS:
        target = _SPARK
    if target is not None:
        factory: DatasetFactory = _optional.load(target)
        return factory
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name in found:
        foreign: DatasetFactory = found[name].load()
        return foreign
    raise DatasetError(
        f"Dataset {dataset!r} has the format {name!r}, which nothing here reads.",
        suggestions=did_you_mean(name, [*_FORMATS, *found])
        or [f"Formats: {', '.join(_listed(found))}."],
    )


def load_engine(name: str, dataset: str) -> Any:
    """Return an engine.

    Raises:
        DatasetError: There is no engine of this name.
        MissingExtraError: Its package is not installed.
    """
    if name not in _ENGINES:
        raise DatasetError(
            f"Dataset {dataset!r} has the engine {name!r}, which does not exist.",
            suggestions=did_you_mean(name, ENGINES) or [f"Engines: {', '.join(ENGINES)}."],
        )
    target, extra = _ENGINES[name]
    return _optional.load(target, extra=extra, purpose=f"The engine {name!r}")()


def _listed(foreign: Iterable[str]) -> list[str]:
    return [*(name for name in SUFFIXES if name in _FORMATS), *foreign]
