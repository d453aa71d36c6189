"""Columns on all cores: numpy, scipy and Arrow let go of the interpreter while they work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

_T = TypeVar("_T")

_WORTH_THREADS: Final = 200_000


def map_columns(
    function: Callable[[str], _T], names: Sequence[str], rows: int, workers: int | None = None
) -> list[_T]:
    """Return the function's result for each column, in order.

    Args:
        function: Reads a column, and drops it before it returns; so memory holds one a thread.
        names: The columns.
        rows: Rows of each, for whether threads are worth their start.
        workers: Threads; None takes one a core.
    """
    threads = min(workers or os.cpu_count() or 1, len(names))
    if threads < 2 or rows * len(names) < _WORTH_THREADS:
        return [function(name) for name in names]
    with ThreadPoolExecutor(threads, "tauro-drift") as pool:
        return list(pool.map(function, names))
