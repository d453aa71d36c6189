"""The model server: the promoted version over HTTP."""

from tauro.serving._app import create_app
from tauro.serving._holder import ModelChoice, ModelHolder, ServedModel
from tauro.serving._server import serve

__all__ = ["ModelChoice", "ModelHolder", "ServedModel", "create_app", "serve"]
