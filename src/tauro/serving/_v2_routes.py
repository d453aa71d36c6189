"""The paths of the Open Inference Protocol under ``/v2``."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from tauro.serving._bodies import LARGE
from tauro.serving._errors import UnknownModelError
from tauro.serving._exchange import Exchange
from tauro.serving._holder import ModelHolder
from tauro.serving._routes import Holders, JSONBytes, get_holder
from tauro.serving._v2 import (
    EXTENSIONS,
    HEADER_LENGTH,
    describe_model,
    read_request,
    to_answer,
    to_samples,
)

_MODEL: Final = "/models/{name}"
_VERSION: Final = "/models/{name}/versions/{version}"


def add_v2(app: FastAPI, holders: Holders) -> None:
    """Add the Open Inference Protocol."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @router.get("", summary="The server")
    def server() -> Response:
        own = {"name": "tauro", "version": installed_version("tauro")}
        return JSONBytes({**own, "extensions": EXTENSIONS})

    @router.get("/health/live", summary="Whether the server lives")
    def live() -> Response:
        return JSONBytes({"live": True})

    @router.get("/health/ready", summary="Whether every model is ready", responses=_READY)
    def ready() -> Response:
        answers = all(holder.answers for holder in holders.values())
        return JSONBytes({"ready": answers}, status_code=200 if answers else 503)

    @router.get(f"{_MODEL}/ready", summary="Whether a model is ready", responses=_READY)
    @router.get(f"{_VERSION}/ready", summary="Whether a version is ready", responses=_READY)
    def model_ready(name: str, version: str = "") -> Response:
        holder = _chosen(holders, name, version)
        answers = holder.answers
        return JSONBytes({"name": name, "ready": answers}, status_code=200 if answers else 503)

    @router.get(_MODEL, summary="A model's inputs and outputs", responses=_MISSING)
    @router.get(_VERSION, summary="A version's inputs and outputs", responses=_MISSING)
    def model(name: str, version: str = "") -> Response:
        served = _chosen(holders, name, version).served
        platform, number = served.model.spec.flavor, served.version.version
        return JSONBytes(describe_model(name, number, platform, served.signature))

    @router.post(f"{_MODEL}/infer", summary="Predict for tensors", **_INFER)
    @router.post(f"{_VERSION}/infer", summary="Predict for tensors by a version", **_INFER)
    async def infer(name: str, request: Request, version: str = "") -> Response:
        exchange: Exchange = request.scope["tauro.exchange"]
        holder = _chosen(holders, name, version)
        exchange.model = name
        body = await exchange.read_body()
        served = holder.served
        number = exchange.version = served.version.version
        header = request.headers.get(HEADER_LENGTH)
        with served.engine.lease():
            if len(body) > LARGE:
                asked = await run_in_threadpool(read_request, body, header)
            else:
                asked = read_request(body, header)
            samples = await run_in_threadpool(to_samples, asked.arrays, served.signature)
            rows = await run_in_threadpool(served.reader.read_samples, samples)
            exchange.rows = rows.count
            found = await served.engine.predict(rows)
        answer, json_length = to_answer(found, asked, name, number)
        if json_length == len(answer):
            return Response(answer, media_type="application/json")
        headers = {HEADER_LENGTH: str(json_length)}
        return Response(answer, media_type="application/octet-stream", headers=headers)

    app.include_router(router)


def _chosen(holders: Holders, name: str, version: str) -> ModelHolder:
    """Return the holder of a model, if it serves the version that is named.

    Raises:
        UnknownModelError: It does not.
    """
    holder = get_holder(holders, name)
    if version and version != str(holder.served.version.version):
        raise UnknownModelError(
            f"Version {version} of {name!r} is not served here; version "
            f"{holder.served.version.version} is."
        )
    return holder


_READY: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "The model, or the version, is not served here"},
    503: {
        "description": "It is not ready",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
}
_MISSING: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "The model, or the version, is not served here"},
    503: {"description": "No version is served"},
}
_TENSOR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1}},
        "datatype": {"type": "string"},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
}
_REQUEST: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "minItems": 1, "items": _TENSOR},
        "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "parameters": {"type": "object"},
    },
}
_INFER: Final[dict[str, Any]] = {
    "openapi_extra": {"requestBody": {"content": {"application/json": {"schema": _REQUEST}}}},
    "responses": {
        400: {"description": "The body cannot be read, or has no inputs"},
        404: {"description": "The model, or the version, is not served here"},
        408: {"description": "The body did not come in time"},
        413: {"description": "The body is too large"},
        415: {"description": "The body is compressed"},
        422: {"description": "The tensors do not fit the signature"},
        500: {"description": "The model failed"},
        503: {"description": "No version is served, or too many requests wait"},
        504: {"description": "The model did not answer in time"},
    },
}
