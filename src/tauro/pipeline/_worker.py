"""The program of a worker process: calls come in by a socket, results go back by it."""

from __future__ import annotations

import io
import os
import pickle
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any


def main(descriptor: int) -> None:
    """Run the calls that come in until the other side closes."""
    connection = Connection(descriptor)
    for stream in (sys.stdout, sys.stderr):  # lines of several workers do not cut each other
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    busy = threading.Event()
    # A node that is asked to end gets to close what it opened; its tracking run is cancelled.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_receive, args=(connection, calls, busy), daemon=True).start()
    while True:
        payload = calls.get()
        answer = _answer(payload)
        busy.clear()
        sys.stdout.flush()
        sys.stderr.flush()
        connection.send(answer)


def _receive(
    connection: Connection[Any, Any], calls: queue.SimpleQueue[bytes], busy: threading.Event
) -> None:
    """Take in calls, also while one runs, so that the end of the other side is noticed at once."""
    try:
        while True:
            path = connection.recv()
            payload = connection.recv_bytes()
            if path != sys.path:
                sys.path[:] = path
            busy.set()
            calls.put(payload)
    except (EOFError, OSError):
        # Nobody waits for an answer any more. A call may be in the middle of anything, so nothing
        # but the end of the process, and of those it started, is sure to end it.
        if busy.is_set():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)


def _answer(payload: bytes) -> tuple[bool, bytes]:
    try:
        function, args, kwargs = pickle.loads(payload)  # noqa: S301 - from the process that started us
        return True, _sendable(function(*args, **kwargs))
    except Exception as error:  # noqa: BLE001 - the caller gets whatever the call raised
        return False, _portable(error)


def _sendable(result: Any) -> bytes:
    try:
        return pickle.dumps(result)
    except Exception as error:
        error.add_note(
            "What is returned in a process of its own is pickled on its way to the others: return "
            "data, or save it as a declared output."
        )
        raise


def _portable(error: Exception) -> bytes:
    """Return an exception in a form that the other side can read."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)  # noqa: S301 - some exceptions can be written and not be read
    except Exception:  # noqa: BLE001 - an exception of the user's class may do anything here
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return data


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGTERM)
