"""Frames of pandas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from tauro._internal import _optional
from tauro._internal._dataset import DatasetSpec
from tauro.catalog._engine import READ_ERRORS, Job
from tauro.catalog._json_rows import dump_rows


class PandasEngine:
    """Reads and writes by pandas' own functions."""

    name: Final = "pandas"
    errors = (*READ_ERRORS, pa.ArrowException)

    def require(self, spec: DatasetSpec) -> None:
        """Check that the reader of Excel files is there; pandas takes every format."""
        if spec.format == "excel":
            _optional.load("openpyxl", extra="excel", purpose="Reading and writing Excel files")

    def owns(self, data: Any) -> bool:
        """Tell whether ``data`` is a DataFrame."""
        return isinstance(data, pd.DataFrame)

    def read(self, job: Job) -> Any:
        """Return the frame of one file."""
        options = dict(job.spec.load_options)
        if job.spec.format == "parquet":
            with job.opened() as file:
                return pd.read_parquet(file, **options)
        if job.spec.format == "excel":
            with job.opened() as file:
                return pd.read_excel(file, **options)
        if job.spec.format == "json":
            return _json(job, options)
        defaults: dict[str, Any] = {"sep": job.separator}
        if job.texts:
            defaults["dtype"] = dict.fromkeys(job.texts, "str")
        if job.is_gzip:
            defaults["compression"] = "gzip"
        return pd.read_csv(job.source, **{**defaults, **options})

    def write(self, frame: pd.DataFrame, job: Job) -> None:
        """Write a frame to one file; the index is left out unless an option asks for it."""
        options = dict(job.spec.save_options)
        if job.spec.format == "parquet":
            frame.to_parquet(job.source, **options)
        elif job.spec.format == "excel":
            frame.to_excel(job.source, **{"index": False, **options})
        elif job.spec.format == "json":
            _write_json(frame, job, options)
        else:
            defaults = {"sep": job.separator, "index": False, "header": job.header}
            frame.to_csv(job.source, **{**defaults, **options})

    def concat(self, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Return the rows of several frames as one."""
        return pd.concat(frames, ignore_index=True)

    def to_arrow(self, frame: pd.DataFrame) -> pa.Table:
        """Return the frame as an Arrow table, its index left out."""
        return pa.Table.from_pandas(frame, preserve_index=False)

    def from_arrow(self, table: pa.Table) -> pd.DataFrame:
        """Return an Arrow table as a frame."""
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def from_records(self, records: list[dict[str, Any]]) -> pd.DataFrame:
        """Return rows as a frame."""
        return pd.DataFrame(records)

    def columns(self, frame: pd.DataFrame) -> list[str]:
        """Return the names of the columns."""
        return [str(name) for name in frame.columns]

    def select(self, frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
        """Return some columns in the order given."""
        return frame[list(names)]

    def column(self, frame: pd.DataFrame, name: str) -> Any:
        """Return a column as Arrow data; as a list where its values are of several kinds."""
        series = frame[name]
        try:
            return pa.array(series, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            missing = series.isna().tolist()
            values = series.tolist()
            return [None if gone else value for value, gone in zip(values, missing, strict=True)]

    def with_column(self, frame: pd.DataFrame, name: str, values: pa.Array) -> pd.DataFrame:
        """Return the frame with a column replaced; the one given is left as it is."""
        series = values.to_pandas()
        series.index = frame.index
        return frame.assign(**{name: series})


def _write_json(frame: pd.DataFrame, job: Job, options: dict[str, Any]) -> None:
    if options:
        frame.to_json(job.source, **{"orient": "records", "lines": job.is_lines, **options})
        return
    rows: Any = frame.astype(object).where(frame.notna(), None).to_dict("records")
    with open(job.source, "wb") as file:
        file.write(dump_rows(rows, lines=job.is_lines))


def _json(job: Job, options: dict[str, Any]) -> Any:
    if options:
        return pd.read_json(job.source, **{"lines": job.is_lines, **options})
    # Left to itself, pandas would make dates and numbers of texts that look like them.
    data = job.content()
    lines = data.splitlines() if job.is_lines else [data]
    values = [json.loads(line) for line in lines if line.strip()]
    return pd.DataFrame(values if job.is_lines else values[0])
