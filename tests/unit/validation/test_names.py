"""Names of experiments, runs, models, and keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tauro.errors import TrackingValidationError, ValidationError
from tauro.validation import (
    validate_experiment_name,
    validate_metric_key,
    validate_model_name,
    validate_parameter_key,
    validate_run_name,
    validate_tag_key,
)

Validate = Callable[..., str]
NAMES = [validate_experiment_name, validate_run_name, validate_model_name]
KEYS = [validate_metric_key, validate_parameter_key, validate_tag_key]


@pytest.mark.parametrize("validate", [*NAMES, *KEYS])
@pytest.mark.parametrize("name", ["a", "Kündigung 客户 👩‍🔬", "a b", "50%", "a\u00a0b", ".hidden"])
def test_printable_text_is_returned_as_it_is(validate: Validate, name: str) -> None:
    assert validate(name) == name


@pytest.mark.parametrize("validate", [validate_experiment_name, validate_run_name, *KEYS])
def test_slashes_are_fine_but_in_models(validate: Validate) -> None:
    assert validate("team/loss: train") == "team/loss: train"


@pytest.mark.parametrize("validate", [*NAMES, *KEYS])
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("", "is empty"),
        ("  ", "is blank"),
        ("a\nb", r"'\\n' at position 2"),
        ("a\x00", r"'\\x00'"),
        ("a\u2028", r"'\\u2028'"),
        ("\ud800x", r"'\\ud800'"),
        (None, "got NoneType None"),
        (3, "got int 3"),
        pytest.param(10**5000, "got int …", id="too long to write"),
    ],
)
def test_what_is_no_name_is_refused(validate: Validate, wrong: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        validate(wrong)
    assert caught.value.suggestions


@pytest.mark.parametrize(
    ("validate", "longest"), [*((one, 255) for one in NAMES), *((one, 250) for one in KEYS)]
)
def test_the_length_is_counted_in_characters(validate: Validate, longest: int) -> None:
    assert validate("ü" * longest)
    with pytest.raises(ValidationError, match=f"{longest + 1} characters, at most {longest}"):
        validate("ü" * (longest + 1))


@pytest.mark.parametrize("wrong", ["fraud/eu", "fraud:1", ".", ".."])
def test_a_model_name_is_one_part_of_an_address(wrong: str) -> None:
    with pytest.raises(ValidationError):
        validate_model_name(wrong)


def test_a_model_name_with_a_slash_gets_a_proposal() -> None:
    with pytest.raises(ValidationError, match="'fraud-eu'"):
        validate_model_name("fraud/eu")


def test_each_part_raises_its_own_error() -> None:
    with pytest.raises(TrackingValidationError):
        validate_run_name("", error=TrackingValidationError)
