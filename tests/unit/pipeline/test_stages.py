"""PipelineStage: an open set of strings."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from tauro.errors import ValidationError
from tauro.pipeline import PipelineStage


class CustomPipelineStage(PipelineStage):
    CUSTOM_STAGE = "custom_stage"


SIX = [
    "data_collection",
    "data_preprocessing",
    "training",
    "validation",
    "deployment",
    "monitoring",
]


def test_iterating_gives_the_six_in_order() -> None:
    assert list(PipelineStage) == SIX
    assert len(PipelineStage) == 6
    assert all(isinstance(stage, PipelineStage) for stage in PipelineStage)


def test_members_equal_their_strings_and_hash_like_them() -> None:
    assert PipelineStage.TRAINING == "training"
    assert {"training": 1}[PipelineStage.TRAINING] == 1
    assert str(PipelineStage.TRAINING) == f"{PipelineStage.TRAINING}" == "training"
    assert json.dumps([PipelineStage.TRAINING]) == '["training"]'


def test_members_have_name_value_and_repr() -> None:
    stage = PipelineStage("training")
    assert stage is PipelineStage["TRAINING"]
    assert (stage.name, stage.value) == ("TRAINING", "training")
    assert repr(stage) == "<PipelineStage.TRAINING: 'training'>"


def test_a_subclass_adds_members() -> None:
    assert CustomPipelineStage.CUSTOM_STAGE == "custom_stage"
    assert isinstance(CustomPipelineStage.CUSTOM_STAGE, PipelineStage)
    assert list(CustomPipelineStage) == [*SIX, "custom_stage"]
    assert list(PipelineStage) == SIX, "the base stays as it is"
    assert CustomPipelineStage("custom_stage").name == "CUSTOM_STAGE"


def test_any_text_is_a_stage() -> None:
    stage = PipelineStage("labelling")
    assert stage == "labelling"
    assert stage not in PipelineStage
    assert stage.name == "LABELLING"


@pytest.mark.parametrize("value", ["", " ", None, 3])
def test_what_is_no_text_is_no_stage(value: object) -> None:
    with pytest.raises(ValidationError, match="A stage is a text"):
        PipelineStage(value)  # type: ignore[arg-type]


def test_an_unknown_name_is_answered_with_close_matches() -> None:
    with pytest.raises(ValidationError, match="Did you mean 'TRAINING'"):
        PipelineStage["TRAINNING"]


def test_stages_survive_copies_and_pickles() -> None:
    for stage in (*CustomPipelineStage, PipelineStage("other")):
        for again in (pickle.loads(pickle.dumps(stage)), copy.deepcopy(stage)):
            assert again == stage
            assert type(again) is type(stage)
            assert again.name == stage.name
