"""Values that users log, as the bytes of an artifact."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from tauro._internal._optional import load
from tauro.errors import TrackingValidationError

_IMAGE_FORMATS = {"JPG": "JPEG", "TIF": "TIFF"}


def dict_bytes(data: Any, path: str) -> bytes:
    """Return a mapping or list as JSON, or as YAML where the path ends so.

    Raises:
        TrackingValidationError: It holds something that neither format does.
    """
    try:
        if path.endswith((".yaml", ".yml")):
            return yaml.safe_dump(data, sort_keys=False, allow_unicode=True).encode()
        return json.dumps(data, indent=2, ensure_ascii=False, default=_plain).encode()
    except (TypeError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise TrackingValidationError(
            f"The data for {path!r} cannot be written as a document: {error}.",
            context={"path": path},
        ) from error


def _plain(value: Any) -> Any:
    for method in ("tolist", "isoformat"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    return str(value)


def table_bytes(table: Any, path: str) -> bytes:
    """Return a frame, or a mapping of columns, as Parquet, CSV or JSON, by the path's suffix.

    Raises:
        TrackingValidationError: The suffix is another, or the values have no column type.
    """
    try:
        table = _as_frame(table, path)
        if path.endswith(".parquet"):
            buffer = io.BytesIO()
            table.to_parquet(buffer)
            return buffer.getvalue()
        if path.endswith(".csv"):
            return str(table.to_csv(index=False)).encode()
        if path.endswith(".json"):
            return str(table.to_json(orient="split", index=False)).encode()
    except (TypeError, ValueError) as error:
        raise TrackingValidationError(
            f"The table for {path!r} cannot be written: {error}.", context={"path": path}
        ) from error
    raise TrackingValidationError(
        f"A table is written as Parquet, CSV or JSON; {path!r} ends in none of them.",
        context={"path": path},
        suggestions=["End the path in .parquet, .csv or .json."],
    )


def _as_frame(table: Any, path: str) -> Any:
    import pandas as pd

    if isinstance(table, Mapping):
        return pd.DataFrame(table)
    if hasattr(table, "collect"):  # a lazy frame of polars
        table = table.collect()
    if isinstance(table, pd.Series):
        return table.to_frame()
    if not isinstance(table, pd.DataFrame) and hasattr(table, "to_pandas"):
        table = table.to_pandas()
    if not isinstance(table, pd.DataFrame):
        raise TrackingValidationError(
            f"A {type(table).__name__} is no table that {path!r} can hold.",
            context={"path": path, "type": type(table).__name__},
            suggestions=["Give a pandas, polars or pyarrow table, or a mapping of columns."],
        )
    return table


def figure_bytes(figure: Any, path: str, options: Mapping[str, Any]) -> bytes:
    """Return a figure as the format that the path's suffix names.

    Raises:
        TrackingValidationError: The object has no way to save itself, or none in that format.
    """
    kind = PurePosixPath(path).suffix.lstrip(".").lower() or "png"
    as_page = hasattr(figure, "to_html") and kind == "html"
    if not (as_page or hasattr(figure, "savefig") or hasattr(figure, "to_image")):
        raise TrackingValidationError(
            f"A {type(figure).__name__} is not a figure: it has neither savefig, to_html nor "
            "to_image.",
            context={"path": path, "type": type(figure).__name__},
            suggestions=["Give a Matplotlib or Plotly figure, or keep a file with log_artifact."],
        )
    try:
        if hasattr(figure, "savefig"):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, **{"bbox_inches": "tight", **options})
            return buffer.getvalue()
        if as_page:
            return str(figure.to_html(**options)).encode()
        return bytes(figure.to_image(format=kind, **options))
    except ValueError as error:
        raise TrackingValidationError(
            f"The figure for {path!r} cannot be written as {kind!r}: {error}.",
            context={"path": path, "format": kind},
            suggestions=["End the path in .png, .svg or .pdf, or .html for a Plotly figure."],
        ) from error


def image_bytes(image: Any, path: str) -> bytes:
    """Return a Pillow image, or an array of shape (height, width[, 3 or 4]), as an image file.

    Floats and bools are taken as 0 to 1, integers as 0 to 255; beyond is cut off, NaN is black.

    Raises:
        TrackingValidationError: It is neither, or cannot be written in the format of the suffix.
    """
    if not hasattr(image, "save"):
        image = _from_array(image, path)
    buffer = io.BytesIO()
    kind = PurePosixPath(path).suffix.lstrip(".").upper() or "PNG"
    try:
        image.save(buffer, format=_IMAGE_FORMATS.get(kind, kind))
    except (KeyError, ValueError, OSError) as error:
        # KeyError: no such format; OSError: the format has no such mode, as JPEG has no alpha.
        why = "no such format is known" if isinstance(error, KeyError) else str(error)
        raise TrackingValidationError(
            f"The image for {path!r} cannot be written as {kind}: {why}.",
            context={"path": path, "format": kind},
            suggestions=["End the path in .png, which keeps every image."],
        ) from error
    return buffer.getvalue()


def _from_array(array: Any, path: str) -> Any:
    import numpy as np

    values = np.asarray(array)
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)):
        raise TrackingValidationError(
            f"The image for {path!r} has the shape {values.shape}; expected (height, width) or "
            "(height, width, 3 or 4).",
            context={"path": path},
        )
    if values.dtype.kind not in "biuf":
        raise TrackingValidationError(
            f"The image for {path!r} is of type {values.dtype}; expected numbers.",
            context={"path": path},
        )
    if values.dtype.kind in "fb":
        values = np.nan_to_num(np.clip(values.astype(float), 0.0, 1.0)) * 255
    else:
        values = np.clip(values, 0, 255)
    return load("PIL.Image:fromarray", purpose="log_image")(values.astype(np.uint8))
