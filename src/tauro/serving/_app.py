"""The application that serves models: FastAPI for what is asked now and then, the edge in front."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from tauro.errors import ServingError, TauroError, ValidationError
from tauro.serving._bodies import Bodies, Receive
from tauro.serving._document import document
from tauro.serving._edge import Edge, routes_of
from tauro.serving._errors import MethodError, UnknownPathError
from tauro.serving._exchange import Door, Exchange, Scope, Send
from tauro.serving._guard import Guard
from tauro.serving._holder import ModelHolder
from tauro.serving._limits import Limits
from tauro.serving._metrics import Metrics
from tauro.serving._routes import Holders, JSONBytes, add_state, get_holder
from tauro.serving._v2_routes import add_v2

_JSON: Final = "application/json"
_START_SECONDS: Final = 120.0
"""So long requests wait for the first versions; then they are answered that none serves yet."""


class ServingApp(FastAPI):
    """A FastAPI application whose predictions do not go through FastAPI."""

    edge: Edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request at the edge."""
        await self.edge(scope, receive, send)


def create_app(
    holders: ModelHolder | Sequence[ModelHolder],
    *,
    follow_seconds: float = 1.0,
    limits: Limits | None = None,
    guard: Guard | None = None,
) -> ServingApp:
    """Return the application that serves models.

    Args:
        holders: The models, one or several.
        follow_seconds: How often the registry is asked which version is chosen.
        limits: Bounds of requests.
        guard: Decides who may ask; by default anybody who reaches the server.

    Raises:
        ValidationError: There is no model, or one is given twice.
    """
    given = [holders] if isinstance(holders, ModelHolder) else list(holders)
    by_name = {holder.choice.name: holder for holder in given}
    if len(by_name) < len(given):
        raise ValidationError("A model is given twice; a server serves one version of each.")
    limits = limits if limits is not None else Limits()
    metrics, routes, door = Metrics(given), routes_of(by_name), Door(Bodies(limits))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for holder in given:
            holder.loop = asyncio.get_running_loop()
        loaded = [holder.follow(follow_seconds) for holder in given]
        end = time.monotonic() + _START_SECONDS
        for event in loaded:
            # What takes longer is told by /health, and requests of the others are answered.
            await asyncio.to_thread(event.wait, max(0.0, end - time.monotonic()))
        yield
        for holder in given:
            await asyncio.to_thread(holder.close)

    app = ServingApp(
        title="Tauro: " + ", ".join(str(holder.choice) for holder in given),
        description="Predictions of models of the registry. Every answer names its version.",
        lifespan=lifespan,
        default_response_class=JSONBytes,
    )
    app.add_exception_handler(TauroError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    add_state(app, by_name, metrics, door)
    add_v2(app, by_name)
    _add_predict(app, by_name)
    document(app, routes)
    app.edge = Edge(super(ServingApp, app).__call__, routes, door, metrics, guard)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TauroError)
    exchange: Exchange = request.scope["tauro.exchange"]
    body, headers = exchange.describe_error(error)
    named = {name.decode(): value.decode() for name, value in headers}
    return Response(body, status_code=error.http_status, media_type=_JSON, headers=named)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    """Answer an unknown path or method as every other error is answered."""
    assert isinstance(error, HTTPException)
    path, method = request.scope["path"][:200], request.method
    found: ServingError = UnknownPathError(
        f"There is no {path!r} here.", suggestions=["/docs lists the paths."]
    )
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        found = MethodError(f"{path} does not take {method}.")
    answer = await _answer_error(request, found)
    answer.headers.update(error.headers or {})
    return answer


def _add_predict(app: FastAPI, holders: Holders) -> None:
    """Describe the predictions, which the edge answers, and name the models to who knows none."""

    @app.post("/models/{name}/predict", include_in_schema=False)
    def predict_unknown(name: str) -> Response:
        get_holder(holders, name)
        raise AssertionError("the edge answers for models that are served")

    if len(holders) > 1:

        @app.post("/predict", include_in_schema=False)
        def predict_which() -> Response:
            paths = [f"/models/{name}/predict" for name in holders]
            raise ValidationError(
                f"{len(holders)} models are served here; ask one of them: {', '.join(paths)}."
            )
