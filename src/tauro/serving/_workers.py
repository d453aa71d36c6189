"""Several processes that serve one port."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from tauro.errors import ServingError
from tauro.serving._guard import choose_guard
from tauro.serving._keys import KeyStore

_LOOK_SECONDS: Final = 0.2
_PATIENCE: Final = 5
"""So many workers may end in a row within seconds of their start; then something is wrong."""
_SHORT_LIFE: Final = 5.0


def serve_workers(
    command: Sequence[str],
    count: int,
    *,
    host: str,
    port: int,
    keys: KeyStore | None = None,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve with several processes until SIGTERM or SIGINT; one that dies is replaced.

    All accept from one socket. Each follows the registry by itself, so that all switch to a new
    version within the time of following.

    Args:
        command: Starts a worker; ``--listen-fd N`` is added.
        count: How many.
        host: The address to listen on.
        port: The port, 0 for one that is free.
        keys: As :func:`serve` takes them.
        on_start: Called with the address once it is bound; requests wait until workers are up.

    Raises:
        ServingError: The host needs keys, the port is taken, or workers cannot start.
    """
    choose_guard(host, keys)
    listener = _listen(host, port)
    stop = threading.Event()
    ends = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(each, lambda *_: stop.set()) for each in ends]
    pool = _Pool([*command, "--listen-fd", str(listener.fileno())], listener.fileno())
    try:
        pool.fill(count)
        if on_start is not None:
            bound = listener.getsockname()
            shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
            on_start(f"http://{shown}:{bound[1]}")
        while not stop.wait(_LOOK_SECONDS):
            pool.fill(count)
    finally:
        pool.end()
        listener.close()
        for each, handler in zip(ends, before, strict=True):
            signal.signal(each, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServingError(
            f"Cannot listen on {host}:{port}: {error.strerror}.",
            context={"host": host, "port": port},
            suggestions=["Choose another with --port; 0 takes a free one."],
        ) from error
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


class _Pool:
    """Worker processes, as many as asked for."""

    def __init__(self, command: list[str], descriptor: int) -> None:
        self._command = command
        self._descriptor = descriptor
        self._alive: list[tuple[subprocess.Popen[bytes], float]] = []
        self._short_lives = 0

    def fill(self, count: int) -> None:
        """Start what is missing.

        Raises:
            ServingError: Workers end as soon as they start.
        """
        still = []
        for process, started in self._alive:
            if process.poll() is None:
                still.append((process, started))
            else:
                is_short = time.monotonic() - started < _SHORT_LIFE
                self._short_lives = self._short_lives + 1 if is_short else 0
        self._alive = still
        if self._short_lives >= _PATIENCE:
            raise ServingError(
                f"{self._short_lives} workers in a row ended within {_SHORT_LIFE:g} s.",
                suggestions=["With --workers 1 the error is shown."],
            )
        while len(self._alive) < count:
            process = subprocess.Popen(self._command, pass_fds=(self._descriptor,))
            self._alive.append((process, time.monotonic()))

    def end(self) -> None:
        """Ask all to end, and wait until they have answered what they accepted."""
        for process, _ in self._alive:
            process.terminate()
        for process, _ in self._alive:
            process.wait()
