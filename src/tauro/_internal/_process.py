"""Whether a process lives: its id alone does not tell, for ids are given again."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_CLOCK_SECONDS: Final = 2.0
"""What the system tells of a start moves with its clock."""


def start_of(pid: int) -> float | None:
    """Return when a process started, in seconds since the epoch, or None where none lives.

    One that was killed and that its parent has not asked about yet still has its id; it is dead.

    Raises:
        psutil.AccessDenied: There is one, and it may not be looked at.
    """
    import psutil  # not before it is needed: a run without ML does without

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            dead = process.status() == psutil.STATUS_ZOMBIE
            return None if dead else process.create_time()
    except psutil.NoSuchProcess:  # ZombieProcess, of other systems, is one
        return None


def lives_since(pid: int, at: datetime) -> bool:
    """Tell whether the process that had an id at a time still lives; a later one is another.

    One that may not be looked at counts as that process.
    """
    import psutil

    try:
        started = start_of(pid)
    except psutil.AccessDenied:
        return True
    return started is not None and started <= at.timestamp() + _CLOCK_SECONDS
