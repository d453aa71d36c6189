"""Whatever is accepted comes back whole from JSON; whatever is not is our error."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tauro.errors import ValidationError
from tauro.validation import (
    PathValidator,
    validate_experiment_name,
    validate_metric_step,
    validate_metric_value,
    validate_model_name,
    validate_parameter,
    validate_tag,
)

anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters())
    | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner)
    ),
    max_leaves=10,
)


@given(st.text(st.characters()), anything)
def test_an_accepted_parameter_survives_json(key: str, value: Any) -> None:
    with contextlib.suppress(ValidationError):
        accepted_key, accepted = validate_parameter(key, value)
        document = json.dumps({accepted_key: accepted}, allow_nan=False).encode()
        assert json.loads(document) == {accepted_key: accepted}
        # What is plain JSON already stays what it is.
        assert validate_parameter(key, accepted) == (accepted_key, accepted)


@given(anything)
def test_a_metric_is_a_float_or_an_error(value: Any) -> None:
    try:
        result = validate_metric_value(value)
    except ValidationError:
        assert isinstance(value, bool | int) or not isinstance(value, float)
    else:
        assert type(result) is float
        assert result == float(value) or math.isnan(value)


@given(anything)
def test_a_step_is_an_int64_or_an_error(value: Any) -> None:
    with contextlib.suppress(ValidationError):
        assert -(2**63) <= validate_metric_step(value) < 2**63


@given(anything)
def test_names_and_tags_are_encodable_or_an_error(value: Any) -> None:
    with contextlib.suppress(ValidationError):
        validate_experiment_name(value).encode()
    with contextlib.suppress(ValidationError):
        assert "/" not in validate_model_name(value)
    with contextlib.suppress(ValidationError):
        validate_tag("t", value)[1].encode()


@given(st.lists(st.sampled_from(["a", "..", ".", "", "ü", "/", "b c", "\\", "\0"])))
def test_a_key_never_leaves_its_root(parts: list[str]) -> None:
    with contextlib.suppress(ValidationError):
        key = PathValidator().validate_key("/".join(parts))
        assert not key.startswith("/")
        assert not {"", ".", ".."} & set(key.split("/"))
