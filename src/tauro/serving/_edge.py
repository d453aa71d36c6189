"""Where requests come in: ids, permission, the fast way to predictions, the log, the counters."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from tauro.errors import TauroError, ValidationError
from tauro.serving._bodies import LARGE, ClientGoneError, Receive
from tauro.serving._caller import to_json
from tauro.serving._errors import MethodError, ModelFailedError
from tauro.serving._exchange import Door, Exchange, Scope, Send
from tauro.serving._guard import Guard
from tauro.serving._holder import ModelHolder
from tauro.serving._metrics import Metrics

_log = logging.getLogger("tauro.serving")
_access = logging.getLogger("tauro.serving.access")
Inner = Callable[[Scope, Receive, Send], Awaitable[None]]


class Edge:
    """Answer predictions directly; hand everything else to the application.

    Args:
        inner: The application.
        routes: Path to the model that predicts there.
        door: What the exchanges share.
        metrics: Told of every request.
        guard: Decides who may ask, None for anybody.
    """

    def __init__(
        self,
        inner: Inner,
        routes: Mapping[str, ModelHolder],
        door: Door,
        metrics: Metrics,
        guard: Guard | None,
    ) -> None:
        self._inner = inner
        self._routes = dict(routes)
        self.door = door
        self._metrics = metrics
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the server's life."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, self.door)
        try:
            if self._guard is not None:
                self._guard.check(exchange)
            holder = self._routes.get(exchange.path)
            if holder is not None:
                await self._predict(exchange, holder)
            else:
                scope["tauro.exchange"] = exchange
                await self._inner(scope, receive, exchange.send)
        except TauroError as error:
            await exchange.answer_error(error)
        except ClientGoneError:
            exchange.status = 499
        # The edge of the server: whatever is wrong in here, the client gets an answer.
        except Exception as error:  # noqa: BLE001
            _log.exception("request %s failed", exchange.id.decode())
            if not exchange.status:
                await exchange.answer_error(
                    ModelFailedError(f"The server failed: {type(error).__name__}.")
                )
        finally:
            exchange.close()
            self._metrics.record(exchange)
            if _access.isEnabledFor(logging.INFO):
                _access.info("%s", describe(exchange))

    async def _predict(self, exchange: Exchange, holder: ModelHolder) -> None:
        exchange.model = holder.choice.name
        if exchange.method != "POST":
            raise MethodError(
                f"{exchange.path} takes POST, not {exchange.method}.", context={"allow": "POST"}
            )
        body = await exchange.read_body()
        served = holder.served
        exchange.version = served.version.version
        with served.engine.lease():
            kind = exchange.content_type
            if len(body) > LARGE or not (kind == "application/json" or not kind):
                rows = await asyncio.to_thread(served.reader.read, body, kind)
            else:
                rows = served.reader.read(body, kind)
            exchange.rows = rows.count
            found = await served.engine.predict(rows)
        await exchange.answer(
            200, b'{"predictions":' + to_json(found) + served.answer_end, served.answer_headers
        )


def describe(exchange: Exchange) -> str:
    """Return an exchange as a line of JSON for the access log."""
    line = {
        "time": time.time(),
        "request_id": exchange.id.decode(),
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "model": exchange.model,
        "version": exchange.version,
        "rows": exchange.rows,
        "ms": round((time.perf_counter() - exchange.start) * 1000, 3),
        "key": exchange.key,
    }
    return to_json(line).decode()


def routes_of(holders: Mapping[str, ModelHolder]) -> dict[str, ModelHolder]:
    """Return the paths at which models predict; ``/predict`` is that of an only one.

    Raises:
        ValidationError: There is no model.
    """
    if not holders:
        raise ValidationError("There is no model to serve; give at least one.")
    found = {f"/models/{name}/predict": holder for name, holder in holders.items()}
    if len(holders) == 1:
        found["/predict"] = next(iter(holders.values()))
    return found
