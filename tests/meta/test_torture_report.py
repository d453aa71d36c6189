"""The table at the end of a long run, made by a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOPS = """
import pytest

def verify():
    return ["a file is damaged"]

def test_kills(torture_report, torture_seed):
    assert torture_seed == 7
    for _ in range(3):
        torture_report(kills=1)

@pytest.mark.torture
def test_faults_and_races(torture_report):
    torture_report(faults=2, races=1)

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


def table(folder: Path, *options: str) -> dict[str, str]:
    """Run the loops and return the lines of the table."""
    (folder / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    (folder / "test_loops.py").write_text(LOOPS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = torture: long\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    _, mark, rest = done.stdout.partition("= torture =")
    lines = rest.splitlines()[1:8] if mark else []
    return {line[:20].strip(): line[20:].strip() for line in lines}


def test_what_was_done_and_what_was_found_is_counted(tmp_path: Path) -> None:
    """Each failure of a loop is one of lost, torn, or unexplained; other tests do not count."""
    assert table(tmp_path, "--torture", "--torture-seed=7") == {
        "kills": "4",
        "faults": "2",
        "races": "1",
        "lost": "1",
        "torn": "1",
        "unexplained errors": "1",
        "seed": "7",
    }


def test_an_ordinary_run_prints_no_table(tmp_path: Path) -> None:
    """It counts, and says nothing."""
    assert table(tmp_path, "--torture-seed=7") == {}
