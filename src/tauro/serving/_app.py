"""The HTTP face of a served model."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from tauro.errors import TauroError, create_error_response
from tauro.serving._holder import ModelHolder
from tauro.serving._predict import predict, read_samples

_log = logging.getLogger(__name__)
_JSON = "application/json"


class JSONBytes(Response):
    """A JSON answer, encoded by msgspec."""

    media_type = _JSON

    def render(self, content: Any) -> bytes:
        """Return the content as JSON."""
        return msgspec.json.encode(content, enc_hook=str)


def create_app(holder: ModelHolder, *, follow_seconds: float = 1.0) -> FastAPI:
    """Return the application that serves a holder's model.

    Args:
        holder: The model.
        follow_seconds: How often the registry is asked which version is chosen.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(holder.refresh)
        holder.follow(follow_seconds)
        yield
        holder.close()

    app = FastAPI(
        title=f"Tauro: {holder.choice}",
        description="Predictions of a model of the registry. Every answer names its version.",
        lifespan=lifespan,
        default_response_class=JSONBytes,
    )
    app.add_exception_handler(TauroError, _answer_error)
    _add_state(app, holder)
    _add_predict(app, holder)
    return app


async def _answer_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, TauroError)
    headers = {"Retry-After": "5"} if error.http_status == 503 else {}
    return JSONBytes(create_error_response(error), status_code=error.http_status, headers=headers)


def _add_state(app: FastAPI, holder: ModelHolder) -> None:
    @app.get("/health", summary="Whether the server lives, and what it serves")
    def health() -> Response:
        refusal = holder.refusal
        served = holder.served.version.version if holder.is_ready else None
        return JSONBytes(
            {
                "status": "healthy" if refusal is None and served is not None else "degraded",
                "model": holder.choice.name,
                "version": served,
                "refused": None
                if refusal is None
                else {"version": refusal.version, "reason": refusal.reason},
            }
        )

    @app.get("/ready", summary="Whether predictions are answered")
    def ready() -> Response:
        if holder.is_ready:
            return Response("OK", media_type="text/plain")
        return Response("Not Ready", status_code=503, media_type="text/plain")

    @app.get("/metadata", summary="The version that serves, its columns and where it came from")
    def metadata() -> Response:
        return JSONBytes(holder.describe())

    @app.post("/reload", summary="Ask the registry now, and load the chosen version anew")
    def reload() -> Response:
        reloaded = holder.refresh(force=True)
        refusal = holder.refusal
        body = {
            "reloaded": reloaded,
            "model": holder.choice.name,
            "version": holder.served.version.version,
            "reason": "" if refusal is None else refusal.reason,
        }
        return JSONBytes(body, status_code=200 if reloaded else 503)


def _add_predict(app: FastAPI, holder: ModelHolder) -> None:
    @app.post(
        "/predict",
        summary="Predict for samples",
        openapi_extra={"requestBody": {"content": {_JSON: {"schema": {}}}, "required": True}},
        responses={
            400: {"description": "No JSON, or no samples"},
            422: {"description": "A sample does not fit the signature"},
            503: {"description": "No version is served"},
        },
    )
    async def predict_samples(request: Request) -> Response:
        served = holder.served
        samples = read_samples(await request.body())
        return JSONBytes(await run_in_threadpool(predict, served, samples))

    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        body = schema["paths"]["/predict"]["post"]["requestBody"]["content"][_JSON]
        body["schema"] = _request_schema(holder)
        return schema

    # The way FastAPI's documentation names for a schema of one's own.
    app.openapi = openapi  # type: ignore[method-assign]


def _request_schema(holder: ModelHolder) -> dict[str, Any]:
    signature = holder.served.signature if holder.is_ready else None
    row = signature.json_schema() if signature is not None else {"type": "object"}
    samples = {"type": "array", "minItems": 1, "items": row}
    return {"type": "object", "required": ["samples"], "properties": {"samples": samples}}
