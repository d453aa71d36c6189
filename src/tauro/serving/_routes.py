"""The state of a server and its models: health, metadata, metrics, reloading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from tauro._internal._close import did_you_mean
from tauro.serving._caller import to_json
from tauro.serving._errors import UnknownModelError
from tauro.serving._exchange import Door
from tauro.serving._holder import ModelHolder
from tauro.serving._metrics import CONTENT_TYPE, Metrics

Holders = Mapping[str, ModelHolder]


class JSONBytes(JSONResponse):
    """A JSON answer, encoded by msgspec."""

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


def add_state(app: FastAPI, holders: Holders, metrics: Metrics, door: Door) -> None:
    """Add ``/health``, ``/ready``, ``/metadata``, ``/reload`` and ``/metrics``.

    They run on the event loop, so that they answer also while models are loaded.
    """
    only = next(iter(holders.values())) if len(holders) == 1 else None
    # Who asks to reload again and again must not take the threads of all other work.
    few = CapacityLimiter(1)

    @app.get(
        "/health",
        summary="Whether the server lives, and what it serves",
        tags=["state"],
        responses={503: {"description": "A model hangs", "content": _STATE}},
    )
    async def health() -> Response:
        models = [state_of(holder) for holder in holders.values()]
        worst = max(models, key=lambda model: _ORDER.index(model["status"]))["status"]
        body = models[0] if only is not None else {"status": worst, "models": models}
        return JSONBytes(body, status_code=503 if worst == "unhealthy" else 200)

    @app.get(
        "/ready",
        summary="Whether predictions of every model are answered",
        tags=["state"],
        response_class=PlainTextResponse,
        responses={503: {"description": "They are not", "content": {"text/plain": {}}}},
    )
    async def ready() -> Response:
        if not door.is_closing and all(holder.answers for holder in holders.values()):
            return Response("OK", media_type="text/plain")
        return Response("Not Ready", status_code=503, media_type="text/plain")

    @app.get(
        "/metadata", summary="The versions that serve, and where they came from", tags=["state"]
    )
    async def metadata() -> Response:
        if only is not None:
            return JSONBytes(only.describe())
        return JSONBytes({"models": [h.describe() for h in holders.values() if h.is_ready]})

    @app.get("/models/{name}/metadata", summary="The version that serves", tags=["state"])
    async def model_metadata(name: str) -> Response:
        return JSONBytes(get_holder(holders, name).describe())

    @app.post(
        "/reload",
        summary="Load the chosen versions anew, now",
        tags=["state"],
        responses={503: {"description": "A version is refused", "content": _STATE}},
    )
    async def reload() -> Response:
        bodies = [await to_thread.run_sync(_reload, each, limiter=few) for each in holders.values()]
        failed = any(body["reason"] for body in bodies)
        body = bodies[0] if only is not None else {"reloaded": not failed, "models": bodies}
        return JSONBytes(body, status_code=503 if failed else 200)

    @app.get(
        "/metrics",
        summary="Counters and times, for Prometheus",
        tags=["state"],
        response_class=PlainTextResponse,
    )
    async def show_metrics() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)


_STATE: Final[dict[str, Any]] = {"application/json": {"schema": {"type": "object"}}}
_ORDER: Final = ("healthy", "degraded", "unhealthy")


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
        "loading": holder.loading,
        "waiting": served.engine.pending if served is not None else 0,
        "hanging": served.engine.stuck if served is not None else 0,
    }


def _reload(holder: ModelHolder) -> dict[str, Any]:
    reloaded = holder.refresh(force=True)
    refusal, served = holder.refusal, holder.served if holder.is_ready else None
    return {
        "reloaded": reloaded,
        "model": holder.choice.name,
        "version": served.version.version if served is not None else None,
        "reason": "" if refusal is None else refusal.reason,
    }
