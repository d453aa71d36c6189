"""Input examples as JSON: rows of columns, or nested lists of an array."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tauro.errors import ValidationError
from tauro.flavors._tables import as_table, is_frame, to_array

MAX_ROWS: Final = 100


def encode_example(example: Any) -> bytes:
    """Return the first rows of an example as JSON.

    Raises:
        ValidationError: It is neither a table nor an array of plain values.
    """
    table = as_table(example)
    if is_frame(table):
        text = table.head(MAX_ROWS).to_json(orient="split", date_format="iso", index=False)
        return json.dumps({"form": "frame", **json.loads(text)}, indent=1).encode()
    if isinstance(table, Mapping):
        data: Any = {str(k): to_array(v)[:MAX_ROWS].tolist() for k, v in table.items()}
    else:
        data = to_array(table)[:MAX_ROWS].tolist()
    try:
        return json.dumps({"form": "array", "data": data}, indent=1).encode()
    except (TypeError, ValueError) as error:
        raise ValidationError(
            f"The input example is a {type(example).__name__} that is no table and no array of "
            f"plain values: {error}."
        ) from error


def decode_example(content: bytes) -> Any:
    """Return what :func:`encode_example` wrote: a frame, an array or a mapping of arrays."""
    import numpy as np
    import pandas as pd

    found = json.loads(content)
    if found["form"] == "frame":
        return pd.DataFrame(found["data"], columns=found["columns"])
    if isinstance(found["data"], dict):
        return {name: np.asarray(value) for name, value in found["data"].items()}
    return np.asarray(found["data"])
