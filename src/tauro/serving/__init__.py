"""The model server: the promoted version over HTTP."""

from tauro.serving._app import create_app
from tauro.serving._holder import ModelChoice, ModelHolder
from tauro.serving._keys import ApiKey, KeyStore
from tauro.serving._limits import Limits
from tauro.serving._served import ServedModel
from tauro.serving._server import serve
from tauro.serving._workers import serve_workers

__all__ = [
    "ApiKey",
    "KeyStore",
    "Limits",
    "ModelChoice",
    "ModelHolder",
    "ServedModel",
    "create_app",
    "serve",
    "serve_workers",
]
