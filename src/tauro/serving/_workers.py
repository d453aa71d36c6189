"""Several processes that serve one port."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from tauro.errors import ServingError
from tauro.serving._guard import choose_guard
from tauro.serving._keys import KeyStore
from tauro.serving._limits import Limits
from tauro.serving._metrics import SHARED_FOLDER

_log = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 0.2
_PATIENCE: Final = 5
"""So many workers may end in a row within seconds of their start; then something is wrong."""
_SHORT_LIFE: Final = 5.0
_LEAVE: Final = 20.0
"""Seconds that a worker has to end after its last request."""


def serve_workers(
    command: Sequence[str],
    count: int,
    *,
    host: str,
    port: int,
    limits: Limits | None = None,
    keys: KeyStore | None = None,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve with processes until SIGTERM or SIGINT; one that ends is replaced.

    All accept from one socket, which stays open while workers come and go: connections wait there.
    Each follows the registry by itself, so that all switch to a new version within the time of
    following. They count together what ``/metrics`` shows.

    Args:
        command: Starts a worker; ``--listen-fd N --supervisor PID`` is added.
        count: How many.
        host: The address to listen on.
        port: The port, 0 for one that is free.
        limits: Bounds, as the workers have them.
        keys: As :func:`serve` takes them.
        on_start: Called with the address once it is bound; requests wait until workers are up.

    Raises:
        ServingError: The host needs keys, the port is taken, or workers cannot start.
    """
    limits = limits if limits is not None else Limits()
    choose_guard(host, keys)
    listener = _listen(host, port)
    stop = threading.Event()
    ends = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(each, lambda *_: stop.set()) for each in ends]
    worker = [*command, "--listen-fd", str(listener.fileno()), "--supervisor", str(os.getpid())]
    patience = limits.linger + limits.drain + _LEAVE
    with tempfile.TemporaryDirectory(prefix="tauro-serve-") as folder:
        pool = _Pool(worker, listener.fileno(), {**os.environ, SHARED_FOLDER: folder}, patience)
        try:
            pool.fill(count)
            if on_start is not None:
                bound = listener.getsockname()
                shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
                on_start(f"http://{shown}:{bound[1]}")
            while not stop.wait(_LOOK_SECONDS):
                pool.fill(count)
        finally:
            # Here first: a connection must not wait at a socket from which nobody accepts any more.
            listener.close()
            pool.end()
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

    def __init__(
        self, command: list[str], descriptor: int, environment: dict[str, str], patience: float
    ) -> None:
        self._command = command
        self._descriptor = descriptor
        self._environment = environment
        self._patience = patience
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
                # One that ends by itself, having grown too large, has not failed.
                is_short = process.returncode != 0 and time.monotonic() - started < _SHORT_LIFE
                self._short_lives = self._short_lives + 1 if is_short else 0
        self._alive = still
        if self._short_lives >= _PATIENCE:
            raise ServingError(
                f"{self._short_lives} workers in a row ended within {_SHORT_LIFE:g} s.",
                suggestions=["With --workers 1 the error is shown."],
            )
        while len(self._alive) < count:
            process = subprocess.Popen(
                self._command, pass_fds=(self._descriptor,), env=self._environment
            )
            self._alive.append((process, time.monotonic()))

    def end(self) -> None:
        """Ask all to end, and wait until they have answered what they accepted."""
        end = time.monotonic() + self._patience
        for process, _ in self._alive:
            process.terminate()
        for process, _ in self._alive:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.warning("worker %s does not end and is killed", process.pid)
                process.kill()
                process.wait()
