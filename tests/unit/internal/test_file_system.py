"""What a file system is told: a wish, that never fails and never keeps anybody from working."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro._internal._file_system import file_system_type, spread_subfolders
from tauro.tracking import ExperimentTracker


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


def is_marked(folder: Path) -> bool:
    """Ask the file system's own tool."""
    done = subprocess.run(["lsattr", "-d", str(folder)], capture_output=True, text=True, check=True)
    return "T" in done.stdout.split()[0]


def test_experiments_lie_apart_where_that_can_be_said(tmp_path: Path) -> None:
    """Once is enough, and other flags stay."""
    if file_system_type(str(tmp_path)) != "ext4" or shutil.which("lsattr") is None:
        pytest.skip("needs ext4 and its tools")
    with ExperimentTracker(tmp_path) as tracker:
        tracker.start_run().end()
    runs = tmp_path / "experiment_tracking" / "runs"
    assert is_marked(runs)
    before = subprocess.run(["lsattr", "-d", str(runs)], capture_output=True, check=True).stdout
    spread_subfolders(str(runs))
    after = subprocess.run(["lsattr", "-d", str(runs)], capture_output=True, check=True).stdout
    assert before == after
    assert not is_marked(tmp_path)


def test_a_file_system_that_does_not_know_is_left_alone() -> None:
    """The folder is made all the same."""
    if not os.path.isdir("/dev/shm"):
        pytest.skip("no memory file system here")
    folder = Path("/dev/shm") / f"tauro-{os.getpid()}" / "a" / "b"
    try:
        spread_subfolders(str(folder))
        assert folder.is_dir()
    finally:
        shutil.rmtree(folder.parents[1])


@pytest.mark.parametrize("failing", ["mkdir", "open"])
def test_nothing_is_said_where_it_fails(tmp_path: Path, failing: str) -> None:
    def hook(operation: str, path: str) -> None:
        if operation == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    _fs.set_fault_hook(hook)
    spread_subfolders(str(tmp_path / "x"))
    assert (tmp_path / "x").is_dir() is (failing != "mkdir")


def test_a_file_in_its_place_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("theirs")
    spread_subfolders(str(tmp_path / "x"))
    spread_subfolders(str(tmp_path / "x" / "y"))
    assert (tmp_path / "x").read_text() == "theirs"
