"""What ``tauro runs`` says of single runs: states, durations, values that are no JSON number."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import typing
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.cli import _runs, _runs_view
from tauro.cli._output import to_json
from tauro.tracking import ExperimentTracker, RunStatus

from .conftest import Tauro

DIES = """
import os
from tauro.tracking import ExperimentTracker
run = ExperimentTracker("mlops_data").start_run(name="dead", experiment_name="demo")
run.log_metric("loss", 1.0)
os._exit(1)
"""


@pytest.fixture
def tracker(here: Path) -> Iterator[ExperimentTracker]:
    """The tracker of the default store."""
    with ExperimentTracker(here / "mlops_data") as tracker:
        tracker.create_experiment("demo")
        yield tracker


def strict(text: str) -> typing.Any:
    """Return a document, refusing what only Python takes for JSON."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


# Status


def test_every_status_can_be_asked_for() -> None:
    """The choices are the members of RunStatus, and abandoned."""
    assert {each.value for each in RunStatus} | {_runs_view.ABANDONED} == set(_runs_view.STATUSES)


def test_a_status_that_is_none_names_those_there_are(
    tauro: Tauro, tracker: ExperimentTracker
) -> None:
    """Usage, exit code 2, no traceback; any case is taken."""
    tracker.start_run(name="good").end()
    wrong = tauro("runs", "list", "--status", "done")
    assert wrong.code == 2
    assert "'done'" in wrong.err
    assert "'completed'" in wrong.err.lower()
    assert tauro("runs", "list", "--status", "done", "--json").json["exit_code"] == 2
    for status in ("completed", "Completed", "COMPLETED"):
        assert "good" in tauro("runs", "list", "--status", status).out
    assert tauro("runs", "list", "--limit", 0).code == 2


def test_a_run_whose_process_is_gone_is_abandoned(tauro: Tauro, tracker: ExperimentTracker) -> None:
    """Listed so, filtered so, and not among the running."""
    subprocess.run([sys.executable, "-c", DIES], check=False)
    live = tracker.start_run(name="live")
    lines = tauro("runs", "list").out.splitlines()
    states = {line.split()[1]: line.split()[2] for line in lines[1:]}
    assert states == {"dead": "abandoned", "live": "RUNNING"}
    for status, name in (("abandoned", "dead"), ("running", "live")):
        [found] = tauro("runs", "list", "--status", status, "--json").json
        assert (found["name"], found["is_abandoned"]) == (name, status == "abandoned")
        assert found["duration"] is None
    [dead] = tauro("runs", "search", "name = 'dead'", "--json").json
    assert dead["is_abandoned"] is True
    live.end()


def test_a_filter_on_states_looks_beyond_the_first_page(
    tauro: Tauro, tracker: ExperimentTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One abandoned run behind many that run."""
    subprocess.run([sys.executable, "-c", DIES], check=False)
    monkeypatch.setattr(_runs, "PAGE", 2)
    running = [tracker.start_run(name=f"r{n}") for n in range(5)]
    found = tauro("runs", "list", "--status", "abandoned", "--json").json
    assert [run["name"] for run in found] == ["dead"]
    found = tauro("runs", "list", "--json", "--limit", 3).json
    assert [run["name"] for run in found] == ["r4", "r3", "r2"]
    found = tauro("runs", "search", "name LIKE 'r%'", "-o", "name", "--json", "-n", 4).json
    assert [run["name"] for run in found] == ["r0", "r1", "r2", "r3"]
    for run in running:
        run.end()


def test_how_long_runs_took(tauro: Tauro, tracker: ExperimentTracker) -> None:
    """In seconds with --json, readable in a table."""
    run = tracker.start_run(name="r")
    run.end()
    [found] = tauro("runs", "list", "--json").json
    seconds = found["duration"]
    started, ended = (datetime.fromisoformat(found[key]) for key in ("start_time", "end_time"))
    assert seconds == (ended - started).total_seconds()
    assert f"{seconds:.1f} s" in tauro("runs", "list").out
    assert tauro("runs", "show", run.run_id, "--json").json["duration"] == seconds
    assert [_runs_view.duration_text(each) for each in (None, 0.04, 59.94, 3723.4)] == [
        "",
        "0.0 s",
        "59.9 s",
        "1:02:03",
    ]


def test_a_search_does_not_read_a_document_a_run(
    tauro: Tauro, tracker: ExperimentTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue has what is printed; one file a run would be slow where there are many."""
    for number in range(5):
        tracker.start_run(name=f"r{number}").end()
    read: list[str] = []
    plain = _fs.read_bytes

    def watched(path: str) -> bytes:
        read.append(path)
        return plain(path)

    monkeypatch.setattr(_fs, "read_bytes", watched)
    found = tauro("runs", "search", "name LIKE 'r%'", "--json").json
    assert {run["name"] for run in found} == {f"r{number}" for number in range(5)}
    documents = [path for path in read if any(run["run_id"] in path for run in found)]
    assert len(documents) <= 1  # the journal's last entry is held to its document, however many


# Values


def test_values_that_are_no_finite_number_are_texts(
    tauro: Tauro, tracker: ExperimentTracker
) -> None:
    """In every document; a text that float() reads back."""
    values = [math.nan, math.inf, -math.inf, 0.5]
    with tracker.start_run(name="r", parameters={"top": math.inf}) as run:
        run.log_metrics_batch({"loss": values})
        for name, value in zip("abc", values, strict=False):
            run.log_metric(name, value)
    history = strict(tauro("runs", "history", run.run_id, "loss", "--json").out)
    expected = ["NaN", "Infinity", "-Infinity", 0.5]
    assert [row["value"] for row in history] == expected
    assert [repr(float(row["value"])) for row in history] == [repr(value) for value in values]
    last = {"a": "NaN", "b": "Infinity", "c": "-Infinity", "loss": 0.5}
    assert strict(tauro("runs", "show", run.run_id, "--json").out)["metrics"] == last
    assert strict(tauro("runs", "list", "--json").out)[0]["metrics"] == last
    watched = tauro("runs", "watch", run.run_id, "--json").out.splitlines()
    points = [strict(line) for line in watched]
    assert [row["value"] for row in points if row["key"] == "loss"] == expected
    assert "NaN" in tauro("runs", "history", "--help").out


def test_what_a_run_does_not_have_is_not_nan(tauro: Tauro, tracker: ExperimentTracker) -> None:
    """Side by side: null and blank for what is not there, NaN for what was NaN."""
    ids = []
    for key, count in (("a", 1), ("b", None)):
        given = {} if count is None else {"n": count}
        with tracker.start_run(name=key, parameters=given) as run:
            run.log_metrics({key: 0.5, "broken": math.nan if count else 1.0})
        ids.append(run.run_id)
    first, second = strict(tauro("runs", "compare", *ids, "--json").out)
    assert (first["metrics.a"], first["metrics.b"], first["params.n"]) == (0.5, None, 1)
    assert (second["metrics.a"], second["metrics.b"], second["params.n"]) == (None, 0.5, None)
    assert (first["metrics.broken"], second["metrics.broken"]) == ("NaN", 1.0)
    lines = [line.split() for line in tauro("runs", "compare", *ids).out.splitlines()]
    assert ["metrics.a", "0.5"] in lines
    assert ["metrics.broken", "nan", "1"] in lines


def test_to_json() -> None:
    """Nested and from numpy too."""
    import numpy as np

    assert to_json({"a": [np.float64("nan"), (math.inf,)], "b": np.float32(-math.inf)}) == {
        "a": ["NaN", ["Infinity"]],
        "b": "-Infinity",
    }


# Showing and watching


def test_a_run_with_many_metrics_stays_readable(tauro: Tauro, tracker: ExperimentTracker) -> None:
    """The first of each kind, those of a family last, how many more; --all and --json have all."""
    with tracker.start_run(name="r", parameters={"long": "x" * 500, "n": 1}) as run:
        run.log_metrics({f"class_{n}": n / 500 for n in range(500)})
        run.log_metric("loss", 0.25)
        run.set_note("What this was about.")
        for number in range(40):
            run.log_text("x", f"f{number:02}.txt")
    out = tauro("runs", "show", run.run_id).out
    assert len(out.splitlines()) < 90
    assert max(map(len, out.splitlines())) < 250
    for part in ("loss", "… 471 more; --all", "… 10 more; --all", "What this was about.", "python"):
        assert part in out
    assert out.index("loss") < out.index("class_0")
    whole = tauro("runs", "show", run.run_id, "--all").out
    assert "x" * 500 in whole
    assert "class_499" in whole
    assert "f39.txt" in whole
    assert "more;" not in whole
    assert len(tauro("runs", "show", run.run_id, "--json").json["metrics"]) == 501


def test_watch_prints_a_document_a_line_as_points_come(
    tauro: Tauro, tracker: ExperimentTracker, here: Path
) -> None:
    """Another process reads each before the next is logged."""
    run = tracker.start_run(name="r")
    run.log_metric("loss", 1.0)
    command = [sys.executable, "-m", "tauro", "runs", "watch", run.run_id, "--json"]
    with subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        for step in range(1, 4):
            point = json.loads(watching.stdout.readline())
            assert (point["key"], point["step"], point["value"]) == ("loss", step - 1, 1 / step)
            assert datetime.fromisoformat(point["timestamp"]).tzinfo is not None
            run.log_metric("loss", 1 / (step + 1), step=step)
        run.end()
        [rest] = watching.stdout.read().splitlines()
        assert json.loads(rest)["step"] == 3
        assert watching.wait() == 0
    said = tauro("runs", "watch", "--help").out
    assert "one JSON document on a line" in " ".join(said.split())


def test_an_error_of_watch_is_a_line_too(tauro: Tauro, here: Path) -> None:
    """Whoever reads lines can read it."""
    called = tauro("runs", "watch", "nope", "--json")
    assert called.code == 3
    [line] = called.out.splitlines()
    assert json.loads(line)["error_code"] == "RUN_NOT_FOUND"
