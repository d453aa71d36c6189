"""Functions that worker processes import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


class AwkwardError(Exception):
    """Can be pickled, and not be read back."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def identity(value: Any) -> Any:
    return value


def pid_and_parent() -> tuple[int, int]:
    return os.getpid(), os.getppid()


def fail(kind: str) -> None:
    if kind == "awkward":
        raise AwkwardError("a", "b")
    if kind == "local":

        class LocalError(Exception):
            pass

        raise LocalError("only here")
    raise ValueError("plain")


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def hang(folder: str, *, stubborn: bool = False) -> None:
    """Write the ids of this process and of one it starts, then wait for ever."""
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    path = Path(folder) / "pids"
    path.with_suffix(".part").write_text(f"{os.getpid()} {child.pid}")
    path.with_suffix(".part").rename(path)
    time.sleep(600)


def outlive(folder: str) -> int:
    """Say that this process is here; when it is asked to end, answer with its id all the same."""
    path = Path(folder) / "here"
    try:
        path.touch()
        time.sleep(600)
    except KeyboardInterrupt:
        return os.getpid()
    raise AssertionError("nobody asked")


def unpicklable() -> Any:
    return lambda: None


def say(text: str) -> None:
    sys.stdout.write(text)
