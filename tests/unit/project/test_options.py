"""Options of a run and the result as plain values."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tauro.errors import PlanningError
from tauro.pipeline import NodeResult, NodeStatus
from tauro.project import RunOptions, RunResult
from tauro.project._options import plain_value


def test_dates_are_taken_as_text_and_as_dates() -> None:
    options = RunOptions(start_date=date(2026, 1, 2), end_date="2026-01-02T10:00:00")
    assert options.dates == {"start_date": "2026-01-02", "end_date": "2026-01-02T10:00:00"}
    moment = datetime(2026, 1, 2, 3)  # noqa: DTZ001 - a user's may be without a zone
    assert RunOptions(start_date=moment).dates == {"start_date": "2026-01-02T03:00:00"}
    assert RunOptions().dates == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"start_date": "yesterday"}, "start_date must be a date, got 'yesterday'"),
        ({"end_date": "2026-02-30"}, "end_date must be a date"),
        ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, "lies before"),
        ({"executor": "process"}, "Did you mean 'processes'"),
        ({"executor": "ray"}, "Executors: threads, processes"),
        ({"max_workers": 0}, "at least 1"),
    ],
)
def test_options_that_cannot_be_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanningError, match=message):
        RunOptions(**fields)


def test_a_result_is_plain_values() -> None:
    result = RunResult(
        success=False,
        pipeline="p",
        run_id="r",
        status="failed",
        nodes={
            "a": NodeResult(name="a", status=NodeStatus.SUCCEEDED, value={"x": np.int64(3)}),
            "b": NodeResult(name="b", status=NodeStatus.FAILED, error=ValueError("no")),
            "c": NodeResult(name="c", status=NodeStatus.SKIPPED, reason="'b' failed"),
        },
        outputs={},
        duration=1.23456789,
        run_ids=("t1",),
    )
    document = result.to_dict()
    assert document["duration"] == 1.234568
    assert document["run_ids"] == ["t1"]
    assert [(n["name"], n["status"], n["value"], n["error"]) for n in document["nodes"]] == [
        ("a", "succeeded", {"x": 3}, None),
        ("b", "failed", None, "no"),
        ("c", "skipped", None, None),
    ]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        ({"a": (1, [2.5])}, {"a": [1, [2.5]]}),
        ({1: "a"}, {"1": "a"}),
        (np.float32(0.5), 0.5),
        (np.array(3), 3),
        (np.zeros((2, 3)), "<ndarray 2x3>"),
        (pd.DataFrame({"a": [1, 2]}), "<DataFrame 2x1>"),
        (object(), "<object>"),
        ([0] * 1001, "<list>"),
    ],
)
def test_a_value_is_shown_as_json_holds_it_or_described(value: Any, plain: Any) -> None:
    assert plain_value(value) == plain
