"""What a process prints, kept with a run on request."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final, TextIO

NAME: Final = "console.txt"
_STREAMS: Final = ("stdout", "stderr")


class _Tee:
    """A stream that also hands what is written to it to a capture, until that has stopped."""

    def __init__(self, stream: TextIO, capture: ConsoleCapture) -> None:
        self._stream = stream
        self._capture = capture

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        self._capture.take(text)
        return written

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)


class ConsoleCapture:
    """Copy what this process writes to ``sys.stdout`` and ``sys.stderr`` into a file.

    The streams go on as they were. What libraries write past them, to the file descriptors, and
    what forked children print is not copied. Any thread may print.
    """

    def __init__(self) -> None:
        # No buffer that a forked child would write once more, no finalizer that it would run.
        self._folder = tempfile.mkdtemp(prefix="tauro-console-")
        self.path = Path(self._folder) / NAME
        self._spool = open(self.path, "wb", buffering=0)  # noqa: SIM115
        self._guard = threading.Lock()
        self._process = os.getpid()
        self._replaced: dict[str, tuple[TextIO, _Tee]] = {}
        for name in _STREAMS:
            stream = getattr(sys, name)
            if stream is not None:  # it is None under pythonw
                tee = _Tee(stream, self)
                self._replaced[name] = (stream, tee)
                setattr(sys, name, tee)

    def take(self, text: str) -> None:
        """Keep a text that was printed."""
        if os.getpid() == self._process:
            with self._guard:
                if not self._spool.closed:
                    self._spool.write(text.encode("utf-8", "backslashreplace"))

    def stop(self) -> Path:
        """Give the streams back; return the file, which is there until :meth:`discard`.

        A stream that somebody else has wrapped meanwhile stays, and copies nothing more.
        """
        for name, (stream, tee) in self._replaced.items():
            if getattr(sys, name) is tee:
                setattr(sys, name, stream)
        with self._guard:
            self._spool.close()
        return self.path

    def discard(self) -> None:
        """Remove the file."""
        shutil.rmtree(self._folder, ignore_errors=True)
