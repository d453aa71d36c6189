"""One request and its answer, as ASGI has them."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from tauro.errors import TauroError, create_error_response
from tauro.serving._caller import to_json
from tauro.serving._errors import BodyTooLargeError, retry_after

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_process = secrets.token_hex(4)
_numbers = itertools.count(1)


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class Exchange:
    """A request, and what was answered.

    Attributes:
        id: The request's id: the client's ``X-Request-ID``, or one made here.
        status: Of the answer, 0 before it is sent.
        model: The model that was asked, "" for none.
        version: The version that answered, None for none.
    """

    __slots__ = (
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

    def __init__(self, scope: Scope, send: Send) -> None:
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
        self._send = send

    @property
    def content_type(self) -> str:
        """The body's content type."""
        return self.headers.get(b"content-type", b"").decode("latin-1")

    async def send(self, message: Message) -> None:
        """Send a message of the application's, with the request's id among its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.id)]
            message = {**message, "headers": headers}
        await self._send(message)

    async def answer(
        self, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
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
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": body})

    async def answer_error(self, error: TauroError) -> None:
        """Send an error's answer."""
        status, body, headers = error_answer(error, self.id.decode(), self.version)
        await self.answer(status, body, headers)

    async def read_body(self, receive: Receive, most: int) -> bytes:
        """Return the request's body.

        Raises:
            BodyTooLargeError: It is larger than ``most`` bytes; the rest is not read.
            ClientGoneError: The client went away.
        """
        declared = self.headers.get(b"content-length", b"0")
        if declared.isdigit() and len(declared) < 20 and int(declared) > most:
            raise _too_large(int(declared), most)
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False) and message["type"] == "http.request":
            if len(body) > most:
                raise _too_large(len(body), most)
            return body
        parts, size = [body], len(body)
        while message.get("more_body", False):
            message = await receive()
            part: bytes = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > most:
                raise _too_large(size, most)
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        return b"".join(parts)


def _too_large(size: int, most: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"The body has at least {size:,} bytes; at most {most:,} are taken.",
        context={"size": size, "limit": most},
        suggestions=[
            "Send fewer rows a request, or raise --max-body.",
            "`tauro predict NAME --input FILE --output FILE` takes tables of any size.",
        ],
    )


def error_answer(
    error: TauroError, request_id: str = "", version: int | None = None
) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]:
    """Return status, body and headers that answer an error."""
    body = create_error_response(error)
    if request_id:
        body["request_id"] = request_id
    body["model_version"] = version
    wait = retry_after(error)
    headers = () if wait is None else ((b"retry-after", b"%d" % wait),)
    return error.http_status, to_json(body), headers
