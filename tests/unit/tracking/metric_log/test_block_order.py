"""A block of points in the map: no slot has its checksum before all of them have their points."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tauro.tracking._metric_log import MetricLog


class Watched:
    """An array over the map that notes what is stored, in which order."""

    def __init__(self, array: Any, seen: list[str]) -> None:
        self._array = array
        self._seen = seen

    def __setitem__(self, key: Any, value: Any) -> None:
        if key == "crc":
            self._seen.append("checksums")
        else:
            self._seen.append("points with checksums" if value["crc"].any() else "points")
        self._array[key] = value


def test_a_block_gets_its_checksums_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill in between leaves slots that readers know as unfinished, and none that looks torn."""
    seen: list[str] = []
    real = np.frombuffer

    def watched(buffer: Any, *arguments: Any) -> Any:
        array = real(buffer, *arguments)
        return Watched(array, seen) if isinstance(buffer, mmap.mmap) else array

    log = MetricLog(tmp_path, maps=True)
    with monkeypatch.context() as patch:
        patch.setattr(np, "frombuffer", watched)
        log.writer("exp", "run").append_columns({"loss": np.arange(500.0)}, None, None)
    assert seen[:2] == ["points", "checksums"]
    assert set(seen[::2]) == {"points"}
    assert set(seen[1::2]) == {"checksums"}
    assert log.history("exp", "run", "loss").value.tolist() == list(range(500))
    log.close()
