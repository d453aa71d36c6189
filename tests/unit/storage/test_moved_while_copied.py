"""A folder that goes to another place while it is copied: never a part of it without a word."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.errors import StorageNotFoundError
from tauro.storage import LocalStorageBackend


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorageBackend:
    storage = LocalStorageBackend(tmp_path / "store")
    for name in ("a.txt", "b/c.txt", "d/e/f.txt"):
        storage.write_bytes(f"staging/{name}", name.encode())
    return storage


def moves_at(storage: LocalStorageBackend, turn: int) -> None:
    """Move the folder away before a call on it."""
    place, seen = str(storage.root / "staging"), 0

    def move(operation: str, path: str) -> None:
        nonlocal seen
        if path.startswith(place):
            seen += 1
            if seen == turn:
                os.rename(place, f"{place}-moved")

    _fs.set_fault_hook(move)


def test_whenever_it_goes_the_copy_is_whole_or_an_error(
    storage: LocalStorageBackend, tmp_path: Path
) -> None:
    place = storage.root / "staging"
    outcomes = set()
    for turn in range(1, 30):
        out = tmp_path / f"out{turn}"
        moves_at(storage, turn)
        try:
            storage.read_artifact("staging", out)
            whole = True
        except StorageNotFoundError:
            whole = False
        _fs.set_fault_hook(None)
        moved = not place.exists()
        if whole:
            found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.txt"))
            assert found == ["a.txt", "b/c.txt", "d/e/f.txt"]
        outcomes.add((whole, moved))
        if moved:
            os.rename(f"{place}-moved", place)
    assert outcomes == {(False, True), (True, False)}
