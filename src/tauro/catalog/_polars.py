"""Frames of polars."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import pyarrow as pa
from polars.exceptions import PolarsError

from tauro._internal import _optional
from tauro._internal._dataset import DatasetSpec
from tauro.catalog._engine import READ_ERRORS, Job


class PolarsEngine:
    """Reads and writes by polars' own functions; Excel files by way of pandas."""

    name: Final = "polars"
    # The first releases of polars 1 raise what the reader of JSON lines found as a RuntimeError.
    errors = (*READ_ERRORS, PolarsError, pa.ArrowException, RuntimeError)

    def require(self, spec: DatasetSpec) -> None:
        """Check that the reader of Excel files is there; polars takes every format."""
        if spec.format == "excel":
            _optional.load("openpyxl", extra="excel", purpose="Reading and writing Excel files")

    def owns(self, data: Any) -> bool:
        """Tell whether ``data`` is a DataFrame; a LazyFrame is not one yet."""
        return isinstance(data, pl.DataFrame)

    def read(self, job: Job) -> Any:
        """Return the frame of one file."""
        options = dict(job.spec.load_options)
        if job.spec.format == "parquet":
            with job.opened() as file:
                return pl.read_parquet(file, **{"hive_partitioning": False, **options})
        if job.spec.format == "json":
            if not job.is_lines:
                return pl.read_json(job.source, **options)
            content = job.content()
            # An empty frame leaves an empty file, which the reader refuses.
            return pl.read_ndjson(io.BytesIO(content), **options) if content else pl.DataFrame()
        if job.spec.format == "excel":
            import pandas as pd

            with job.opened() as file:
                return pl.from_pandas(pd.read_excel(file, **options))
        texts = dict.fromkeys(job.texts, pl.String)
        defaults: dict[str, Any] = {"separator": job.separator, "schema_overrides": texts}
        return pl.read_csv(job.source, **{**defaults, **options})

    def write(self, frame: pl.DataFrame, job: Job) -> None:
        """Write a frame to one file."""
        options = dict(job.spec.save_options)
        if job.spec.format == "parquet":
            frame.write_parquet(job.source, **options)
        elif job.spec.format == "json":
            if job.is_lines:
                frame.write_ndjson(job.source, **options)
            else:
                frame.write_json(job.source, **options)
        elif job.spec.format == "excel":
            frame.to_pandas().to_excel(job.source, **{"index": False, **options})
        else:
            settled = {"separator": job.separator, "include_header": job.header, **options}
            opener = gzip.open if job.is_gzip else open
            with opener(job.source, "wb") as file:
                frame.write_csv(file, **settled)

    def concat(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Return the rows of several frames as one."""
        return pl.concat(frames, how="diagonal_relaxed")

    def to_arrow(self, frame: pl.DataFrame) -> pa.Table:
        """Return the frame as an Arrow table."""
        return frame.to_arrow()

    def from_arrow(self, table: pa.Table) -> pl.DataFrame:
        """Return an Arrow table as a frame."""
        frame = pl.from_arrow(table)
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()

    def from_records(self, records: list[dict[str, Any]]) -> pl.DataFrame:
        """Return rows as a frame."""
        return pl.DataFrame(records, infer_schema_length=None)

    def columns(self, frame: pl.DataFrame) -> list[str]:
        """Return the names of the columns."""
        return frame.columns

    def select(self, frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """Return some columns in the order given."""
        return frame.select(names)

    def column(self, frame: pl.DataFrame, name: str) -> Any:
        """Return a column as Arrow data."""
        return frame[name].to_arrow()

    def with_column(self, frame: pl.DataFrame, name: str, values: Any) -> pl.DataFrame:
        """Return the frame with a column replaced."""
        return frame.with_columns(pl.Series(name, values))
