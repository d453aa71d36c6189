"""Bodies of requests: as large, as many and as slow as the limits allow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from tauro.serving._errors import (
    BodyTooLargeError,
    QueueFullError,
    SlowClientError,
    UnsupportedBodyError,
)
from tauro.serving._limits import Limits

LARGE: Final = 64 * 1024
"""Bodies of more bytes are decoded in a thread, so that the others need not wait."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class Bodies:
    """Read bodies, and know how many bytes of them are held; belongs to one event loop.

    Args:
        limits: Bounds.
    """

    def __init__(self, limits: Limits) -> None:
        self.held = 0
        self._limits = limits

    async def read(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """Return a body; whoever got it gives it back with :meth:`release`.

        Raises:
            BodyTooLargeError: It is larger than a body may be; the rest is not read.
            QueueFullError: So many bytes of other requests are held that it finds no place.
            SlowClientError: It did not come in time.
            UnsupportedBodyError: It is compressed.
            ClientGoneError: The client went away.
        """
        coding = headers.get(b"content-encoding", b"identity").lower()
        if coding != b"identity":
            raise UnsupportedBodyError(
                f"The content encoding {coding[:40].decode('latin-1')!r} is not read here; send "
                "the body as it is."
            )
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and len(declared) < 20 and int(declared) > self._limits.max_body:
            raise self._too_large(int(declared))
        try:
            async with asyncio.timeout(self._limits.deadline):
                return await self._receive(receive)
        except TimeoutError as error:
            raise SlowClientError(
                f"The body was not complete within {self._limits.deadline:g} s.",
                context={"deadline": self._limits.deadline},
            ) from error

    async def _receive(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                part: bytes = message.get("body", b"")
                self._take(len(part))
                size += len(part)
                if size > self._limits.max_body:
                    raise self._too_large(size)
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
        except BaseException:
            self.release(size)
            raise

    def _take(self, size: int) -> None:
        if self.held + size > self._limits.max_held:
            raise QueueFullError(
                f"{self.held:,} bytes of bodies are held; no more are taken now.",
                context={"held": self.held},
            )
        self.held += size

    def release(self, size: int) -> None:
        """Say that a body of so many bytes is no longer needed."""
        self.held -= size

    def _too_large(self, size: int) -> BodyTooLargeError:
        most = self._limits.max_body
        return BodyTooLargeError(
            f"The body has at least {size:,} bytes; at most {most:,} are taken.",
            context={"size": size, "limit": most},
            suggestions=[
                "Send fewer rows a request, or raise --max-body.",
                "`tauro predict NAME --input FILE --output FILE` takes tables of any size.",
            ],
        )
