"""Tables of Arrow."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from tauro._internal import _optional
from tauro._internal._dataset import DatasetSpec
from tauro.catalog._engine import READ_ERRORS, Job
from tauro.catalog._json_rows import dump_rows


class PyarrowEngine:
    """Reads and writes by Arrow's own functions; Excel files by way of pandas."""

    name: Final = "pyarrow"
    errors = (*READ_ERRORS, pa.ArrowException)

    def require(self, spec: DatasetSpec) -> None:
        """Check that the reader of Excel files is there; Arrow takes the other formats."""
        if spec.format == "excel":
            _optional.load("openpyxl", extra="excel", purpose="Reading and writing Excel files")

    def owns(self, data: Any) -> bool:
        """Tell whether ``data`` is a table."""
        return isinstance(data, pa.Table)

    def read(self, job: Job) -> pa.Table:
        """Return the table of one file."""
        options = dict(job.spec.load_options)
        if job.spec.format == "parquet":
            with job.opened() as file:
                return pa.parquet.read_table(file, **{"partitioning": None, **options})
        if job.spec.format == "json":
            if options:
                return pa.json.read_json(job.source, **_made(options, {}, pa.json))
            # Arrow reads no list of objects, and makes times of texts that look like them.
            data = job.content()
            lines = [line for line in data.splitlines() if line.strip()]
            rows = map(json.loads, lines) if job.is_lines else json.loads(data)
            return pa.Table.from_pylist(list(rows))
        if job.spec.format == "excel":
            import pandas as pd

            with job.opened() as file:
                return pa.Table.from_pandas(pd.read_excel(file, **options), preserve_index=False)
        defaults: dict[str, dict[str, Any]] = {
            "parse_options": {"delimiter": job.separator},
            "convert_options": {"column_types": dict.fromkeys(job.texts, pa.string())},
        }
        # Arrow knows a compressed file by its name, which an open one does not have.
        packed = job.is_gzip and not isinstance(job.source, str)
        source = io.BytesIO(gzip.decompress(job.content())) if packed else job.source
        return pa.csv.read_csv(source, **_made(options, defaults, pa.csv))

    def write(self, frame: pa.Table, job: Job) -> None:
        """Write a table to one file."""
        options = dict(job.spec.save_options)
        if job.spec.format == "parquet":
            pa.parquet.write_table(frame, job.source, **options)
        elif job.spec.format == "excel":
            frame.to_pandas().to_excel(job.source, **{"index": False, **options})
        elif job.spec.format == "json":
            # Arrow reads JSON and does not write it.
            if options:
                raise TypeError(f"pyarrow writes no JSON and knows no option {min(options)!r}")
            with open(job.source, "wb") as file:
                file.write(dump_rows(frame.to_pylist(), lines=job.is_lines))
        else:
            defaults = {"write_options": {"include_header": job.header, "delimiter": job.separator}}
            settled = _made(options, defaults, pa.csv)
            opener = gzip.open if job.is_gzip else open
            with opener(job.source, "wb") as file:
                pa.csv.write_csv(frame, file, **settled)

    def concat(self, frames: Sequence[pa.Table]) -> pa.Table:
        """Return the rows of several tables as one."""
        return pa.concat_tables(frames, promote_options="permissive")

    def to_arrow(self, frame: pa.Table) -> pa.Table:
        """Return the table itself."""
        return frame

    def from_arrow(self, table: pa.Table) -> pa.Table:
        """Return the table itself."""
        return table

    def from_records(self, records: list[dict[str, Any]]) -> pa.Table:
        """Return rows as a table."""
        return pa.Table.from_pylist(records)

    def columns(self, frame: pa.Table) -> list[str]:
        """Return the names of the columns."""
        names: list[str] = frame.column_names
        return names

    def select(self, frame: pa.Table, names: Sequence[str]) -> pa.Table:
        """Return some columns in the order given."""
        return frame.select(list(names))

    def column(self, frame: pa.Table, name: str) -> Any:
        """Return a column."""
        return frame[name]

    def with_column(self, frame: pa.Table, name: str, values: Any) -> pa.Table:
        """Return the table with a column replaced."""
        return frame.set_column(frame.column_names.index(name), name, values)


def _made(
    given: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]], module: Any
) -> dict[str, Any]:
    """Return options as Arrow takes them: a mapping, which is what a file holds, becomes an object.

    Args:
        given: As configured: ``parse_options: {delimiter: ";"}``, or Arrow's objects.
        defaults: Lie below mappings; an object takes their place.
        module: Has the classes: ``ParseOptions`` for ``parse_options``.
    """
    made: dict[str, Any] = {}
    for name in {**defaults, **given}:
        value = given.get(name, {})
        kind = getattr(module, name.title().replace("_", ""), None)
        if isinstance(value, Mapping) and kind is not None:
            value = kind(**{**defaults.get(name, {}), **value})
        made[name] = value
    return made
