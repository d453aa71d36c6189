"""Rows as lists of dicts, by the standard library: nothing heavy is imported."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tauro._internal._dataset import DatasetSpec
from tauro.catalog._engine import READ_ERRORS, Job, is_records
from tauro.catalog._json_rows import dump_rows
from tauro.errors import DatasetError


class PythonEngine:
    """Reads and writes CSV and JSON lines as lists of dicts.

    CSV carries no types; a column that the schema declares is converted, and what does not convert
    stays a text, which the check of the schema then shows. An empty field of such a column is None.
    """

    name: Final = "python"
    errors = READ_ERRORS

    def require(self, spec: DatasetSpec) -> None:
        """Check that the format is one the standard library reads.

        Raises:
            DatasetError: It is not.
        """
        if spec.format not in ("csv", "json"):
            raise DatasetError(
                f"Dataset {spec.name!r}: the engine 'python' does not read {spec.format!r}.",
                suggestions=["It reads csv and json; use pandas, polars or pyarrow."],
            )

    def owns(self, data: Any) -> bool:
        """Tell whether ``data`` is a list of dicts; an empty list is one."""
        return is_records(data) or data == []

    def read(self, job: Job) -> list[dict[str, Any]]:
        """Return the rows of one file."""
        data = job.content()
        text = (gzip.decompress(data) if job.is_gzip else data).decode("utf-8-sig")
        if job.spec.format == "json":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        converters = {c.name: CONVERT[c.type] for c in job.spec.schema if c.type in CONVERT}
        options = {"delimiter": job.separator, **job.spec.load_options}
        rows = list(csv.DictReader(io.StringIO(text, newline=""), **options))
        return [_converted(row, converters) for row in rows] if converters else rows

    def write(self, frame: list[dict[str, Any]], job: Job) -> None:
        """Write rows to one file."""
        if job.spec.format == "json":
            data = dump_rows(frame, lines=job.is_lines)
        else:
            buffer = io.StringIO(newline="")
            options = {"delimiter": job.separator, "lineterminator": "\n", **job.spec.save_options}
            writer = csv.DictWriter(buffer, self.columns(frame), **options)
            if job.header:
                writer.writeheader()
            writer.writerows(frame)
            data = buffer.getvalue().encode()
        opener = gzip.open if job.is_gzip else open
        with opener(job.source, "wb") as file:
            file.write(data)

    def concat(self, frames: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Return the rows of several lists as one."""
        return [row for frame in frames for row in frame]

    def to_arrow(self, frame: list[dict[str, Any]]) -> Any:
        """Return the rows as an Arrow table."""
        import pyarrow as pa

        return pa.Table.from_pylist(frame)

    def from_arrow(self, table: Any) -> list[dict[str, Any]]:
        """Return an Arrow table as rows."""
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    def from_records(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows themselves."""
        return records

    def columns(self, frame: list[dict[str, Any]]) -> list[str]:
        """Return the keys of the rows, in the order in which they first come."""
        return list(dict.fromkeys(key for row in frame for key in row))

    def select(self, frame: list[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
        """Return some columns in the order given."""
        return [{name: row.get(name) for name in names} for row in frame]

    def column(self, frame: list[dict[str, Any]], name: str) -> list[Any]:
        """Return a column as a list."""
        return [row.get(name) for row in frame]

    def with_column(
        self, frame: list[dict[str, Any]], name: str, values: Any
    ) -> list[dict[str, Any]]:
        """Return the rows with a column replaced."""
        return [{**row, name: value} for row, value in zip(frame, values, strict=True)]


def _converted(row: dict[str, Any], table: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    for name, convert in table.items():
        text = row.get(name)
        if text is None or text == "":
            row[name] = None
            continue
        try:
            row[name] = convert(text)
        except ValueError:
            continue
    return row


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        raise ValueError(text)
    return lowered == "true"


CONVERT: Final[Mapping[str, Callable[[str], Any]]] = {
    "integer": int,
    "float": float,
    "boolean": _boolean,
}
"""Column type to what makes its values of texts, or raises ValueError."""
