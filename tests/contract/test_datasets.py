"""Every kind of dataset keeps to the contract of datasets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.unit.catalog.frames import MAKERS, rows_of

from tauro._internal import _optional
from tauro.catalog import Catalog, Dataset
from tauro.mlops import MLOpsContext
from tauro.testing import DatasetSuite


class _Described(DatasetSuite):
    """A dataset that the catalog makes of a description."""

    spec: ClassVar[dict[str, Any]]

    def make(self, folder: Path) -> Dataset:
        return Catalog({"x": self.spec}, root=folder).get_dataset("x")


class _Frames(_Described):
    """Rows of several types; whole when all are of one save."""

    refused: ClassVar[tuple[Any, ...]] = (object(), 3, "text", {"a": [1]})
    engine: ClassVar[str] = "pandas"

    def make(self, folder: Path) -> Dataset:
        return Catalog({"x": {"engine": self.engine, **self.spec}}, root=folder).get_dataset("x")

    def value(self, number: int) -> Any:
        rows = [{"n": number, "f": number + 0.5, "t": f"row {i} of {number}"} for i in range(20)]
        return MAKERS[self.engine](rows)

    def plain(self, data: Any) -> Any:
        return sorted(rows_of(data), key=str)

    def change(self, data: Any) -> None:
        if self.engine == "pandas":
            data["t"] = "changed"
        if self.engine == "python":
            data.clear()


class TestParquetPandas(_Frames):
    spec: ClassVar = {"path": "x.parquet"}


class TestParquetPolars(_Frames):
    spec: ClassVar = {"path": "x.parquet"}
    engine = "polars"


class TestParquetPyarrow(_Frames):
    spec: ClassVar = {"path": "x.parquet"}
    engine = "pyarrow"


class TestCsvPandas(_Frames):
    spec: ClassVar = {"path": "x.csv"}


class TestCsvPolars(_Frames):
    spec: ClassVar = {"path": "deep/er/x.csv"}
    engine = "polars"


class TestCsvPyarrow(_Frames):
    spec: ClassVar = {"path": "x.tsv"}
    engine = "pyarrow"


class TestCsvPython(_Frames):
    engine = "python"
    spec: ClassVar = {
        "path": "x.csv.gz",
        "schema": [
            {"name": "n", "type": "integer"},
            {"name": "f", "type": "float"},
            {"name": "t", "type": "string"},
        ],
    }


class TestJsonRowsPandas(_Frames):
    spec: ClassVar = {"path": "x.json"}
    refused = (object(),)


class TestJsonLinesPolars(_Frames):
    spec: ClassVar = {"path": "x.jsonl"}
    engine = "polars"


class TestJsonLinesPyarrow(_Frames):
    spec: ClassVar = {"path": "x.jsonl"}
    engine = "pyarrow"


class TestJsonLinesPython(_Frames):
    spec: ClassVar = {"path": "x.ndjson"}
    engine = "python"


class TestExcel(_Frames):
    spec: ClassVar = {"path": "x.xlsx"}


class TestVersioned(_Frames):
    spec: ClassVar = {"path": "x.parquet", "versioned": True}


class TestPartitioned(_Frames):
    spec: ClassVar = {"path": "x", "format": "parquet", "partition_by": ["n"]}
    engine = "pyarrow"
    is_whole = False
    """A folder is swapped in one step, but read file by file."""


class TestDelta(_Frames):
    spec: ClassVar = {"path": "x", "format": "delta"}
    engine = "pyarrow"


class TestSql(_Frames):
    spec: ClassVar = {"format": "sql", "connection": "sqlite:///x.db", "table": "rows"}
    tells_content = False


class TestRemoteParquet(_Frames):
    # fsspec's memory gives every reader of a file the same object, with one place in it for all.
    is_whole = False

    @pytest.fixture(autouse=True)
    def _bucket(self) -> None:
        self.url = f"memory://{uuid.uuid4().hex}/x.parquet"

    def make(self, folder: Path) -> Dataset:
        return Catalog({"x": {"path": self.url}}, root=folder).get_dataset("x")


class TestJsonValue(_Described):
    spec: ClassVar = {"path": "x.json"}

    def value(self, number: int) -> Any:
        return {"number": number, "list": [number] * 500, "text": "é\u2028\n", "none": None}


class TestText(_Described):
    spec: ClassVar = {"path": "x.txt"}
    refused = (object(), 3, None, b"bytes")

    def value(self, number: int) -> Any:
        return f"line {number}\nü\u2028\t" * 500

    def change(self, data: Any) -> None:
        """A text cannot be changed."""


class TestPickle(_Described):
    spec: ClassVar = {"path": "x.pkl", "allow_pickle": True}
    refused = (lambda: None,)

    def value(self, number: int) -> Any:
        return {number: ({number}, b"\0" * 500)}


class TestMemory(DatasetSuite):
    is_persistent = tells_content = owns_loaded = False
    refused = ()

    def make(self, folder: Path) -> Dataset:
        return Catalog({"x": {}}, root=folder).get_dataset("x")

    def value(self, number: int) -> Any:
        return [number] * 500


class TestModel(DatasetSuite):
    """A model of the registry: every save is a version, and the newest is loaded."""

    refused = (object(), {"not": "a model"})

    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path) -> Iterator[None]:
        with MLOpsContext(storage_path=str(tmp_path / "store")) as context:
            context.model_registry.list_models()  # makes the store, as opening a project does
            self.context = context
            yield

    def make(self, folder: Path) -> Dataset:
        del folder
        from tauro._internal._dataset import DatasetSpec

        made: Dataset = _optional.load("tauro.project._model_dataset:ModelDataset")(
            DatasetSpec(name="x", format="model", model="churn"),
            lambda: self.context.model_registry,
        )
        return made

    def value(self, number: int) -> Any:
        from sklearn.linear_model import LinearRegression

        return LinearRegression().fit([[0.0], [1.0]], [0.0, float(number + 1)])

    def plain(self, data: Any) -> Any:
        return [round(float(each), 6) for each in data.predict([[1.0], [2.0]])]

    def change(self, data: Any) -> None:
        data.native.coef_[:] = 0.0


def test_a_password_in_a_description_is_masked(tmp_path: Path) -> None:
    url = "postgresql://u:hunter2@h/db"
    specs: dict[str, dict[str, Any]] = {
        "sql": {"format": "sql", "connection": url, "table": "t"},
        "options": {"path": "x.csv", "storage_options": {"secret": "hunter2"}},
        "http": {"path": "https://u:hunter2@h/x.csv", "format": "http"},
    }
    catalog = Catalog(specs, root=tmp_path)
    for name in specs:
        assert "hunter2" not in str(catalog.describe(name))
        assert "hunter2" not in repr(catalog.get_spec(name))
