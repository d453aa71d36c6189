"""What a server grants a request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server.

    Attributes:
        max_body: Bytes of a request's body.
        max_queue: Requests that may wait for a model; more are answered 503.
        deadline: Seconds until a request that was not answered is given up with 504.
        max_batch: Rows that are predicted in one call of the model.
        max_problems: Problems of one request that are listed; the others are counted.
        drain: Seconds that accepted requests have to end when the server is told to stop.
    """

    max_body: int = 16 * 1024 * 1024
    max_queue: int = 1024
    deadline: float = 30.0
    max_batch: int = 512
    max_problems: int = 20
    drain: float = 30.0
