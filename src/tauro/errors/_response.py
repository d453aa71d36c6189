"""Errors as the body of an API answer, and foreign errors as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tauro.errors._codes import ErrorCode, ErrorContext
from tauro.errors._tree import MLOpsError, TauroError


def create_error_response(
    error_code: ErrorCode | BaseException | None = None,
    message: str = "",
    details: Mapping[str, Any] | None = None,
    *,
    error: BaseException | None = None,
) -> dict[str, Any]:
    """Return the body with which an API answers an error.

    Args:
        error_code: The kind of error; an exception may stand in its place.
        message: What happened; taken from the exception where it is left out.
        details: What the error is about.
        error: An exception to answer, when its code is given too.
    """
    if isinstance(error_code, BaseException):
        error, error_code = error_code, None
    if isinstance(error, TauroError):
        body = error.to_dict()
    else:
        body = MLOpsError(message or str(error or "")).to_dict()
    if error_code is not None:
        body["error_code"] = error_code.value
    if message:
        body["message"] = message
    if details:
        body["details"] = {**body["details"], **details}
        body["context"] = {**body["context"], **details}
    return body


def wrap_exception(
    error: BaseException,
    error_code: ErrorCode = ErrorCode.UNKNOWN_ERROR,
    message: str | ErrorContext = "",
    context: ErrorContext | None = None,
) -> MLOpsError:
    """Return an :class:`MLOpsError` that stands for ``error`` and keeps it as its cause."""
    if isinstance(message, ErrorContext):
        context = message
        message = ""
    wrapped = MLOpsError(
        message or str(error) or type(error).__name__,
        context=context or ErrorContext(details={"cause": f"{type(error).__name__}: {error}"}),
        error_code=error_code,
    )
    wrapped.__cause__ = error
    return wrapped
