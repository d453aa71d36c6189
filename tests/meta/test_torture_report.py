"""The table at the end of a long run, made by a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOOPS = """
import pytest

def verify():
    return ["a file is damaged"]

@pytest.mark.parametrize("part", [1, 2])
def test_kills(part, torture_report, torture_seed):
    assert torture_seed == 7
    for _ in range(3):
        torture_report(kills=1)

@pytest.mark.torture
def test_faults_and_races(torture_report):
    torture_report(faults=2, cuts=5, races=1)

def test_that_loses(torture_report):
    torture_report(kills=1)
    assert [1, 2] == [1]

def test_that_finds_damage(torture_report):
    assert not list(verify())

def test_that_breaks(torture_report):
    raise OSError("the disk")

def test_that_has_nothing_to_do_with_it():
    assert False
"""


def table(folder: Path, *options: str) -> list[list[str]]:
    """Run the loops and return the cells of the table, without its head."""
    (folder / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    (folder / "test_loops.py").write_text(LOOPS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = torture: long\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    _, mark, rest = done.stdout.partition("= torture =")
    assert not mark or "seed 7; " in rest
    lines = [line for line in rest.splitlines() if line.startswith("| ")][1:] if mark else []
    return [line.strip("| ").split(" | ") for line in lines]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_was_done_and_what_was_found_is_counted(tmp_path: Path, workers: str) -> None:
    """A line a loop; each failure is one of lost, torn, or unexplained; other tests do not count.

    The columns: kills, faults, cuts, races, lost, torn, unexplained errors.
    """
    assert table(tmp_path, "--torture", "--torture-seed=7", "-n", workers) == [
        ["test_loops::test_faults_and_races", "0", "2", "5", "1", "0", "0", "0"],
        ["test_loops::test_kills", "6", "0", "0", "0", "0", "0", "0"],
        ["test_loops::test_that_breaks", "0", "0", "0", "0", "0", "0", "1"],
        ["test_loops::test_that_finds_damage", "0", "0", "0", "0", "0", "1", "0"],
        ["test_loops::test_that_loses", "1", "0", "0", "0", "1", "0", "0"],
        ["**all**", "7", "2", "5", "1", "1", "1", "1"],
    ]


def test_an_ordinary_run_prints_no_table(tmp_path: Path) -> None:
    """It counts, and says nothing."""
    assert table(tmp_path, "--torture-seed=7") == []
