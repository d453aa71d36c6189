"""One request and its answer, as ASGI has them."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from tauro.errors import TauroError, create_error_response
from tauro.serving._bodies import Bodies, Message, Receive
from tauro.serving._caller import to_json
from tauro.serving._errors import MethodError, SlowClientError, retry_after

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_process = secrets.token_hex(4)
_numbers = itertools.count(1)


class Door:
    """What all exchanges of a server share.

    Attributes:
        bodies: The bodies that are held.
        is_closing: Whether every answer asks its client not to use the connection again.
    """

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.is_closing = False


class Exchange:
    """A request, and what was answered.

    Attributes:
        id: The request's id: the client's ``X-Request-ID``, or one made here.
        status: Of the answer, 0 before it is sent.
        model: The model that was asked, "" for none.
        version: The version that answered, None for none.
    """

    __slots__ = (
        "_door",
        "_held",
        "_receive",
        "_send",
        "headers",
        "id",
        "key",
        "method",
        "model",
        "path",
        "rows",
        "start",
        "status",
        "version",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, door: Door) -> None:
        self.start = time.perf_counter()
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        given = self.headers.get(b"x-request-id")
        self.id: bytes = (
            given
            if given is not None and _ID.fullmatch(given)
            else b"%s-%x" % (_process.encode(), next(_numbers))
        )
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.status = 0
        self.model = ""
        self.version: int | None = None
        self.rows = 0
        self.key = ""
        self._receive = receive
        self._send = send
        self._door = door
        self._held = 0

    @property
    def content_type(self) -> str:
        """The body's content type."""
        return self.headers.get(b"content-type", b"").decode("latin-1")

    async def send(self, message: Message) -> None:
        """Send a message of the application's, with the request's id among its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.id)]
            message = {**message, "headers": headers + self._last_words()}
        await self._send(message)

    def _last_words(self) -> list[tuple[bytes, bytes]]:
        return [(b"connection", b"close")] if self._door.is_closing else []

    async def answer(self, status: int, body: bytes, headers: Headers = ()) -> None:
        """Send a whole JSON answer."""
        self.status = status
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", b"%d" % len(body)),
                    (b"x-request-id", self.id),
                    *headers,
                    *self._last_words(),
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": body})

    async def answer_error(self, error: TauroError) -> None:
        """Send an error's answer."""
        await self.answer(error.http_status, *self.describe_error(error))

    def describe_error(self, error: TauroError) -> tuple[bytes, Headers]:
        """Return body and headers of an error's answer.

        The Open Inference Protocol has the message itself as ``error``, where ours says that it is
        one; its clients read no other key.
        """
        body = create_error_response(error)
        if self.path.startswith("/v2"):
            body["error"] = error.message
        body["request_id"] = self.id.decode()
        body["model_version"] = self.version
        wait = retry_after(error)
        headers: Headers = () if wait is None else ((b"retry-after", b"%d" % wait),)
        if isinstance(error, SlowClientError):
            headers += ((b"connection", b"close"),)
        if isinstance(error, MethodError) and "allow" in error.context.details:
            headers += ((b"allow", str(error.context.details["allow"]).encode()),)
        return to_json(body), headers

    async def read_body(self) -> bytes:
        """Return the request's body, which is held until the exchange is over.

        Raises:
            TauroError: It is too large, too slow, or one too many.
            ClientGoneError: The client went away.
        """
        body = await self._door.bodies.read(self.headers, self._receive)
        self._held += len(body)
        return body

    def close(self) -> None:
        """Say that the exchange is over."""
        self._door.bodies.release(self._held)
        self._held = 0
