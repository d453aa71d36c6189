"""The model server: the promoted version over HTTP."""

from tauro.serving._app import create_app
from tauro.serving._bulk import BulkResult, predict_file
from tauro.serving._holder import ModelChoice, ModelHolder
from tauro.serving._keys import ApiKey, KeyStore
from tauro.serving._limits import Limits
from tauro.serving._served import ServedModel
from tauro.serving._server import serve
from tauro.serving._workers import serve_workers

__all__ = [
    "ApiKey",
    "BulkResult",
    "KeyStore",
    "Limits",
    "ModelChoice",
    "ModelHolder",
    "ServedModel",
    "create_app",
    "predict_file",
    "serve",
    "serve_workers",
]
