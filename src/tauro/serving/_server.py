"""Serving a model in this process until it is told to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from tauro.errors import ServingError
from tauro.serving._app import create_app
from tauro.serving._guard import choose_guard
from tauro.serving._holder import ModelHolder
from tauro.serving._keys import KeyStore
from tauro.serving._limits import Limits


def serve(
    holders: ModelHolder | Sequence[ModelHolder],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    keys: KeyStore | None = None,
    on_start: Callable[[str], None] | None = None,
    listen_fd: int | None = None,
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

    Raises:
        ServingError: The host is not loopback and there is no key, or the port is taken.
    """
    limits = limits if limits is not None else Limits()
    config = uvicorn.Config(
        create_app(holders, limits=limits, guard=choose_guard(host, keys)),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=max(1, round(limits.drain)),
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = _Server(config, on_start)
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
    """A server that tells where it listens."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[str], None] | None) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self._on_start is not None and self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self._on_start(f"http://{shown}:{port}")
