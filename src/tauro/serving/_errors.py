"""What can go wrong with one request, and the status that answers it."""

from __future__ import annotations

from tauro.errors import ServingError, TauroError


class ModelFailedError(ServingError):
    """The model raised while it predicted."""

    http_status = 500


class DeadlineExceededError(ServingError):
    """The model did not answer in time."""

    http_status = 504


class QueueFullError(ServingError):
    """More requests wait, or more bytes of bodies, than the server keeps."""


class SlowClientError(ServingError):
    """The body did not come in time."""

    http_status = 408


class BodyTooLargeError(ServingError):
    """The body is larger than the server takes."""

    http_status = 413


class UnsupportedBodyError(ServingError):
    """The body has a content type that is not read here."""

    http_status = 415


class MethodError(ServingError):
    """The path takes another method."""

    http_status = 405


class UnknownPathError(ServingError):
    """The server has no such path."""

    http_status = 404


class UnknownModelError(ServingError):
    """The server does not serve a model of this name."""

    http_status = 404


class RefusedError(ServingError):
    """The request is not allowed: no key, a revoked one, or a foreign host name."""

    http_status = 401


class ForeignHostError(ServingError):
    """The Host header names another machine than this one."""

    http_status = 421


class RateLimitedError(ServingError):
    """The key has used up its requests for now."""

    http_status = 429


def retry_after(error: TauroError) -> int | None:
    """Return the seconds after which the same request may succeed, None if it never will."""
    if isinstance(error, RateLimitedError):
        return int(error.context.details.get("retry_after", 1))
    if isinstance(error, QueueFullError):
        return 1
    return 5 if error.http_status == 503 else None
