"""What is refused, each with an error of its own, and that nothing of it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tauro.errors import (
    CorruptDataError,
    ExperimentNotFoundError,
    FilterSyntaxError,
    MLOpsError,
    PathNotAllowedError,
    RunNotFoundError,
    StorageError,
    TrackingValidationError,
)
from tauro.storage import LocalStorageBackend
from tauro.tracking import ExperimentTracker, Run


class Evil:
    """An object of which nothing can be said."""

    def __float__(self) -> float:
        raise TypeError("no")

    def __repr__(self) -> str:
        return "Evil"


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[ExperimentTracker]:
    with ExperimentTracker(tmp_path / "store", capture_environment=False) as made:
        yield made


@pytest.fixture
def run(tracker: ExperimentTracker) -> Run:
    run = tracker.start_run(name="r", parameters={"p": 1}, tags={"t": "1"})
    run.log_metric("m", 0.5)
    run.log_text("kept", "kept.txt")
    return run


def written(tracker: ExperimentTracker, run: Run) -> Any:
    """Return all that the store holds for its users, with what only a journal had."""
    tracker.close()
    storage = LocalStorageBackend(Path(tracker.storage.uri.removeprefix("file://")))
    documents = {
        key: storage.read_bytes(key)
        for key in storage.list_paths("experiment_tracking")
        if "/metrics/" not in key
    }
    points = {
        key: tracker.get_metric_history(run, key).values.tolist()
        for key in tracker.list_metrics(run)
    }
    return documents, points


@pytest.fixture
def refused(tracker: ExperimentTracker, run: Run) -> Callable[..., MLOpsError]:
    def refuse(kind: type[MLOpsError], call: Callable[[], object]) -> MLOpsError:
        before = written(tracker, run)
        with pytest.raises(kind) as caught:
            call()
        assert written(tracker, run) == before
        assert len(str(caught.value)) < 2000, "a message is read by people"
        return caught.value

    return refuse


Refused = Callable[..., MLOpsError]
TOO_LONG = "k" * 251


@pytest.mark.parametrize(
    "key",
    ["", " ", TOO_LONG, "a\0b", "a\nb", "\ud800", 3, None, b"x"],
    ids=lambda each: repr(each)[:9],
)
def test_keys_by_every_verb(
    tracker: ExperimentTracker, run: Run, refused: Refused, key: Any
) -> None:
    """Single points, several, and columns take the same keys; so do parameters and tags."""
    for call in (
        lambda: run.log_metric(key, 1.0),
        lambda: run.log_metric(key, 1.0, timestamp=5),
        lambda: tracker.log_metric(run.run_id, key, 1.0, 3, {"meta": 1}),
        lambda: run.log_metrics({"fine": 1.0, key: 1.0}),
        lambda: run.log_metrics_batch({"fine": [1.0], key: [1.0]}),
        lambda: run.log_param(key, 1),
        lambda: run.log_params({"fine": 1, key: 1}),
        lambda: run.set_tag(key, "1"),
        lambda: run.set_tags({"fine": 1, key: 1}),
    ):
        refused(TrackingValidationError, call)


def test_keys_of_odd_texts_are_kept(tracker: ExperimentTracker, run: Run) -> None:
    """Slashes, dots, Unicode, 250 characters; a fresh reader finds them."""
    keys = ["../x", "a/b c.d", "é🎉", "k" * 250, "`quoted`", "a'b", "🎉" * 250]
    for number, key in enumerate(keys):
        run.log_metric(key, number)
        run.log_param(key, number)
        run.set_tag(key, number)
    run.end()
    tracker.close()
    found = ExperimentTracker(tracker.storage).get_run(run.run_id)
    assert {key: found.metrics[key] for key in keys} == dict(zip(keys, range(7), strict=True))
    assert {key: found.parameters[key] for key in keys} == dict(zip(keys, range(7), strict=True))
    for number, key in enumerate(keys):
        name = "`" + key.replace("`", "``") + "`"
        text = (
            f"metrics.{name} = {number} and params.{name} = {number} and tags.{name} = '{number}'"
        )
        assert tracker.search_runs(filter=text) == [run.run_id]


@pytest.mark.parametrize(
    "value",
    [
        *(True, np.bool_(1), 1j, np.complex64(1), "1.5", b"1", None, [1.0], np.ones(2), Evil()),
        *(
            10**400,
            Fraction(10**400),
            datetime(2026, 1, 1, tzinfo=UTC),
            np.datetime64("2026-01-01"),
        ),
    ],
    ids=lambda each: repr(each)[:12],
)
def test_values_by_every_verb(
    tracker: ExperimentTracker, run: Run, refused: Refused, value: Any
) -> None:
    """What is no number for one verb is none for the others."""
    for call in (
        lambda: run.log_metric("v", value),
        lambda: tracker.log_metric(run, "v", value, 1, {"m": 1}),
        lambda: run.log_metrics({"fine": 1.0, "v": value}),
        lambda: run.log_metrics_batch({"fine": [1.0], "v": [value]}),
    ):
        refused(TrackingValidationError, call)


@pytest.mark.parametrize(
    "value",
    [1, np.int8(1), np.float16(1), np.array(1), np.array([1.0]), Decimal(1), Fraction(1)],
    ids=lambda each: repr(each)[:12],
)
def test_numbers_of_any_kind_are_taken_by_every_verb(run: Run, value: Any) -> None:
    """One element of an array too, as the loss of a tensor library is."""
    run.log_metric("v", value)
    run.log_metrics({"v": value})
    assert run.history("v")["value"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "step",
    [math.nan, 1.5, 2.0, 1 << 63, -(1 << 63) - 1, True, "3", None, 1j, np.float64(3)],
    ids=repr,
)
def test_steps_by_every_verb(
    tracker: ExperimentTracker, run: Run, refused: Refused, step: Any
) -> None:
    """A step is a whole number of 64 bits."""
    for call in (
        lambda: run.log_metric("v", 1.0, step=step),
        lambda: run.log_metrics({"v": 1.0}, step=step),
        lambda: run.log_metrics_batch({"v": [1.0]}, steps=[step]),
        lambda: tracker.log_metric(run, "v", 1.0, step, {"m": 1}),
    ):
        refused(TrackingValidationError, call)


@pytest.mark.parametrize(
    "timestamp",
    [1 << 63, -(1 << 63), 10**15, 1.5, math.nan, "now", True, datetime(2026, 1, 1, tzinfo=UTC)],
    ids=repr,
)
def test_timestamps(run: Run, refused: Refused, timestamp: Any) -> None:
    """Milliseconds that nanoseconds of 64 bits hold; the message names what was given."""
    for call in (
        lambda: run.log_metric("v", 1.0, timestamp=timestamp),
        lambda: run.log_metrics({"v": 1.0}, timestamp=timestamp),
    ):
        error = refused(TrackingValidationError, call)
        assert repr(timestamp)[:40] in str(error)


def test_columns_are_refused_whole(run: Run, refused: Refused) -> None:
    """Where the last column does not fit, nothing of the first is written."""
    long, short = np.zeros(3), np.zeros(2)
    for call in (
        lambda: run.log_metrics_batch({"a": long, "b": short}, steps=[0, 1, 2]),
        lambda: run.log_metrics_batch({"a": long, "b": short}, timestamps=[0, 1, 2]),
        lambda: run.log_metrics_batch({"a": long, "b": [[1.0]]}),
        lambda: run.log_metrics_batch({"a": long, "b": ["x"]}),
        lambda: run.log_metrics_batch({"a": [1.0]}, steps=np.array([1 << 63], np.uint64)),
        lambda: run.log_metrics_batch([1.0]),  # type: ignore[arg-type]
    ):
        refused(TrackingValidationError, call)
    run.log_metrics_batch({"a": long, "b": short})
    assert run.history("b")["step"].tolist() == [0, 1]


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../x", "/x", "a/../../b", "C:/x", "\\x", "a\0b", ".tmp-x", "x/.tmp-y/z"],
)
def test_names_of_artifacts(run: Run, refused: Refused, path: str) -> None:
    """Relative, without ``..``, and not of unfinished writes."""
    refused(MLOpsError, lambda: run.log_text("x", path))


@pytest.mark.parametrize("path", ["n" * 256, "a/" * 600 + "b", "a/" * 50_000 + "b"])
def test_names_of_artifacts_that_no_place_can_hold(
    run: Run, refused: Refused, path: str, tmp_path: Path
) -> None:
    """They are refused before anything is made, however deep."""
    (tmp_path / "file").write_text("x")
    refused(PathNotAllowedError, lambda: run.log_text("x", path))
    refused(PathNotAllowedError, lambda: run.log_artifact(tmp_path / "file", path))


def test_sources_of_artifacts(run: Run, refused: Refused) -> None:
    """An empty path is not the working directory."""
    refused(PathNotAllowedError, lambda: run.log_artifact(""))
    refused(PathNotAllowedError, lambda: run.log_artifact("/dev/zero"))
    with pytest.raises(FileNotFoundError):
        run.log_artifact("absent")


@pytest.mark.parametrize("wrong", ["nope", "../../x", "a/b", "", "x" * 300])
def test_ids_that_are_nobodys(
    tracker: ExperimentTracker, run: Run, refused: Refused, wrong: str
) -> None:
    """An id is no path; nobody is told of files."""
    refused(RunNotFoundError, lambda: tracker.get_run(wrong))
    refused(RunNotFoundError, lambda: tracker.log_metric(wrong, "m", 1.0))
    refused(RunNotFoundError, lambda: tracker.start_run(parent_run_id=wrong))
    refused(RunNotFoundError, lambda: tracker.delete_run(wrong))
    refused(ExperimentNotFoundError, lambda: tracker.get_experiment(wrong))
    refused(ExperimentNotFoundError, lambda: tracker.start_run(wrong))
    refused(ExperimentNotFoundError, lambda: tracker.delete_experiment(wrong))
    refused(ExperimentNotFoundError, lambda: tracker.query_runs(wrong))


def test_absurd_arguments_of_searches(tracker: ExperimentTracker, refused: Refused) -> None:
    """A search says what it expected."""
    for call in (
        lambda: tracker.query_runs(limit="x"),  # type: ignore[arg-type]
        lambda: tracker.query_runs(limit=-1),
        lambda: tracker.query_runs(limit=True),
        lambda: tracker.query_runs(limit=1.5),  # type: ignore[arg-type]
        lambda: tracker.query_runs(3),  # type: ignore[arg-type]
        lambda: tracker.query_runs(page_token="junk"),
        lambda: tracker.search_runs(metric_filter={"m": (">>", 1)}),
        lambda: tracker.search_runs(metric_filter={"m": 1}),  # type: ignore[dict-item]
        lambda: tracker.get_metric_history("x", "m", max_points=0),
        lambda: tracker.compare_runs("x"),
    ):
        refused(MLOpsError, call)
    error = refused(TrackingValidationError, lambda: tracker.list_runs(status_filter="RUNING"))
    assert "'RUNNING'" in str(error)
    assert "<RunStatus" not in str(error)


@pytest.mark.parametrize("text", ["x" * 100_000, "metrics.a = " + "y" * 100_000, "(" * 100_000])
def test_a_long_wrong_filter_has_a_short_message(
    tracker: ExperimentTracker, refused: Refused, text: str
) -> None:
    """It shows the part that is wrong."""
    assert "…" in str(refused(FilterSyntaxError, lambda: tracker.query_runs(filter=text)))


def test_a_folder_where_the_mark_belongs(tmp_path: Path) -> None:
    """No run is begun in a place that cannot have one."""
    (tmp_path / "_tauro" / "format.json").mkdir(parents=True)
    (tmp_path / "_tauro" / "format.json" / "x").write_text("x")
    tracker = ExperimentTracker(tmp_path)
    with pytest.raises(CorruptDataError, match="is no file"):
        tracker.start_run()
    assert not (tmp_path / "experiment_tracking" / "runs").exists()


@pytest.mark.parametrize("root", ["x\0y", "n" * 300, "~nobody-of-this-name/x"])
def test_roots_that_no_file_system_takes(root: str) -> None:
    """The error is of the storage and names the place."""
    with pytest.raises(StorageError, match="cannot be the root"):
        ExperimentTracker(root)


def test_pages_show_themselves(tracker: ExperimentTracker, run: Run) -> None:
    """As a table of runs, names escaped."""
    tracker.start_run(name="<script>alert(1)</script>").end()
    page = tracker.query_runs()
    shown = page._repr_html_()
    assert "2 of 2 runs" in shown
    assert run.run_id in shown
    assert "<script>" not in shown
    assert tracker.query_runs(filter="name = 'none'")._repr_html_().startswith("<div>0 of 0")
