"""Serving a model in this process until it is told to stop."""

from __future__ import annotations

import ipaddress
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from tauro.errors import ServingError
from tauro.serving._app import create_app
from tauro.serving._holder import ModelHolder


def is_loopback(host: str) -> bool:
    """Tell whether a host is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(
    holder: ModelHolder,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve a holder's model over HTTP until SIGTERM or SIGINT.

    Args:
        holder: The model.
        host: The address to listen on; without authentication only one of loopback.
        port: The port, 0 for one that is free.
        on_start: Called with the address once requests are taken.

    Raises:
        ServingError: The host is not loopback, or the port is taken.
    """
    if not is_loopback(host):
        raise ServingError(
            f"Serving on {host!r} would let anybody in: there is no authentication yet.",
            context={"host": host},
            suggestions=["Serve on 127.0.0.1 behind a proxy that authenticates."],
        )
    config = uvicorn.Config(create_app(holder), host=host, port=port, log_level="warning")
    server = _Server(config, on_start)
    try:
        with _signals_end_in_peace():
            server.run()
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
