"""HTTP connections on which only bodies may be long."""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_MOST: Final = 64 * 1024
"""Bytes of a request's line and headers, or of its trailers; the parser itself keeps any number."""
_TEXT: Final = b"The request's head is too large.\n"
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n" % len(_TEXT) + _TEXT
)


class BoundedHTTP(HttpToolsProtocol):
    """A connection that is closed when a request's head does not end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._since = 0
        """Bytes since the last head, piece of a body, or request was complete."""

    def data_received(self, data: bytes) -> None:
        """Parse bytes, as long as they lead anywhere."""
        self._since += len(data)
        super().data_received(data)
        if self._since > _MOST and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer a client that has sent its request and says that nothing more comes."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return None
        cycle.keep_alive = False
        return True

    def on_headers_complete(self) -> None:
        """Begin the request."""
        self._since = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        self._since = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._since = 0
        super().on_message_complete()
