"""The two addresses of the source over HTTP."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from forest_cover.data import Sample, split_tenths
from forest_cover.source._clock import LAST_BATCH, BatchClock, CollectedError, Draw

GROUPS = range(1, 11)

logger = logging.getLogger(__name__)


def draw_sample(
    tenths: Sequence[Sequence[Sample]], draw: Draw, size: int | None = None, seed: int = 42
) -> list[Sample]:
    """Return the random sample of a batch's tenth that a call gets: the same for the same seed.

    Args:
        size: Samples an answer holds; a tenth of the tenth if not given.
    """
    tenth = tenths[draw.batch - 1]
    size = max(1, len(tenth) // 10) if size is None else size
    chosen = random.Random(f"{seed}:{draw.group}:{draw.batch}:{draw.call}:{draw.restarts}")
    return chosen.sample(tenth, min(size, len(tenth)))


class SourceServer(ThreadingHTTPServer):
    """Answers ``/data`` and ``/restart_data_generation``, a thread a request.

    ``server_close`` waits for the answers under way.

    Args:
        address: Host and port; port 0 takes a free one, told by ``server_port``.
        samples: All samples, in their order.
        clock: Which batch a group is at.
        sample_size: Samples an answer holds; a tenth of the batch if not given.
        seed: Of the random samples.
    """

    daemon_threads = False
    block_on_close = True

    def __init__(
        self,
        address: tuple[str, int],
        samples: Sequence[Sample],
        clock: BatchClock,
        *,
        sample_size: int | None = None,
        seed: int = 42,
    ) -> None:
        self.tenths = split_tenths(samples, LAST_BATCH)
        self.clock = clock
        self.sample_size = sample_size
        self.seed = seed
        super().__init__(address, _Handler)


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, detail: Any) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class _Handler(BaseHTTPRequestHandler):
    server: SourceServer
    timeout = 5  # a client that connects and stays silent must not hold up the end

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        answers = {"/data": self._data, "/restart_data_generation": self._restart}
        try:
            answer = answers.get(url.path)
            if answer is None:
                raise _RefusedError(HTTPStatus.NOT_FOUND, f"Not found; try {' or '.join(answers)}")
            status, document = HTTPStatus.OK, answer(_group_number(url.query))
        except _RefusedError as refused:
            status, document = refused.status, {"detail": refused.detail}
        except OSError as error:
            detail = f"The state could not be kept: {error}"
            status, document = HTTPStatus.INTERNAL_SERVER_ERROR, {"detail": detail}
        self._send(status, document)

    def _data(self, group: int) -> dict[str, Any]:
        try:
            draw = self.server.clock.draw(group)
        except CollectedError:
            detail = f"All data of group {group} has been collected: batch {LAST_BATCH} was given"
            raise _RefusedError(HTTPStatus.BAD_REQUEST, detail) from None
        server = self.server
        return {
            "group_number": group,
            "batch_number": draw.batch,
            "data": draw_sample(server.tenths, draw, server.sample_size, server.seed),
        }

    def _restart(self, group: int) -> dict[str, Any]:
        self.server.clock.restart(group)
        return {"group_number": group, "detail": "The next call gets batch 1"}

    def _send(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        logger.info("%s %s", self.address_string(), format % args)


def _group_number(query: str) -> int:
    given = parse_qs(query, keep_blank_values=True).get("group_number")
    if given is None:
        raise _unprocessable("missing", "Field required")
    try:
        group = int(given[-1])
    except ValueError:
        raise _unprocessable(
            "int_parsing", f"Input should be a whole number, got {given[-1]!r}"
        ) from None
    if group not in GROUPS:
        raise _RefusedError(
            HTTPStatus.BAD_REQUEST, f"Invalid group number {group}: groups are 1 to {GROUPS[-1]}"
        )
    return group


def _unprocessable(kind: str, message: str) -> _RefusedError:
    detail = [{"type": kind, "loc": ["query", "group_number"], "msg": message}]
    return _RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
