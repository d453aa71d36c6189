"""Everything but predictions by samples: state, metrics, reloading, the protocol version 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from tauro._internal._close import did_you_mean
from tauro.serving._caller import to_json
from tauro.serving._errors import UnknownModelError
from tauro.serving._exchange import Exchange
from tauro.serving._holder import ModelHolder
from tauro.serving._limits import Limits
from tauro.serving._metrics import CONTENT_TYPE, Metrics
from tauro.serving._v2 import describe_model, read_request, to_answer, to_samples

Holders = Mapping[str, ModelHolder]


class JSONBytes(Response):
    """A JSON answer, encoded by msgspec."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the content as JSON."""
        return to_json(content)


def get_holder(holders: Holders, name: str) -> ModelHolder:
    """Return the holder of a model.

    Raises:
        UnknownModelError: The server does not serve it.
    """
    found = holders.get(name)
    if found is None:
        raise UnknownModelError(
            f"The model {name!r} is not served here; served: {', '.join(holders)}.",
            suggestions=did_you_mean(name, holders),
        )
    return found


def add_state(app: FastAPI, holders: Holders, metrics: Metrics) -> None:
    """Add ``/health``, ``/ready``, ``/metadata``, ``/reload`` and ``/metrics``."""
    only = next(iter(holders.values())) if len(holders) == 1 else None

    @app.get("/health", summary="Whether the server lives, and what it serves", tags=["state"])
    def health() -> Response:
        models = [state_of(holder) for holder in holders.values()]
        worst = max(models, key=lambda model: _ORDER.index(model["status"]))["status"]
        body = models[0] if only is not None else {"status": worst, "models": models}
        return JSONBytes(body, status_code=503 if worst == "unhealthy" else 200)

    @app.get("/ready", summary="Whether predictions of every model are answered", tags=["state"])
    def ready() -> Response:
        if all(holder.is_ready and not holder.served.engine.hangs for holder in holders.values()):
            return Response("OK", media_type="text/plain")
        return Response("Not Ready", status_code=503, media_type="text/plain")

    @app.get(
        "/metadata", summary="The versions that serve, and where they came from", tags=["state"]
    )
    def metadata() -> Response:
        if only is not None:
            return JSONBytes(only.describe())
        return JSONBytes({"models": [h.describe() for h in holders.values() if h.is_ready]})

    @app.get("/models/{name}/metadata", summary="The version that serves", tags=["state"])
    def model_metadata(name: str) -> Response:
        return JSONBytes(get_holder(holders, name).describe())

    @app.post("/reload", summary="Load the chosen versions anew, now", tags=["state"])
    def reload() -> Response:
        bodies = [_reload(holder) for holder in holders.values()]
        failed = any(body["reason"] for body in bodies)
        body = bodies[0] if only is not None else {"reloaded": not failed, "models": bodies}
        return JSONBytes(body, status_code=503 if failed else 200)

    @app.get("/metrics", summary="Counters and times, for Prometheus", tags=["state"])
    def show_metrics() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)


_ORDER = ("healthy", "degraded", "unhealthy")


def state_of(holder: ModelHolder) -> dict[str, Any]:
    """Return what ``/health`` says of a model."""
    refusal, served = holder.refusal, holder.served if holder.is_ready else None
    status = "healthy" if refusal is None and served is not None else "degraded"
    return {
        "status": "unhealthy" if served is not None and served.engine.hangs else status,
        "model": holder.choice.name,
        "version": served.version.version if served is not None else None,
        "refused": None
        if refusal is None
        else {"version": refusal.version, "reason": refusal.reason},
        "waiting": served.engine.pending if served is not None else 0,
        "hanging": served.engine.stuck if served is not None else 0,
    }


def _reload(holder: ModelHolder) -> dict[str, Any]:
    reloaded = holder.refresh(force=True)
    refusal = holder.refusal
    return {
        "reloaded": reloaded,
        "model": holder.choice.name,
        "version": holder.served.version.version,
        "reason": "" if refusal is None else refusal.reason,
    }


def add_v2(app: FastAPI, holders: Holders, limits: Limits) -> None:
    """Add the Open Inference Protocol under ``/v2``."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @router.get("", summary="The server")
    def server() -> Response:
        from importlib.metadata import version

        return JSONBytes({"name": "tauro", "version": version("tauro"), "extensions": []})

    @router.get("/health/live", summary="Whether the server lives")
    def live() -> Response:
        return JSONBytes({"live": True})

    @router.get("/health/ready", summary="Whether every model is ready")
    def ready() -> Response:
        is_ready = all(holder.is_ready for holder in holders.values())
        return JSONBytes({"ready": is_ready}, status_code=200 if is_ready else 503)

    @router.get("/models/{name}/ready", summary="Whether a model is ready")
    def model_ready(name: str) -> Response:
        is_ready = get_holder(holders, name).is_ready
        return JSONBytes({"name": name, "ready": is_ready}, status_code=200 if is_ready else 503)

    @router.get("/models/{name}", summary="A model's inputs and outputs")
    def model(name: str) -> Response:
        served = get_holder(holders, name).served
        platform, version = served.model.spec.flavor, served.version.version
        return JSONBytes(describe_model(name, [version], platform, served.signature))

    @router.post(
        "/models/{name}/infer",
        summary="Predict for tensors",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": _INFER}}}},
    )
    async def infer(name: str, request: Request) -> Response:
        exchange: Exchange = request.scope["tauro.exchange"]
        holder = get_holder(holders, name)
        exchange.model = name
        asked = read_request(await exchange.read_body(request.receive, limits.max_body))
        served = holder.served
        exchange.version = served.version.version
        with served.engine.lease():
            samples = await run_in_threadpool(to_samples, asked, served.signature)
            rows = await run_in_threadpool(served.reader.read_samples, samples)
            exchange.rows = rows.count
            found = await served.engine.predict(rows)
        return JSONBytes(to_answer(found, asked, name, served.version.version))

    app.include_router(router)


_INFER: dict[str, Any] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "shape", "datatype", "data"],
                "properties": {
                    "name": {"type": "string"},
                    "shape": {"type": "array", "items": {"type": "integer"}},
                    "datatype": {"type": "string"},
                    "data": {"type": "array"},
                },
            },
        },
    },
}
