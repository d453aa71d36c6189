"""The version of the code that runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tauro._internal._git import read_commit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    command = ["git", *identity, "-C", str(folder), *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "code.py").write_text("x = 1\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_looking_writes_nothing(checkout: Path) -> None:
    """Not even the index, which the user's own git may be locking."""
    os.utime(checkout / "code.py", (1, 1))  # what ``git status`` would note in the index
    before = (checkout / ".git" / "index").read_bytes()
    assert read_commit(checkout) is not None
    assert (checkout / ".git" / "index").read_bytes() == before
