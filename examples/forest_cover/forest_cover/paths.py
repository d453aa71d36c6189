"""Where the project's files lie, wherever a pipeline is started from."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def in_project(path: str | Path) -> Path:
    """Return a configured path as an absolute one; a relative one starts at the project."""
    return PROJECT / Path(path).expanduser()
