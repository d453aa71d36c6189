"""The OpenAPI document: the models' own columns, and how every error is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from tauro.serving._holder import ModelHolder

_JSON: Final = "application/json"
_TABLES: Final = (
    "text/csv",
    "application/vnd.apache.parquet",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.arrow.file",
)


_VALIDATION: Final = "422"
"""FastAPI describes these answers itself, for checks that ours do not use."""


def document(app: FastAPI, routes: dict[str, ModelHolder]) -> None:
    """Let the application's document tell of predictions and errors.

    Args:
        app: The application.
        routes: The paths at which models predict.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        for path, holder in routes.items():
            schema["paths"][path] = {"post": _describe(path, holder)}
        schema.setdefault("components", {})["schemas"] = {"Error": _ERROR}
        served = {holder.choice.name: holder for holder in routes.values()}
        for operations in schema["paths"].values():
            for operation in operations.values():
                _describe_errors(operation["responses"])
                _name_models(operation.get("parameters", ()), served)
        return schema

    # The way FastAPI's documentation names for a schema of one's own.
    app.openapi = openapi  # type: ignore[method-assign]


def _name_models(parameters: Sequence[dict[str, Any]], served: Mapping[str, ModelHolder]) -> None:
    """Say which models and versions a path may name."""
    ready = [holder.served for holder in served.values() if holder.is_ready]
    versions = sorted({str(one.version.version) for one in ready})
    for parameter in parameters:
        known = {"name": list(served), "version": versions}.get(parameter["name"])
        if known and parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "enum": known}


def _describe_errors(responses: dict[str, Any]) -> None:
    """Say that every error has the same body, those too that any path may answer."""
    content = {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses["default"] = {"description": "Any other error", "content": content}
    for status, response in responses.items():
        own = "content" in response and status != _VALIDATION
        if status.isdigit() and int(status) >= HTTPStatus.BAD_REQUEST and not own:
            response["content"] = content


_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error", "error_code", "message", "details", "request_id", "model_version"],
    "properties": {
        "error": {"description": "true; under /v2 the message, as the protocol has it"},
        "error_code": {"type": "string"},
        "message": {"type": "string"},
        "details": {"type": "object"},
        "suggestions": {"type": "array", "items": {"type": "string"}},
        "context": {"type": "object"},
        "timestamp": {"type": "string"},
        "request_id": {"type": "string"},
        "model_version": {"type": ["integer", "null"]},
    },
}


def _describe(path: str, holder: ModelHolder) -> dict[str, Any]:
    table = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
    body = {_JSON: {"schema": _request_schema(holder)}, **dict.fromkeys(_TABLES, table)}
    if holder.is_ready:
        example = holder.served.example
        if example is not None:
            body[_JSON]["example"] = {"samples": example}
    return {
        "tags": ["predictions"],
        "summary": f"Predict for samples with {holder.choice}",
        "operationId": path.strip("/").replace("/", "_"),
        "requestBody": {"content": body, "required": True},
        "responses": {
            "200": {
                "description": "Predictions and the version that gave them",
                "content": {_JSON: {"schema": _ANSWER}},
            },
            "400": {"description": "The body cannot be read, or there are no samples"},
            "408": {"description": "The body did not come in time"},
            "413": {"description": "The body is too large"},
            "415": {"description": "The content type is not known"},
            "422": {"description": "Samples do not fit the signature; lists every problem"},
            "500": {"description": "The model failed"},
            "503": {"description": "No version is served, or too many requests wait"},
            "504": {"description": "The model did not answer in time"},
        },
    }


_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["predictions", "model", "model_version"],
    "properties": {
        "predictions": {},
        "model": {"type": "string"},
        "model_version": {"type": "integer"},
    },
}


def _request_schema(holder: ModelHolder) -> dict[str, Any]:
    served = holder.served if holder.is_ready else None
    signature = served.signature if served is not None else None
    row: dict[str, Any] = {"type": "object"}
    if served is not None and signature is not None and signature.inputs:
        row = signature.json_schema() | {"additionalProperties": False}
        for column in signature.inputs:
            if column.type == "integer" and not signature.is_tensor:
                row["properties"][column.name] |= {"minimum": -(2**63), "maximum": 2**63 - 1}
        for name, values in served.reader.categories.items():
            row["properties"][name]["enum"] = sorted(values)
        if signature.is_tensor and len(signature.inputs) == 1:
            row = row["properties"][signature.inputs[0].name]
    samples = {"type": "array", "minItems": 1, "items": row}
    return {"type": "object", "required": ["samples"], "properties": {"samples": samples}}
