"""What ``durability="disk"`` does, in which order: the bytes, then the name, then the folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.storage import LocalStorageBackend

Call = tuple[str, str]
BIG = b"x" * (2 << 20)


@pytest.fixture
def calls() -> Iterator[list[Call]]:
    """The calls to the file system, in their order."""
    seen: list[Call] = []
    _fs.set_fault_hook(lambda operation, path: seen.append((operation, path)))
    yield seen
    _fs.set_fault_hook(None)


def source(folder: Path) -> Path:
    (folder / "source" / "sub").mkdir(parents=True)
    (folder / "source" / "a").write_bytes(b"1")
    (folder / "source" / "sub" / "b").write_bytes(BIG)
    return folder / "source"


WRITES: dict[str, Callable[[LocalStorageBackend, Path], object]] = {
    "write": lambda store, _: store.write_bytes("d/k", b"1"),
    "write over": lambda store, _: store.write_bytes("there", b"2"),
    "write much": lambda store, _: store.write_bytes("d/k", BIG),
    "create": lambda store, _: store.create_bytes("d/k", b"1"),
    "create much": lambda store, _: store.create_bytes("d/k", BIG),
    "replace": lambda store, _: store.replace_bytes("there", b"2", etag=store.stat("there").etag),
    "artifact": lambda store, folder: store.write_artifact(folder / "sub" / "b", "d/k"),
    "folder": lambda store, folder: store.write_artifact(folder, "d/k"),
}
NAMED = ("rename", "link", "exchange")


@pytest.mark.parametrize("what", WRITES)
def test_bytes_are_safe_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, calls: list[Call], what: str
) -> None:
    """Power lost at any moment leaves what was there before, or all of the new."""
    folder = source(tmp_path)
    store = LocalStorageBackend(tmp_path / "store", durability="disk")
    store.write_bytes("there", b"1")
    calls.clear()
    WRITES[what](store, folder)
    done = [call for call in calls if "locks" not in call[1]]
    named = max(place for place, (operation, _) in enumerate(done) if operation in NAMED)
    target = done[named][1]
    written = {path for operation, path in done if operation == "write"}
    assert written, "the hook sees what is written"
    for path in written:
        assert ("fsync", path) in done[:named], f"{path} has its name before its bytes are safe"
        last = max(place for place, call in enumerate(done) if call == ("write", path))
        assert ("fsync", path) in done[last:], f"{path} is written to after it was synchronised"
    assert ("fsync_dir", os.path.dirname(target)) in done[named:], "the name may be lost"


@pytest.mark.parametrize("what", WRITES)
def test_without_it_nothing_is_synchronised(tmp_path: Path, calls: list[Call], what: str) -> None:
    """The default survives the death of the process, and does not pay for more."""
    folder = source(tmp_path)
    store = LocalStorageBackend(tmp_path / "store")
    store.write_bytes("there", b"1")
    calls.clear()
    WRITES[what](store, folder)
    assert not [call for call in calls if call[0].startswith("fsync")]
