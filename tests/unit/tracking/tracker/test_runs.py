"""Runs: start, log, end, read back, resume, delete."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from tauro.errors import (
    ExperimentError,
    ExperimentExistsError,
    ExperimentNotFoundError,
    RunNotActiveError,
    RunNotFoundError,
    TrackingValidationError,
    ValidationError,
)
from tauro.storage import LocalStorageBackend, MemoryStorageBackend, StorageBackend
from tauro.tracking import ExperimentTracker, RunStatus
from tauro.tracking._heartbeat import STALE_SECONDS, is_alive


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageBackend:
    if request.param == "memory":
        return MemoryStorageBackend()
    return LocalStorageBackend(tmp_path / "store")


@pytest.fixture
def tracker(storage: StorageBackend) -> Iterator[ExperimentTracker]:
    with ExperimentTracker(storage) as made:
        yield made


def test_reading_an_empty_store_creates_nothing(tmp_path: Path) -> None:
    """Looking is free: no folder, no mark, no heartbeat."""
    with ExperimentTracker(tmp_path / "none") as tracker:
        assert tracker.list_experiments() == []
        assert tracker.list_runs() == []
        assert tracker.count_runs() == 0
        with pytest.raises(RunNotFoundError):
            tracker.get_run("nothing")
    assert not (tmp_path / "none").exists()


def test_a_run_is_read_back_as_it_was_logged(
    tracker: ExperimentTracker, storage: StorageBackend
) -> None:
    """Everything that was logged is in the record that another tracker reads."""
    experiment = tracker.create_experiment("tuning", "what it is", {"team": "ds"})
    with tracker.start_run(experiment, "first", {"lr": 0.1}, {"kind": "trial"}) as run:
        assert run.is_active
        run.log_params({"depth": np.int64(3), "layers": [1, 2], "none": None})
        run.log_metric("loss", 0.5, step=0)
        run.log_metric("loss", 0.25, step=1)
        run.log_metrics({"auc": float(np.float32(0.75)), "nan": float("nan")}, step=7)
        run.set_tags({"a": 1})
        run.set_note("a note")
        assert run.metrics["loss"] == 0.25
    other = ExperimentTracker(storage)
    found = other.get_run(run.run_id) if isinstance(storage, LocalStorageBackend) else run
    assert not found.is_active
    assert found.status is RunStatus.COMPLETED
    assert found.parameters == {"lr": 0.1, "depth": 3, "layers": [1, 2], "none": None}
    assert found.tags == {"kind": "trial", "a": "1"}
    assert found.note == "a note"
    assert found.metrics["loss"] == 0.25
    assert found.metrics["auc"] == 0.75
    assert np.isnan(found.metrics["nan"])
    assert found.end_time is not None
    assert found.duration is not None
    assert found.source["pid"] == os.getpid()
    assert str(found) == run.run_id
    assert "tuning" not in repr(found)
    assert "first" in found._repr_html_()


def test_what_was_not_logged_is_empty_and_not_none(tracker: ExperimentTracker) -> None:
    """A run tells of itself as a listing tells of it."""
    run = tracker.start_run(name="bare")
    described = run.to_dict()
    assert (described["inputs"], described["models"], described["note"]) == ([], [], "")
    assert described["rev"] == 1
    [row] = tracker.list_runs()
    assert row == {**described, "artifact_uri": ""}


def test_history_is_in_the_order_logged(tracker: ExperimentTracker) -> None:
    """Steps, values and UTC times; a repeated step stays; a given time is in milliseconds."""
    run = tracker.start_run(name="h")
    run.log_metric("m", 1.0, step=5)
    run.log_metric("m", float("-inf"), step=5)
    run.log_metric("m", 3, step=-1, metadata={"why": "because"})
    run.log_metrics_batch({"b": np.arange(1000.0)})
    frame = run.history("m")
    assert frame["step"].tolist() == [5, 5, -1]
    assert frame["value"].tolist() == [1.0, float("-inf"), 3.0]
    assert str(frame["timestamp"].dtype) == "datetime64[ns, UTC]"
    assert frame["timestamp"].is_monotonic_increasing
    assert run.tracker.get_metric_history(run, "m", metadata=True)["metadata"].tolist() == [
        None,
        None,
        {"why": "because"},
    ]
    run.log_metric("t", 1.0, timestamp=1_700_000_000_123)
    assert run.history("t")["timestamp"][0] == pd.Timestamp("2023-11-14T22:13:20.123", tz="UTC")
    assert run.history("b")["value"].tolist() == list(range(1000))
    assert len(run.history("b", max_points=50)) <= 52
    assert tracker.list_metrics(run) == ["b", "m", "t"]
    assert run.history("never").empty


def test_a_failure_keeps_its_error_and_reaches_the_caller(tracker: ExperimentTracker) -> None:
    """The run is FAILED, with type, message and traceback."""
    run = tracker.start_run(name="f")

    def fail() -> None:
        with run:
            run.log_param("a", 1)
            raise KeyError("why")

    with pytest.raises(KeyError, match="why"):
        fail()
    found = tracker.get_run(run.run_id)
    assert found.status is RunStatus.FAILED
    assert found.error is not None
    assert found.error.type == "KeyError"
    assert "why" in found.error.message
    assert "fail" in found.error.traceback
    with pytest.raises(KeyboardInterrupt), tracker.start_run(name="stopped") as stopped:
        raise KeyboardInterrupt
    assert tracker.get_run(stopped.run_id).status is RunStatus.CANCELLED


def test_an_ended_run_is_not_written(tracker: ExperimentTracker) -> None:
    """Every verb says that it has ended, and how to open it again; tags and note may change."""
    run = tracker.start_run(name="r")
    run.end()
    for write in (
        lambda: run.log_param("a", 1),
        lambda: run.log_metric("m", 1.0),
        lambda: run.log_metrics({"m": 1.0}),
        lambda: run.log_text("x", "x.txt"),
        run.end,
    ):
        with pytest.raises(RunNotActiveError, match="resume_run"):
            write()
    assert run.parameters == {}
    run.set_tag("reviewed", "yes")
    assert tracker.get_run(run.run_id).tags == {"reviewed": "yes"}


def test_resume_goes_on_where_it_was(tracker: ExperimentTracker) -> None:
    """An ended run opens again with all it had."""
    run = tracker.start_run(name="r", parameters={"a": 1})
    run.log_metric("m", 1.0, step=0)
    run.end("failed")
    again = tracker.resume_run(run.run_id)
    again.log_metric("m", 2.0, step=1)
    again.end()
    found = tracker.get_run(run.run_id)
    assert found.status is RunStatus.COMPLETED
    assert found.parameters == {"a": 1}
    assert found.history("m")["value"].tolist() == [1.0, 2.0]


def test_the_active_run_is_what_verbs_without_one_write_to(tracker: ExperimentTracker) -> None:
    """Opened on first use, in the default experiment; nested runs give it back."""
    tracker.log_params({"a": 1})
    implicit = tracker.active_run()
    assert implicit is not None
    with tracker.start_run(name="inner", nested=True) as inner:
        assert tracker.active_run() == inner
        assert inner.parent_run_id == implicit.run_id
        tracker.log_metrics({"m": 1.0})
    assert tracker.active_run() == implicit
    tracker.log_metrics({"m": 2.0}, step=1)
    assert implicit.metrics == {"m": 2.0}
    assert inner.metrics == {"m": 1.0}
    tracker.end_run()
    assert tracker.active_run() is None
    with pytest.raises(RunNotActiveError, match="no active run"):
        tracker.end_run()


def test_parents_exist(tracker: ExperimentTracker) -> None:
    """An unknown parent is refused before anything is written."""
    with pytest.raises(RunNotFoundError):
        tracker.start_run(name="child", parent_run_id="nobody")
    assert tracker.count_runs() == 0


def test_experiments_are_created_once(tracker: ExperimentTracker) -> None:
    """The second creation finds the first and adds to it; exist_ok=False refuses."""
    first = tracker.create_experiment("e", tags={"a": "1"})
    second = tracker.create_experiment(experiment_name="e", description="new", tags={"b": "2"})
    assert first == second
    assert second.tags == {"a": "1", "b": "2"}
    assert second.description == "new"
    assert str(second) == second.experiment_id == second.id
    with pytest.raises(ExperimentExistsError, match="'e'"):
        tracker.create_experiment("e", exist_ok=False)
    assert len(tracker.list_experiments()) == 1


@pytest.mark.parametrize("verb", ["search_runs", "list_runs", "query_runs", "count_runs"])
def test_searching_an_experiment_that_is_not_there_is_an_error(
    tracker: ExperimentTracker, verb: str
) -> None:
    """A name given for an id, or a misspelled id, does not look like an experiment without runs."""
    experiment = tracker.create_experiment("churn")
    search = getattr(tracker, verb)
    with pytest.raises(ExperimentNotFoundError, match="'churn'") as caught:
        search("churn")
    assert caught.value.suggestions == (f"'churn' is the name of {experiment.id!r}.",)
    with pytest.raises(ExperimentNotFoundError, match="'nope'"):
        search("nope")
    assert not search(experiment)
    tracker.delete_experiment(experiment)
    assert not search(experiment.id)


def test_another_tracker_searches_an_experiment_just_made(
    tracker: ExperimentTracker, storage: StorageBackend
) -> None:
    """What one tracker made, another one finds at once."""
    reader = ExperimentTracker(storage)
    experiment = tracker.create_experiment("first")
    assert reader.list_runs(experiment.id) == []
    tracker.start_run(experiment, "r")
    late = tracker.create_experiment("late")
    assert [run["name"] for run in reader.list_runs(experiment.id)] == ["r"]
    assert reader.list_runs(late.id) == []


def test_experiments_are_renamed_deleted_and_restored(tracker: ExperimentTracker) -> None:
    """A name is unique; a deleted experiment takes no runs and keeps its name."""
    first = tracker.create_experiment("a")
    tracker.create_experiment("b")
    with pytest.raises(ExperimentExistsError):
        tracker.rename_experiment(first, "b")
    assert tracker.rename_experiment(first, "c").name == "c"
    assert tracker.find_experiment("a") is None
    tracker.create_experiment("a")
    tracker.delete_experiment(first)
    assert tracker.find_experiment("c") is not None
    assert [each.name for each in tracker.list_experiments()] == ["b", "a"]
    with pytest.raises(ExperimentNotFoundError, match="restore_experiment"):
        tracker.start_run(first)
    with pytest.raises(ExperimentExistsError, match="deleted"):
        tracker.create_experiment("c")
    tracker.restore_experiment(first)
    tracker.start_run(first).end()


def test_experiments_are_found_by_tags(tracker: ExperimentTracker) -> None:
    """A bare name is a tag's; a wrong filter points at the place."""
    tracker.create_experiment("x", tags={"model_type": "classification"})
    tracker.create_experiment("y", tags={"model_type": "regression"})
    found = tracker.search_experiments(filter_string="model_type='classification'")
    assert [each.name for each in found] == ["x"]
    assert [e.name for e in tracker.search_experiments("name = 'y'")] == ["y"]
    assert len(tracker.search_experiments()) == 2
    with pytest.raises(ValidationError, match=r"\^"):
        tracker.search_experiments("model_type ==== 3")


def test_runs_are_searched_listed_and_compared(tracker: ExperimentTracker) -> None:
    """The three ways to find runs agree."""
    experiment = tracker.create_experiment("s")
    ids = []
    for number in range(4):
        with tracker.start_run(experiment, f"r{number}", {"n": number}, {"odd": number % 2}) as run:
            run.log_metric("acc", number / 10)
            run.log_metric("acc", number / 10 + 0.5, step=1)
        ids.append(run.run_id)
    assert set(tracker.search_runs(experiment.id, metric_filter={"acc": (">", 0.65)})) == set(
        ids[2:]
    )
    assert tracker.search_runs(filter="params.n = '3'") == [ids[3]]
    assert tracker.search_runs(order_by=["metrics.acc"], limit=2) == ids[:2]
    listed = tracker.list_runs(experiment, RunStatus.COMPLETED, {"odd": 1})
    assert {run["run_id"] for run in listed} == {ids[1], ids[3]}
    assert listed[0]["parameters"] == {"n": 3}
    page = tracker.query_runs(experiment, order_by="metrics.acc DESC", limit=3)
    assert (page.total, len(page)) == (4, 3)
    assert [run.name for run in page.runs] == ["r3", "r2", "r1"]
    rest = tracker.query_runs(
        experiment, order_by="metrics.acc DESC", limit=3, page_token=page.next_page_token
    )
    assert [run.name for run in rest.runs] == ["r0"]
    assert rest.next_page_token is None
    assert tracker.count_runs(experiment, "metrics.acc >= 0.6") == 3
    frame = tracker.compare_runs([ids[1], ids[0]])
    assert frame["run_id"].tolist() == [ids[1], ids[0]]
    assert frame["metrics.acc"].tolist() == [0.6, 0.5]
    assert frame["params.n"].tolist() == [1, 0]
    assert tracker.compare_runs(ids, values="min")["metrics.acc"].tolist() == [0.0, 0.1, 0.2, 0.3]
    assert tracker.runs_frame(experiment)["metrics.acc"].max() == 0.8
    assert tracker.compare_experiments([experiment])["metrics.acc.max"].tolist() == [0.8]


def test_runs_are_deleted_restored_and_removed(
    tracker: ExperimentTracker, storage: StorageBackend
) -> None:
    """A deleted run is not found, comes back, and is gone for good after gc."""
    with tracker.start_run(name="gone") as run:
        run.log_metric("m", 1.0)
        run.log_text("x", "a.txt")
    with tracker.start_run(name="stays") as stays:
        stays.log_metric("m", 2.0)
    tracker.delete_run(run)
    assert [each["name"] for each in tracker.list_runs()] == ["stays"]
    assert tracker.count_runs(include_deleted=True) == 2
    tracker.restore_run(run)
    assert tracker.count_runs() == 2
    tracker.delete_run(run)
    assert tracker.gc(older_than_days=1) == {"runs": [], "experiments": []}
    assert tracker.gc() == {"runs": [run.run_id], "experiments": []}
    assert not [key for key in storage.list_paths() if run.run_id in key]
    with pytest.raises(RunNotFoundError):
        tracker.get_run(run.run_id)
    assert tracker.get_run(stays.run_id).history("m")["value"].tolist() == [2.0]


def test_tenants_do_not_see_each_other(tmp_path: Path) -> None:
    """Each tenant has a store of its own under one root."""
    first = ExperimentTracker(tracking_uri=tmp_path / "store", tenant_id="first")
    second = ExperimentTracker(tracking_uri=tmp_path / "store", tenant_id="second")
    first.create_experiment("secret")
    assert [each.name for each in first.list_experiments()] == ["secret"]
    assert second.list_experiments() == []
    assert (tmp_path / "store" / "tenants" / "first").is_dir()


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("log_params", (...,)),
        ("log_params", ({"": 1},)),
        ("log_params", ({"k" * 251: 1},)),
        ("log_params", ({"k": object()},)),
        ("log_params", ({"k": "x" * 70_000},)),
        ("log_metrics", (...,)),
        ("log_metrics", ({"m": True},)),
        ("log_metrics", ({"m": "high"},)),
        ("log_metrics", ({"m": 1 + 2j},)),
        ("log_metrics", ({"m": None},)),
        ("log_metrics", ({"good": 1.0, "m": 10**400},)),
        ("log_metrics", ({"m": 1.0}, float("nan"))),
        ("log_metrics", ({"m": 1.0}, 2**63)),
        ("log_metrics", ({"m": 1.0}, "one")),
        ("log_metrics", ({"m\n": 1.0},)),
        ("set_tags", ({"t": "x" * 8001},)),
        ("set_tags", ([],)),
        ("log_text", ("x", "../out.txt")),
        ("log_text", ("x", "/abs.txt")),
        ("log_text", ("x", "")),
        ("log_dict", ({"a": {1, 2} - {1}, (1, 2): 3}, "d.json")),
        ("log_table", ({"a": [1]}, "t.xlsx")),
        ("log_figure", (object(), "f.png")),
        ("log_image", (np.zeros(3), "i.png")),
        ("log_input", (object(), "name")),
    ],
)
def test_bad_values_are_refused_and_nothing_is_written(
    tracker: ExperimentTracker, verb: str, arguments: tuple[Any, ...]
) -> None:
    """Each is an ExperimentError and a ValueError; the run is as it was."""
    run = tracker.start_run(name="r")
    before = tracker.get_run(run.run_id).to_dict()
    with pytest.raises(TrackingValidationError) as caught:
        getattr(run, verb)(*arguments)
    assert isinstance(caught.value, ExperimentError)
    assert isinstance(caught.value, ValueError)
    assert len(caught.value.message) > 20
    assert tracker.get_run(run.run_id).to_dict() == before
    assert tracker.list_metrics(run) == []
    assert tracker.list_artifacts(run) == []


@pytest.mark.parametrize("value", [True, "0.5", None, 1j, [1.0], b"1", object()])
def test_log_metric_refuses_what_is_no_number(tracker: ExperimentTracker, value: Any) -> None:
    """The hot path checks what the others check."""
    run = tracker.start_run(name="r")
    with pytest.raises(TrackingValidationError, match="m"):
        tracker.log_metric(run.run_id, "m", value)
    with pytest.raises(TrackingValidationError):
        tracker.log_metric(run.run_id, "m", 1.0, step="x")  # type: ignore[arg-type]
    with pytest.raises(TrackingValidationError):
        tracker.log_metric(run.run_id, 3, 1.0)  # type: ignore[arg-type]
    assert tracker.list_metrics(run) == []


def test_names_given_twice_must_agree(tracker: ExperimentTracker) -> None:
    """Two spellings of one thing with different values are refused."""
    with pytest.raises(TrackingValidationError, match="run_name"):
        tracker.start_run(name="a", run_name="b")
    with pytest.raises(TrackingValidationError, match="experiment_name"):
        tracker.create_experiment("a", experiment_name="b")
    with pytest.raises(TrackingValidationError):
        tracker.create_experiment()
    assert tracker.start_run(name="a", run_name="a").name == "a"
    assert tracker.count_runs() == 1


def test_runs_of_a_process_that_died_are_abandoned(tmp_path: Path) -> None:
    """A reader says so without writing; resuming takes the run over with all it had."""
    store = tmp_path / "store"
    code = (
        "import os, sys\n"
        "from tauro.mlops import ExperimentTracker\n"
        "run = ExperimentTracker(sys.argv[1]).start_run(name='dies', parameters={'a': 1})\n"
        "run.log_metric('m', 1.0)\n"
        "print(run.run_id, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    run_id = done.stdout.strip()
    with ExperimentTracker(store) as tracker:
        found = tracker.get_run(run_id)
        assert found.status is RunStatus.RUNNING
        assert found.is_abandoned
        assert found.parameters == {"a": 1}
        assert found.history("m")["value"].tolist() == [1.0]
        assert tracker.search_runs(filter="params.a = '1'") == [run_id]
        again = tracker.resume_run(run_id)
        assert not tracker.get_run(run_id).is_abandoned
        again.log_metric("m", 2.0, step=1)
        again.end()
        assert tracker.get_run(run_id).metrics == {"m": 2.0}


def test_who_may_not_look_at_a_process_goes_by_its_sign_of_life(
    tracker: ExperimentTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On systems that hide the processes of others, the owner of a run is not taken for dead."""

    def hidden(pid: int) -> float:
        raise psutil.AccessDenied(pid)

    owner = tracker.start_run(name="r")._record.owner
    assert owner is not None
    monkeypatch.setattr("tauro.tracking._heartbeat.start_of", hidden)
    assert is_alive(tracker.storage, owner)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + STALE_SECONDS + 20)
    assert not is_alive(tracker.storage, owner)


def test_another_process_logs_to_a_run(tmp_path: Path) -> None:
    """By its id; points after its end are kept, other verbs are refused."""
    store = tmp_path / "store"
    code = (
        "import sys\n"
        "from tauro.mlops import ExperimentTracker\n"
        "with ExperimentTracker(sys.argv[1]) as tracker:\n"
        "    tracker.log_metric(sys.argv[2], 'm', 2.0, step=1)\n"
        "    tracker.set_tag(sys.argv[2], 'other', 'was here')\n"
    )
    with ExperimentTracker(store) as tracker:
        run = tracker.start_run(name="shared")
        run.log_metric("m", 1.0)
        subprocess.run([sys.executable, "-c", code, str(store), run.run_id], check=True)
        assert run.history("m")["value"].tolist() == [1.0, 2.0]
        run.set_tag("mine", "too")
        run.end()
        assert tracker.get_run(run.run_id).metrics == {"m": 2.0}
        assert tracker.get_run(run.run_id).tags == {"other": "was here", "mine": "too"}


def test_a_parent_need_not_have_one_any_more(tmp_path: Path) -> None:
    """A run whose own parent was removed for good can have children."""
    with ExperimentTracker(tmp_path / "store") as tracker:
        first = tracker.start_run(name="first")
        second = tracker.start_run(name="second", parent_run_id=first)
        first.end()
        tracker.delete_run(first)
        assert tracker.gc()["runs"] == [first.run_id]
        third = tracker.start_run(name="third", parent_run_id=second)
        assert third.parent_run_id == second.run_id


@pytest.mark.parametrize(
    ("ending", "status"),
    [("", RunStatus.COMPLETED), ("raise ValueError('late')", RunStatus.FAILED)],
)
def test_runs_that_are_open_when_the_interpreter_ends_are_ended(
    tmp_path: Path, ending: str, status: RunStatus
) -> None:
    """Completed, or failed with the exception that ended the script."""
    code = (
        "import sys, tauro\n"
        "tauro.init_mlops(storage_path=sys.argv[1])\n"
        "tauro.start_run('open')\n"
        f"tauro.log_metric('m', 1.0)\n{ending}\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "store")]
    subprocess.run(command, capture_output=True, check=False)
    found = ExperimentTracker(tmp_path / "store").list_runs()
    assert [(run["name"], run["status"], run["metrics"]) for run in found] == [
        ("open", status.value, {"m": 1.0})
    ]
    assert (found[0]["error"] or {}).get("message") == (None if not ending else "late")


def test_closing_ends_the_run_that_a_verb_opened(tmp_path: Path) -> None:
    """A tracker that was used without a run leaves none open."""
    tracker = ExperimentTracker(tmp_path / "store")
    tracker.log_params({"a": 1})
    tracker.close()
    assert [run["status"] for run in ExperimentTracker(tmp_path / "store").list_runs()] == [
        "COMPLETED"
    ]


def test_each_scope_has_an_implicit_run_of_its_own(tracker: ExperimentTracker) -> None:
    """Parallel nodes of a pipeline that log without a run do not share one; plain threads do."""
    import contextvars
    import threading

    from tauro._internal._active import run_scope

    def log(scope: str) -> None:
        if scope:
            run_scope.set(scope)
        tracker.log_metrics({"m": 1.0})

    tracker.log_metrics({"m": 0.0})
    for scope in ("", "a", "b", "a"):
        thread = threading.Thread(target=contextvars.Context().run, args=(log, scope))
        thread.start()
        thread.join()
    assert tracker.count_runs() == 3
    tracker.close()
    assert {run["status"] for run in tracker.list_runs()} == {"COMPLETED"}


@pytest.mark.parametrize(
    ("columns", "timestamps"),
    [
        ({"m": [[1.0, 2.0]]}, None),
        ({"m": ["a"]}, None),
        ({"m": [True]}, None),
        ({"good": [1.0], "": [1.0]}, None),
        ({"m": [1.0]}, [0.5]),
        ({"m": [1.0]}, [2**60]),
        ({"m": [1.0]}, ["now"]),
        (3, None),
    ],
)
def test_columns_that_are_not_numbers_are_refused_whole(
    tracker: ExperimentTracker, columns: Any, timestamps: Any
) -> None:
    """Nothing of the batch is written, also where another column was good."""
    run = tracker.start_run(name="r")
    with pytest.raises(TrackingValidationError):
        run.log_metrics_batch(columns, timestamps=timestamps)
    assert tracker.list_metrics(run) == []


def test_columns_of_a_frame_with_times(tracker: ExperimentTracker) -> None:
    """A frame is a mapping of columns; times may be numpy's."""
    run = tracker.start_run(name="r")
    times = np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[s]")
    run.log_metrics_batch(pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}), timestamps=times)
    assert run.history("b")["value"].tolist() == [3.0, 4.0]
    assert run.history("a")["timestamp"].dt.day.tolist() == [1, 2]
