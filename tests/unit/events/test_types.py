"""Names of events and hooks."""

from __future__ import annotations

import pytest

from tauro.errors import ValidationError
from tauro.events import EventType, HookType, Operation
from tauro.events._operations import SYSTEM_SERIES
from tauro.events._types import to_event_type, to_hook_type


@pytest.mark.parametrize("spelling", ["MODEL_REGISTERED", "model.registered"])
def test_an_event_type_is_found_by_name_and_by_value(spelling: str) -> None:
    assert to_event_type(spelling) is EventType.MODEL_REGISTERED


def test_own_types_are_dotted_texts_of_another_family() -> None:
    assert to_event_type("shop.order_placed") == "shop.order_placed"


@pytest.mark.parametrize("wrong", ["MODEL_REGISTRED", "model.registred", "model.sold"])
def test_a_misspelt_event_of_our_own_families_is_refused_with_the_nearest(wrong: str) -> None:
    with pytest.raises(ValidationError) as caught:
        to_event_type(wrong)
    assert repr(wrong) in str(caught.value)


def test_the_nearest_event_is_named() -> None:
    with pytest.raises(ValidationError, match="Did you mean 'MODEL_REGISTERED'"):
        to_event_type("MODEL_REGISTRED")


@pytest.mark.parametrize("wrong", ["sold", "Shop.Sold", "", "*", None, 3])
def test_what_is_no_event_type_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        to_event_type(wrong)


def test_hook_types_are_found_and_misspelt_ones_refused() -> None:
    assert to_hook_type("PRE_MODEL_REGISTER") is HookType.PRE_MODEL_REGISTER
    assert to_hook_type("pre_model_register") is HookType.PRE_MODEL_REGISTER
    with pytest.raises(ValidationError, match="PRE_MODEL_REGISTER"):
        to_hook_type("PRE_MODEL_REGISTR")


def test_every_operation_has_both_hooks_and_every_hook_an_operation() -> None:
    of_operations = {hook for one in Operation for hook in (one.pre, one.post)}
    assert of_operations == set(HookType)
    assert all(one.pre.is_pre and not one.post.is_pre for one in Operation)


def test_every_operation_announces_itself() -> None:
    assert all(one.spec.success.event is not None for one in Operation)


def test_the_series_that_the_documents_name_are_kept_by_the_system() -> None:
    named = {
        "models_registered",
        "experiments_created",
        "runs_started",
        "runs_completed",
        "runs_failed",
        "active_runs",
    }
    assert named <= SYSTEM_SERIES
