"""Whether a process lives: its id alone does not tell, for ids are given again."""

from __future__ import annotations

import psutil


def start_of(pid: int) -> float | None:
    """Return when a process started, in seconds since the epoch, or None where none lives.

    One that was killed and that its parent has not asked about yet still has its id; it is dead.

    Raises:
        psutil.AccessDenied: There is one, and it may not be looked at.
    """
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            dead = process.status() == psutil.STATUS_ZOMBIE
            return None if dead else process.create_time()
    except psutil.NoSuchProcess:  # ZombieProcess, of other systems, is one
        return None
