"""The version of the code that runs: git's commit and whether the tree has changes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

_TIMEOUT: Final = 2.0


def read_commit(folder: Path) -> dict[str, Any] | None:
    """Return ``commit``, ``branch`` and ``dirty`` of the checkout a folder is in, or None.

    ``dirty`` is None where the tree is too large to look through within two seconds.
    """
    head = _git(folder, "rev-parse", "HEAD", "--abbrev-ref", "HEAD")
    if head is None:
        return None
    commit, _, branch = head.partition("\n")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    dirty = None if changes is None else bool(changes)
    return {"commit": commit, "branch": branch, "dirty": dirty}


def _git(folder: Path, *arguments: str) -> str | None:
    # Without optional locks: `status` would write the index, and the user's own git be refused.
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None
