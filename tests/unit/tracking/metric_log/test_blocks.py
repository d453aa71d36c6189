"""Files whose every block is checked as it is read, and which are closed once."""

from __future__ import annotations

import errno
import gc
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.errors import CorruptDataError
from tauro.tracking._metric_log._blocks import BLOCK, CheckedFile, is_intact, stage
from tauro.tracking._metric_log._manifest import FileRecord

DATA = bytes(range(256)) * 1000


@pytest.fixture
def record(tmp_path: Path) -> FileRecord:
    path, made = stage(str(tmp_path), "part", DATA)
    os.rename(path, tmp_path / "part")
    return made


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


def test_any_stretch_is_what_was_written(tmp_path: Path, record: FileRecord) -> None:
    assert is_intact(str(tmp_path / "part"), record)
    with CheckedFile(str(tmp_path), record) as file:
        assert file.read() == DATA
        for start, size in ((0, 1), (BLOCK - 1, 2), (BLOCK, BLOCK), (len(DATA) - 3, 100)):
            assert file.seek(start) == start
            assert file.read(size) == DATA[start : start + size]
        file.seek(-5, io.SEEK_END)
        assert (file.tell(), file.read()) == (len(DATA) - 5, DATA[-5:])
        assert file.read() == b""
        assert file.readable()
        assert file.seekable()


def test_a_damaged_block_is_refused_and_the_others_are_read(
    tmp_path: Path, record: FileRecord
) -> None:
    damaged = bytearray(DATA)
    damaged[BLOCK + 7] ^= 1
    (tmp_path / "part").write_bytes(damaged)
    assert not is_intact(str(tmp_path / "part"), record)
    with CheckedFile(str(tmp_path), record) as file:
        assert file.read(BLOCK) == DATA[:BLOCK]
        with pytest.raises(CorruptDataError, match=f"between bytes {BLOCK} and {2 * BLOCK}"):
            file.read(1)
        file.seek(2 * BLOCK)
        assert file.read(10) == DATA[2 * BLOCK : 2 * BLOCK + 10]


def test_a_file_whose_closing_failed_is_not_closed_again(
    tmp_path: Path, record: FileRecord
) -> None:
    """The system has taken the descriptor back; by then it may be another file's."""
    file = CheckedFile(str(tmp_path), record)
    number = file._fd

    def fail(operation: str, path: str) -> None:
        if operation == "close":
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    _fs.set_fault_hook(fail)
    with pytest.raises(OSError, match="Input/output"):
        file.close()
    _fs.set_fault_hook(None)
    other = os.open(tmp_path / "part", os.O_RDONLY)
    assert os.dup2(other, number) == number
    try:
        del file
        gc.collect()
        assert os.fstat(number).st_size == len(DATA)
    finally:
        os.close(number)
        if other != number:
            os.close(other)


def test_a_file_that_is_gone_leaves_nothing_to_close(
    tmp_path: Path, record: FileRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", unraisable.append)
    (tmp_path / "part").unlink()
    with pytest.raises(FileNotFoundError):
        CheckedFile(str(tmp_path), record)
    gc.collect()
    assert unraisable == []
