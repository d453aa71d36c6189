"""Errors as the body of an API answer, and foreign errors as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tauro.errors._codes import ErrorCode, ErrorContext, to_plain
from tauro.errors._tree import MLOpsError, TauroError, ValidationError


def create_error_response(
    error_code: ErrorCode | str | BaseException | None = None,
    message: str = "",
    details: Mapping[str, Any] | None = None,
    *,
    error: BaseException | None = None,
) -> dict[str, Any]:
    """Return the body with which an API answers an error.

    Args:
        error_code: The kind of error, a member or its name; an exception may stand in its place.
        message: What happened; taken from the exception where it is left out.
        details: What the error is about.
        error: An exception to answer, when its code is given too.

    Raises:
        ValidationError: There is no such code.
    """
    if isinstance(error_code, BaseException):
        error, error_code = error_code, None
    if isinstance(error, TauroError):
        body = error.to_dict()
    else:
        body = MLOpsError(message or str(error or "")).to_dict()
    if error_code is not None:
        body["error_code"] = _member(error_code).value
    if message:
        body["message"] = message
    if details:
        given = to_plain(details)
        body["details"] = {**body["details"], **given}
        body["context"] = {**body["context"], **given}
    return body


def wrap_exception(
    error: BaseException,
    error_code: ErrorCode | str = ErrorCode.UNKNOWN_ERROR,
    message: str | ErrorContext = "",
    context: ErrorContext | None = None,
) -> MLOpsError:
    """Return an :class:`MLOpsError` that stands for ``error`` and keeps it as its cause.

    Raises:
        ValidationError: There is no such code.
    """
    if isinstance(message, ErrorContext):
        context = message
        message = ""
    wrapped = MLOpsError(
        message or str(error) or type(error).__name__,
        context=context or ErrorContext(details={"cause": f"{type(error).__name__}: {error}"}),
        error_code=_member(error_code),
    )
    wrapped.__cause__ = error
    return wrapped


def _member(code: object) -> ErrorCode:
    if isinstance(code, ErrorCode):
        return code
    found = ErrorCode.__members__.get(code) if isinstance(code, str) else None
    if found is None:
        raise ValidationError(
            f"{code!r} is no error code.",
            suggestions=[f"Codes are members of ErrorCode: {', '.join(ErrorCode.__members__)}."],
        )
    return found
