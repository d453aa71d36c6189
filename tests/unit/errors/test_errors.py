"""The exception tree: codes, context, suggestions, and what an API answers."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

import tauro.errors
from tauro.errors import (
    ErrorCode,
    ErrorContext,
    ExitCode,
    MLOpsError,
    MLOpsException,
    ModelNotFoundError,
    StorageError,
    TauroError,
    ValidationError,
    create_error_response,
    wrap_exception,
)

CLASSES = [
    kind
    for name in tauro.errors.__all__
    if inspect.isclass(kind := getattr(tauro.errors, name)) and issubclass(kind, TauroError)
]


def _facts(error: TauroError) -> tuple[Any, ...]:
    notes = getattr(error, "__notes__", [])
    return (type(error), str(error), error.message, error.to_dict(), error.error_code, notes)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_carries_everything_wherever_it_goes(kind: type[TauroError]) -> None:
    error = kind("It is gone.", context={"name": "m", "version": 3}, suggestions=["Look again."])
    error.add_note("while looking")
    assert str(error) == "It is gone.\n  Look again."
    assert error.context.details == {"name": "m", "version": 3}
    assert error.error_code is kind.code
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert _facts(other) == _facts(error)
    body = json.loads(json.dumps(error.to_dict(), allow_nan=False))
    assert body["error_code"] == kind.code.name
    assert body["details"] == {"name": "m", "version": 3}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_class_says_how_a_server_and_a_command_answer(kind: type[TauroError]) -> None:
    assert 400 <= kind.http_status < 600
    assert isinstance(kind.exit_code, ExitCode)
    assert kind.exit_code is not ExitCode.OK
    assert inspect.getdoc(kind)


def test_codes_are_unique_and_each_belongs_to_an_error() -> None:
    assert len({code.value for code in ErrorCode}) == len(ErrorCode.__members__)
    assert all(code.name == code.value for code in ErrorCode)
    assert {kind.code for kind in CLASSES} == set(ErrorCode)
    assert str(ErrorCode.MODEL_NOT_FOUND) == f"{ErrorCode.MODEL_NOT_FOUND}"
    assert str(ErrorCode.MODEL_NOT_FOUND) == "ErrorCode.MODEL_NOT_FOUND"


def test_both_names_of_the_lifecycles_error_are_one() -> None:
    assert MLOpsError is MLOpsException


def _raise_it() -> None:
    try:
        raise KeyError("m")
    except KeyError as cause:
        raise ModelNotFoundError("There is no 'm'.", suggestions=["Register it."]) from cause


def test_an_error_crosses_processes_whole() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(ModelNotFoundError, match="Register it") as caught,
    ):
        pool.submit(_raise_it).result(240)
    assert caught.value.error_code is ErrorCode.MODEL_NOT_FOUND
    assert caught.value.suggestions == ("Register it.",)


def test_one_suggestion_is_not_taken_for_its_letters() -> None:
    error = TauroError("m", suggestions="Try again.")
    assert error.suggestions == ("Try again.",)


def test_a_response_is_json_whatever_the_details_hold() -> None:
    body = create_error_response(
        error_code=ErrorCode.VALIDATION_ERROR,
        message="Invalid model name",
        details={
            "field": "name",
            "path": Path("a/b"),
            "code": ErrorCode.STORAGE_ERROR,
            "ratio": float("nan"),
            "many": [{1}, (object,)],
        },
    )
    read = json.loads(json.dumps(body, allow_nan=False))
    assert set(read) == {
        "error",
        "error_code",
        "message",
        "details",
        "suggestions",
        "context",
        "timestamp",
    }
    assert (read["error"], read["error_code"]) == (True, "VALIDATION_ERROR")
    assert read["details"] == {
        "field": "name",
        "path": "a/b",
        "code": "STORAGE_ERROR",
        "ratio": "nan",
        "many": [[1], ["<class 'object'>"]],
    }
    assert read["context"] == read["details"]


def test_a_response_may_be_made_of_an_exception() -> None:
    error = ModelNotFoundError("There is no 'm'.", context={"name": "m"}, suggestions=["Look."])
    body = create_error_response(error)
    assert body == {**error.to_dict(), "timestamp": body["timestamp"]}
    own = create_error_response(ErrorCode.STORAGE_ERROR, "else", {"more": 1}, error=error)
    assert (own["error_code"], own["message"]) == ("STORAGE_ERROR", "else")
    assert own["details"] == own["context"] == {"name": "m", "more": 1}
    foreign = create_error_response(ZeroDivisionError("by zero"))
    assert (foreign["error_code"], foreign["message"]) == ("UNKNOWN_ERROR", "by zero")


def test_a_code_may_be_given_by_name_and_no_other_text() -> None:
    assert create_error_response("STORAGE_ERROR", "m")["error_code"] == "STORAGE_ERROR"
    assert wrap_exception(OSError(), "STORAGE_ERROR").error_code is ErrorCode.STORAGE_ERROR
    for wrong in ("storage", OSError):
        with pytest.raises(ValidationError, match="is no error code"):
            create_error_response(wrong, "m")  # type: ignore[arg-type]
        with pytest.raises(ValidationError, match="is no error code"):
            wrap_exception(OSError(), wrong)  # type: ignore[arg-type]


def test_a_wrapped_exception_is_the_cause() -> None:
    cause = OSError("no space")
    wrapped = wrap_exception(cause, ErrorCode.STORAGE_ERROR, "Failed to save model")
    assert type(wrapped) is MLOpsError
    assert (wrapped.message, wrapped.error_code) == (
        "Failed to save model",
        ErrorCode.STORAGE_ERROR,
    )
    assert wrapped.__cause__ is cause
    assert wrapped.context.to_dict() == {"cause": "OSError: no space"}
    assert wrap_exception(cause).message == "no space"
    assert wrap_exception(KeyError()).message == "KeyError"


def test_a_context_may_stand_in_the_messages_place() -> None:
    context = ErrorContext(operation="save", component="registry", details={"name": "m"})
    wrapped = wrap_exception(OSError("full"), ErrorCode.STORAGE_ERROR, context)
    assert (wrapped.message, wrapped.context) == ("full", context)
    assert wrapped.context.to_dict() == {"operation": "save", "component": "registry", "name": "m"}
    both = wrap_exception(OSError("full"), ErrorCode.STORAGE_ERROR, "Failed", context)
    assert (both.message, both.context) == ("Failed", context)


def test_the_details_of_an_error_are_the_callers_mapping_by_value() -> None:
    error = StorageError("m", context={"path": Path("x"), "empty": "", "none": None})
    assert error.context.to_dict() == {"path": "x"}
    assert error.to_dict()["details"] == {"path": "x", "empty": "", "none": None}
