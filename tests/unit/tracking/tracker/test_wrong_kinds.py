"""Arguments of the wrong kind: each verb says so in an error of ours, and nothing is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tauro.errors import (
    FilterSyntaxError,
    MLOpsError,
    PathNotAllowedError,
    StorageError,
    StorageNotFoundError,
    TrackingValidationError,
    ValidationError,
)
from tauro.tracking import ExperimentTracker, Run

Call = Callable[[ExperimentTracker, Run], object]
ANY: Any = None
"""Hands the wrong kinds to typed verbs."""


@pytest.fixture
def tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExperimentTracker]:
    monkeypatch.chdir(tmp_path)
    with ExperimentTracker(tmp_path / "store", capture_environment=False) as made:
        yield made


@pytest.fixture
def run(tracker: ExperimentTracker) -> Run:
    run = tracker.start_run(name="r", parameters={"p": 1})
    run.log_metric("m", 0.5)
    return run


def untyped(value: Any) -> Any:
    return value


WRONG: dict[str, tuple[type[MLOpsError], Call]] = {
    "a run that is no id": (
        TrackingValidationError,
        lambda t, r: t.log_metric(untyped([]), "x", 1),
    ),
    "a run that is a mapping": (
        TrackingValidationError,
        lambda t, r: t.log_metric(untyped({}), "x", 1),
    ),
    "a parameter's key": (TrackingValidationError, lambda t, r: r.log_param(untyped(["x"]), 1)),
    "a tag's key": (TrackingValidationError, lambda t, r: r.set_tag(untyped(["x"]), 1)),
    "a metric's key": (TrackingValidationError, lambda t, r: r.history(untyped([]))),
    "no metric's key": (TrackingValidationError, lambda t, r: r.history(untyped(None))),
    "a sampling interval of text": (
        TrackingValidationError,
        lambda t, r: t.start_run(system_metrics=untyped("x")),
    ),
    "an endless sampling interval": (
        TrackingValidationError,
        lambda t, r: t.start_run(system_metrics=math.inf),
    ),
    "a sampling interval of a bool": (
        TrackingValidationError,
        lambda t, r: t.start_run(system_metrics=True),
    ),
    "a filter": (FilterSyntaxError, lambda t, r: t.query_runs(filter=untyped(5))),
    "no filter": (FilterSyntaxError, lambda t, r: t.query_runs(filter=untyped(None))),
    "an order": (FilterSyntaxError, lambda t, r: t.query_runs(order_by=untyped(5))),
    "a part of an order": (FilterSyntaxError, lambda t, r: t.query_runs(order_by=untyped([5]))),
    "fields": (FilterSyntaxError, lambda t, r: t.query_runs(fields=untyped(5))),
    "a field": (FilterSyntaxError, lambda t, r: t.query_runs(fields=untyped([5]))),
    "a page token": (TrackingValidationError, lambda t, r: t.query_runs(page_token=untyped(5))),
    "a filter of experiments": (
        FilterSyntaxError,
        lambda t, r: t.search_experiments(untyped(5)),
    ),
    "conditions": (
        TrackingValidationError,
        lambda t, r: t.search_runs(metric_filter=untyped([("m", 1)])),
    ),
    "a metric of a condition": (
        TrackingValidationError,
        lambda t, r: t.search_runs(metric_filter=untyped({5: (">", 1)})),
    ),
    "tags to look for": (
        TrackingValidationError,
        lambda t, r: t.list_runs(tag_filter=untyped("team")),
    ),
    "runs to compare": (TrackingValidationError, lambda t, r: t.compare_runs(untyped(None))),
    "one run to compare": (TrackingValidationError, lambda t, r: t.compare_runs(untyped(r))),
    "days of text": (TrackingValidationError, lambda t, r: t.gc(older_than_days=untyped("x"))),
    "days that are no number": (
        TrackingValidationError,
        lambda t, r: t.gc(older_than_days=math.nan),
    ),
    "days before there were any": (
        TrackingValidationError,
        lambda t, r: t.gc(older_than_days=1e300),
    ),
    "days to come": (TrackingValidationError, lambda t, r: t.gc(older_than_days=-1)),
    "rows of several lengths": (
        TrackingValidationError,
        lambda t, r: r.log_metrics_batch({"a": untyped([[1], [2, 3]])}),
    ),
    "a time that is none": (
        TrackingValidationError,
        lambda t, r: r.log_metrics_batch(
            {"a": [1]}, timestamps=np.array(["NaT"], dtype="datetime64[ns]")
        ),
    ),
    "a time after nanoseconds end": (
        TrackingValidationError,
        lambda t, r: r.log_metrics_batch(
            {"a": [1]}, timestamps=np.array(["9999-01-01"], dtype="datetime64[D]")
        ),
    ),
    "the lowest time of 64 bits, which has no absolute value": (
        TrackingValidationError,
        lambda t, r: r.log_metrics_batch({"a": [1]}, timestamps=np.array([-(2**63)])),
    ),
    "an artifact's name": (TrackingValidationError, lambda t, r: r.log_text("x", untyped(None))),
    "an artifact's name of bytes": (
        TrackingValidationError,
        lambda t, r: r.log_text("x", untyped(b"x")),
    ),
    "an artifact's source": (PathNotAllowedError, lambda t, r: r.log_artifact(untyped(None))),
    "an artifact's folder": (
        TrackingValidationError,
        lambda t, r: r.log_artifact(__file__, untyped(None)),
    ),
    "artifacts": (PathNotAllowedError, lambda t, r: r.log_artifacts(untyped(["a"]))),
    "a dataset without a name": (TrackingValidationError, lambda t, r: r.log_input(b"x", " ")),
    "no experiment": (TrackingValidationError, lambda t, r: t.get_experiment(untyped(None))),
    "no experiment to search": (
        TrackingValidationError,
        lambda t, r: t.query_runs(untyped([None])),
    ),
    "an array of objects as a dataset": (
        TrackingValidationError,
        lambda t, r: r.log_input(np.array([object()]), "x"),
    ),
    "complex numbers as a dataset": (
        TrackingValidationError,
        lambda t, r: r.log_input(np.array([1j]), "x"),
    ),
    "the lowest time of 64 bits": (
        TrackingValidationError,
        lambda t, r: r.log_metric("a", 1.0, timestamp=untyped(np.int64(-(2**63)))),
    ),
    "a list as a table": (
        TrackingValidationError,
        lambda t, r: r.log_table(untyped([1]), "t.parquet"),
    ),
    "nothing as a table": (
        TrackingValidationError,
        lambda t, r: r.log_table(untyped(None), "t.csv"),
    ),
    "an image of texts": (
        TrackingValidationError,
        lambda t, r: r.log_image(np.array([["a", "b"]]), "i.png"),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_kind_is_refused(tracker: ExperimentTracker, run: Run, what: str) -> None:
    kind, call = WRONG[what]
    before = (run.to_dict(), tracker.list_metrics(run), tracker.count_runs())
    with pytest.raises(kind):
        call(tracker, run)
    assert (run.to_dict(), tracker.list_metrics(run), tracker.count_runs()) == before


def test_one_field_stands_for_a_list_of_one(tracker: ExperimentTracker, run: Run) -> None:
    """And a page continues, however the order was written."""
    for number in range(4):
        tracker.start_run(name=f"{number}").end()
    first = tracker.query_runs(order_by="name", fields=["name"], limit=2)
    rest = tracker.query_runs(
        order_by=("name",), fields="name", limit=9, page_token=first.next_page_token
    )
    assert [each["name"] for each in [*first.runs, *rest.runs]] == ["0", "1", "2", "3", "r"]


def test_numbers_of_numpy_are_tags_and_names(tracker: ExperimentTracker, run: Run) -> None:
    """As Python's are; so is numpy's text, which JSON does not know."""
    run.set_tags({"i": np.int64(3), "f": np.float32(0.5), "b": np.bool_(True), "s": np.str_("x")})
    assert run.tags == {"i": "3", "f": "0.5", "b": "True", "s": "x"}
    assert tracker.start_run(name=np.str_("n")).end().name == "n"
    assert tracker.create_experiment(np.str_("e")).name == "e"


def test_a_long_double_is_a_parameter(run: Run) -> None:
    """It becomes no Python number by itself; metrics take it as a float, and so do these."""
    run.log_param("rate", np.longdouble(1.25))
    assert run.parameters["rate"] == 1.25


def test_times_to_the_last_millisecond(tracker: ExperimentTracker, run: Run) -> None:
    latest = (2**63 - 1) // 1_000_000
    run.log_metrics_batch({"a": [1.0, 2.0]}, timestamps=[-latest, latest])
    assert tracker.get_metric_history(run, "a").timestamp.astype("int64").tolist() == [
        -latest * 1_000_000,
        latest * 1_000_000,
    ]


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame([[1, {}]], columns=["a", "a"]),
        pl.LazyFrame({"a": [1, 2]}),
        pl.Series("a", [1, 2]),
    ],
    ids=["columns of one name", "mixed columns of one name", "lazy", "series"],
)
def test_datasets_of_odd_shape_have_a_fingerprint(run: Run, data: Any) -> None:
    found = run.log_input(data, "data")
    assert found.fingerprint.startswith("sha256:")
    assert set(found.data_schema) == {"a"}
    assert run.log_input(data, "data").fingerprint == found.fingerprint


def test_a_series_and_a_lazy_frame_are_tables(
    tracker: ExperimentTracker, run: Run, tmp_path: Path
) -> None:
    run.log_table(untyped(pd.Series([1, 2], name="a")), "series.parquet")
    run.log_table(untyped(pl.LazyFrame({"a": [1, 2]})), "lazy.parquet")
    for name in ("series.parquet", "lazy.parquet"):
        run.download_artifact(name, tmp_path / name)
        assert pd.read_parquet(tmp_path / name)["a"].tolist() == [1, 2]


def test_pixels_beyond_the_scale_are_cut_off(run: Run, tmp_path: Path) -> None:
    """They do not wrap around: what is brighter than white is white, NaN is black."""
    image = pytest.importorskip("PIL.Image")
    run.log_image(np.array([[-5, 0, 255, 300]]), "whole.png")
    run.log_image(np.array([[-1.0, math.nan, 1.0, 7.0]]), "real.png")
    run.log_image(np.array([[False, True]]), "bits.png")
    for name, wanted in (
        ("whole.png", [0, 0, 255, 255]),
        ("real.png", [0, 0, 255, 255]),
        ("bits.png", [0, 255]),
    ):
        run.download_artifact(name, tmp_path / name)
        assert np.asarray(image.open(tmp_path / name)).ravel().tolist() == wanted


def test_a_destination_that_is_a_file_is_named(
    tracker: ExperimentTracker, run: Run, tmp_path: Path
) -> None:
    """The artifact is there; it is not said to be missing."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("1")
    (tmp_path / "taken").write_text("mine")
    run.log_artifact(tmp_path / "data")
    with pytest.raises(StorageError, match="taken") as caught:
        run.download_artifact("data", tmp_path / "taken")
    assert not isinstance(caught.value, StorageNotFoundError)
    assert (tmp_path / "taken").read_text() == "mine"


def test_of_several_artifacts_one_that_is_missing_keeps_all_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("1")
    for wrong in ({"a": "there", "b": "missing"}, {"a": "there", "../b": "there"}):
        with pytest.raises((FileNotFoundError, TrackingValidationError)):
            run.log_artifacts(wrong)
        assert run.artifacts == []


OPENS_NONE: dict[str, Call] = {
    "log_metric": lambda t, _: t.log_metric(None, "m", True),
    "log_metric, a step": lambda t, _: t.log_metric(None, "m", 1, untyped(0.5)),
    "log_metric, a time": lambda t, _: t.log_metric(None, "m", 1, timestamp=untyped("x")),
    "log_metrics": lambda t, _: t.log_metrics({"m": untyped("x")}),
    "log_metrics, a time": lambda t, _: t.log_metrics({"m": 1}, timestamp=untyped(0.5)),
    "log_params": lambda t, _: t.log_params({"p": object()}),
    "log_param": lambda t, _: t.log_param(None, "p", object()),
    "set_tag": lambda t, _: t.set_tag(None, "t", object()),
    "set_note": lambda t, _: t.set_note(untyped(5)),
    "log_text": lambda t, _: t.log_text("x", "../x"),
    "log_dict": lambda t, _: t.log_dict({(1, 2): 3}, "x.json"),
    "log_table": lambda t, _: t.log_table([1], "x.csv"),
    "log_figure": lambda t, _: t.log_figure("none", "x.png"),
    "log_artifact": lambda t, _: t.log_artifact(None, "missing"),
    "log_artifacts": lambda t, _: t.log_artifacts({"a": "missing"}),
    "log_input": lambda t, _: t.log_input(object(), "d"),
    "log_model": lambda t, _: t.log_model(None, None),
}


@pytest.mark.parametrize("verb", OPENS_NONE)
def test_what_is_refused_opens_no_run(tracker: ExperimentTracker, verb: str) -> None:
    """A verb without a run opens one, but not for what it then refuses."""
    with pytest.raises((MLOpsError, FileNotFoundError)):
        OPENS_NONE[verb](tracker, ANY)
    assert tracker.active_run() is None
    assert tracker.count_runs() == 0


@pytest.mark.parametrize("size", [0, -1, "1", 1.5, True, None], ids=repr)
def test_a_buffer_of_no_points_is_refused_at_once(tmp_path: Path, size: Any) -> None:
    """And not by the first metric, when there is a run already that then cannot be ended."""
    with pytest.raises(TrackingValidationError, match="metric_buffer_size"):
        ExperimentTracker(tmp_path / "store", metric_buffer_size=size)
    with ExperimentTracker(tmp_path / "store", metric_buffer_size=untyped(np.int64(1))) as tracker:
        tracker.log_metrics({"m": 1})


@pytest.mark.parametrize("tenant", [5, "", "../x", b"acme"], ids=repr)
def test_a_tenant_that_is_no_name_is_refused(tmp_path: Path, tenant: Any) -> None:
    with pytest.raises(ValidationError, match="tenant"):
        ExperimentTracker(tmp_path / "store", tenant_id=tenant)
    assert not (tmp_path / "store").exists()
