"""Serving a model in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psutil
import uvicorn

from tauro.errors import ServingError
from tauro.serving._app import create_app
from tauro.serving._exchange import Door
from tauro.serving._guard import choose_guard
from tauro.serving._holder import ModelHolder
from tauro.serving._http import BoundedHTTP
from tauro.serving._keys import KeyStore
from tauro.serving._limits import Limits

_log = logging.getLogger(__name__)
_KEEP_ALIVE: Final = 75
"""Seconds that an idle connection is kept: longer than load balancers do, which so close first."""
_TICKS: Final = 10
"""Of uvicorn's ticks, ten a second, every so many looks after the process itself."""


def serve(
    holders: ModelHolder | Sequence[ModelHolder],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    keys: KeyStore | None = None,
    on_start: Callable[[str], None] | None = None,
    listen_fd: int | None = None,
    supervisor: int | None = None,
) -> None:
    """Serve models over HTTP until SIGTERM or SIGINT; what was accepted is answered before the end.

    Args:
        holders: The models.
        host: The address to listen on.
        port: The port, 0 for one that is free.
        limits: Bounds of requests.
        keys: The keys with which may be asked; on loopback None lets everybody on this machine in.
        on_start: Called with the address once requests are taken.
        listen_fd: A socket that listens already, of the process that started this one.
        supervisor: That process's id; this one ends when it does.

    Raises:
        ServingError: The host is not loopback and there is no key, or the port is taken.
    """
    limits = limits if limits is not None else Limits()
    app = create_app(holders, limits=limits, guard=choose_guard(host, keys))
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedHTTP,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(limits.drain)),
    )
    server = _Server(config, app.edge.door, limits, on_start, supervisor)
    try:
        with _signals_end_in_peace():
            server.run(None if listen_fd is None else [socket.socket(fileno=listen_fd)])
    except SystemExit as error:
        raise ServingError(
            f"Cannot listen on {host}:{port}; another program may use the port.",
            context={"host": host, "port": port},
            suggestions=["Choose another with --port; 0 takes a free one."],
        ) from error


@contextmanager
def _signals_end_in_peace() -> Iterator[None]:
    """Let SIGTERM and SIGINT be the ordinary end of a server.

    uvicorn drains, puts the former handlers back and raises the signal once more; with these in
    their place the process goes on to its end with exit code 0.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ends = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(each, lambda *_: None) for each in ends]
    try:
        yield
    finally:
        for each, handler in zip(ends, before, strict=True):
            signal.signal(each, handler)


class _Server(uvicorn.Server):
    """A server that tells where it listens, and that clients leave before it goes."""

    def __init__(
        self,
        config: uvicorn.Config,
        door: Door,
        limits: Limits,
        on_start: Callable[[str], None] | None,
        supervisor: int | None,
    ) -> None:
        super().__init__(config)
        self._door = door
        self._limits = limits
        self._on_start = on_start
        self._supervisor = supervisor
        self._process = psutil.Process()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self._on_start is not None and self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self._on_start(f"http://{shown}:{port}")

    async def on_tick(self, counter: int) -> bool:
        """Look every second whether this process is to end."""
        if counter % _TICKS == 0 and not self.should_exit:
            self.should_exit = self._is_orphan() or self._is_too_large()
        return await super().on_tick(counter)

    def _is_orphan(self) -> bool:
        return self._supervisor is not None and os.getppid() != self._supervisor

    def _is_too_large(self) -> bool:
        most = self._limits.max_memory
        if most is None:
            return False
        size = self._process.memory_info().rss
        if size > most:
            _log.warning("%s bytes of memory, at most %s: this process ends", size, most)
        return size > most

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ask clients to leave, then close.

        A connection that is closed while its client sends the next request loses that request. So
        every answer first says that it is the connection's last, for as long as clients that ask
        again and again need to hear it; new connections are taken until then.
        """
        self._door.is_closing = True
        end = time.monotonic() + self._limits.linger
        while self.server_state.connections and time.monotonic() < end and not self.force_exit:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)
