"""A store of the test's own as the process's context, read back by a tracker of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro.mlops import ExperimentTracker, init_mlops, set_mlops_context

# Keras takes its backend from here, once, at its first import.
os.environ.setdefault("KERAS_BACKEND", "torch")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the process's store."""
    monkeypatch.chdir(tmp_path)
    init_mlops(storage_path=str(tmp_path / "store"))
    yield tmp_path / "store"
    set_mlops_context(None)


@pytest.fixture
def reader(store: Path) -> Iterator[ExperimentTracker]:
    """Another tracker of the same store: what it finds is on disk."""
    with ExperimentTracker(store) as tracker:
        yield tracker
