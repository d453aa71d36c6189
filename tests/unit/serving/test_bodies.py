"""Bodies: bounded each, together and in time, and given back whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tauro.errors import TauroError
from tauro.serving._bodies import Bodies, ClientGoneError
from tauro.serving._errors import BodyTooLargeError, QueueFullError, SlowClientError
from tauro.serving._limits import Limits

LIMITS = Limits(max_body=100, max_held=150)


def sends(*parts: bytes, gone: bool = False) -> Any:
    """Return a client that sends a body in parts, or goes away after them."""
    last: dict[str, Any] = {"type": "http.disconnect"}
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    if gone:
        messages.append(last)
    else:
        messages[-1]["more_body"] = False
    left = iter(messages)

    async def receive() -> Any:
        return next(left)

    return receive


def read(bodies: Bodies, receive: Any, **headers: bytes) -> bytes:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return asyncio.run(bodies.read(named, receive))


def test_a_body_is_held_until_it_is_released() -> None:
    bodies = Bodies(LIMITS)
    assert read(bodies, sends(b"a" * 60, b"b" * 40)) == b"a" * 60 + b"b" * 40
    assert bodies.held == 100
    with pytest.raises(QueueFullError, match="100 bytes of bodies are held"):
        read(bodies, sends(b"c" * 51))
    assert bodies.held == 100
    bodies.release(100)
    assert read(bodies, sends(b"c" * 51)) == b"c" * 51


@pytest.mark.parametrize(
    ("receive", "headers", "error"),
    [
        (sends(b"a" * 60, b"a" * 60), {}, BodyTooLargeError),
        (sends(b""), {"content_length": b"101"}, BodyTooLargeError),
        (sends(b"a", gone=True), {}, ClientGoneError),
        (sends(b"a"), {"content_encoding": b"gzip"}, TauroError),
    ],
    ids=["too large", "said to be too large", "gone", "compressed"],
)
def test_a_body_that_fails_is_not_held(
    receive: Any, headers: dict[str, bytes], error: type[Exception]
) -> None:
    bodies = Bodies(LIMITS)
    with pytest.raises(error):
        read(bodies, receive, **headers)
    assert bodies.held == 0


def test_a_body_that_stops_coming_is_given_up() -> None:
    bodies = Bodies(Limits(deadline=0.05))
    first = sends(b"a" * 10, b"never")

    async def receive() -> Any:
        if bodies.held:
            await asyncio.Event().wait()
        return await first()

    with pytest.raises(SlowClientError):
        read(bodies, receive)
    assert bodies.held == 0
