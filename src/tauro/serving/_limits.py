"""What a server grants a request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server.

    Attributes:
        max_body: Bytes of a request's body.
        max_held: Bytes of all bodies that are held at once, more are answered 503; and of the
            memory that one table may take, which a short body can have a lot of.
        max_queue: Requests that may wait for a model; more are answered 503.
        deadline: Seconds that a body may take to come, 408 after that, and the model to answer,
            504 after that.
        load_deadline: Seconds that a version may take to load.
        first_deadline: Seconds that it may take to answer its example; first calls import and
            compile.
        max_batch: Rows that are predicted in one call of the model.
        max_problems: Problems of one request that are listed; the others are counted.
        linger: Seconds in which clients are told to leave before connections are closed.
        drain: Seconds that accepted requests then have to end when the server is told to stop.
        max_memory: Bytes of memory after which a server process ends, in peace; None for any.
    """

    max_body: int = 16 * 1024 * 1024
    max_held: int = 256 * 1024 * 1024
    max_queue: int = 1024
    deadline: float = 30.0
    load_deadline: float = 600.0
    first_deadline: float = 60.0
    max_batch: int = 512
    max_problems: int = 20
    linger: float = 1.0
    drain: float = 30.0
    max_memory: int | None = None
