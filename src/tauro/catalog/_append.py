"""Rows added to a file: the file is still replaced in one step."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
from typing import Any, Final

from tauro._internal import _fs
from tauro._internal._close import did_you_mean
from tauro._internal._dataset import DatasetSpec
from tauro.catalog._engine import Engine, Job
from tauro.catalog._place import Place
from tauro.errors import DatasetError

_HEAD: Final = 1 << 20


def append(frame: Any, place: Place, spec: DatasetSpec, engine: Engine) -> None:
    """Put the rows of ``frame`` behind those of the file.

    A text table keeps every byte it has: read and written again, ``007`` would become ``7``.

    Raises:
        DatasetError: A text table has other columns.
    """
    if spec.format == "csv":
        frame = engine.select(frame, _columns_of(place, spec, engine.columns(frame)))
        _append_bytes(frame, place, spec, engine)
    elif Job(spec, place.path, place.path).is_lines:
        _append_bytes(frame, place, spec, engine)
    else:
        existing = engine.read(Job(spec, place.path, place.files.source(place.path)))
        with place.replaced() as path:
            engine.write(engine.concat([existing, frame]), Job(spec, path, path))


def _append_bytes(frame: Any, place: Place, spec: DatasetSpec, engine: Engine) -> None:
    old = place.files.read_bytes(place.path)
    with place.replaced() as path:
        rows = f"{path}.rows{'.gz' if path.endswith('.gz') else ''}"
        job = Job(spec, path, rows, header=False)
        try:
            engine.write(frame, job)
            with open(path, "wb") as target, open(rows, "rb") as added:
                target.write(old)
                if not _ends_a_line(old, gzipped=job.is_gzip):
                    target.write(gzip.compress(b"\n") if job.is_gzip else b"\n")
                # Gzip files may follow each other and read as one.
                shutil.copyfileobj(added, target)
        finally:
            _fs.discard(rows)


def _ends_a_line(data: bytes, *, gzipped: bool) -> bool:
    return not data or (gzip.decompress(data) if gzipped else data).endswith(b"\n")


def _columns_of(place: Place, spec: DatasetSpec, given: list[str]) -> list[str]:
    """Return the columns of the file in their order."""
    data = place.files.read_bytes(place.path)
    job = Job(spec, place.path, place.path)
    text = (gzip.decompress(data) if job.is_gzip else data)[:_HEAD].decode("utf-8-sig", "replace")
    separator = str(spec.load_options.get("sep", job.separator))
    columns = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
    if set(columns) != set(given):
        missing = [name for name in columns if name not in given]
        further = [name for name in given if name not in columns]
        raise DatasetError(
            f"Dataset {spec.name!r} has the columns {', '.join(columns)}; the rows to append "
            f"lack {', '.join(missing) or 'none'} and have further {', '.join(further) or 'none'}.",
            suggestions=[hint for name in further for hint in did_you_mean(name, missing)],
        )
    return columns
