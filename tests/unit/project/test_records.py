"""Run records: what is kept of values and code, how runs are found, what a dead process leaves."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tauro._internal import _ids
from tauro.errors import PipelineError, PlanningError
from tauro.pipeline import NodeResult, NodeStatus
from tauro.project import RunHistory
from tauro.project._recorder import code_of, commit_of, kept_value
from tauro.project._records import (
    RUNS_FOLDER,
    NodeEnd,
    RecordWriter,
    RunEnd,
    new_start,
    node_line,
)


def write(
    root: Path,
    run_id: str,
    *,
    pipeline: str = "p",
    status: str | None = "succeeded",
    nodes: dict[str, NodeStatus] | None = None,
    **start: Any,
) -> None:
    """Write the record of a run; without a status it has not ended."""
    names = list(nodes or {})
    first = new_start(run_id=run_id, pipeline=pipeline, env="dev", nodes=names)
    writer = RecordWriter.create(root, msgspec.structs.replace(first, **start))
    for name, became in (nodes or {}).items():
        writer.append(node_line(NodeResult(name=name, status=became)))
    if status is not None:
        writer.append(RunEnd(status=status, duration=1.5))
    writer.close()


def test_a_project_without_runs_has_no_history(tmp_path: Path) -> None:
    history = RunHistory(tmp_path)
    assert history.ids() == []
    assert history.list_runs() == []
    assert history.newest_runs() == {}
    assert history.find_run("x") is None
    assert not (tmp_path / ".tauro").exists()


def test_runs_are_listed_newest_first_by_pipeline_and_number(tmp_path: Path) -> None:
    for number, pipeline in enumerate(["a", "b", "a", "a"]):
        write(tmp_path, f"r{number}", pipeline=pipeline)
    history = RunHistory(tmp_path)
    assert [run.run_id for run in history.list_runs()] == ["r3", "r2", "r1", "r0"]
    assert [run.run_id for run in history.list_runs("a", limit=2)] == ["r3", "r2"]
    assert {name: run.run_id for name, run in history.newest_runs().items()} == {
        "a": "r3",
        "b": "r1",
    }


def test_ids_made_one_after_the_other_sort_by_time() -> None:
    ids = [_ids.new_id() for _ in range(50)]
    assert ids == sorted(ids)


def test_an_unknown_run_is_answered_with_close_matches(tmp_path: Path) -> None:
    write(tmp_path, "01k2abcd")
    with pytest.raises(PlanningError, match="Did you mean '01k2abcd'"):
        RunHistory(tmp_path).get_run("01k2abce")


@pytest.mark.parametrize("text", ["", "\n", "[]\n", '{"kind":"end","status":"x","duration":1}\n'])
def test_a_file_that_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    folder = tmp_path / RUNS_FOLDER
    folder.mkdir(parents=True)
    (folder / "r.jsonl").write_text(text)
    with pytest.raises(PipelineError, match=r"r\.jsonl"):
        RunHistory(tmp_path).get_run("r")


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "r1")
    (tmp_path / RUNS_FOLDER / "notes.txt").write_text("mine")
    assert RunHistory(tmp_path).ids() == ["r1"]


def test_a_record_is_not_written_over(tmp_path: Path) -> None:
    write(tmp_path, "r1")
    with pytest.raises(FileExistsError):
        write(tmp_path, "r1")


def test_the_last_line_of_a_node_counts_and_tells_what_is_finished(tmp_path: Path) -> None:
    start = new_start(run_id="r", pipeline="p", env="dev", nodes=["a", "b", "c", "d"])
    writer = RecordWriter.create(tmp_path, start)
    for name, status, value in (
        ("a", NodeStatus.FAILED, None),
        ("a", NodeStatus.SUCCEEDED, [None]),
        ("b", NodeStatus.REUSED, [{"x": [1.5, "t"]}]),
        ("c", NodeStatus.INTERRUPTED, [3]),
        ("d", NodeStatus.SUCCEEDED, None),
    ):
        writer.append(NodeEnd(name=name, status=status, value=value))
    writer.close()
    record = RunHistory(tmp_path).get_run("r")
    assert record.finished == {"a", "b", "d"}
    assert record.values == {"a": None, "b": {"x": [1.5, "t"]}}


def test_a_run_of_a_process_that_is_gone_is_abandoned(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait(240)
    write(tmp_path, "dead", status=None, pid=child.pid)
    write(tmp_path, "live", status=None, pid=os.getpid())
    write(tmp_path, "elsewhere", status=None, pid=child.pid, host="another-machine")
    history = RunHistory(tmp_path)
    assert history.get_run("dead").status == "abandoned"
    assert history.get_run("live").status == "running"
    assert history.get_run("elsewhere").status == "running", "nothing can be known from here"


def test_a_process_that_started_after_a_run_is_not_the_one_that_ran_it(tmp_path: Path) -> None:
    """The system gives ids again."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    write(tmp_path, "old", status=None, pid=os.getpid(), started_at=long_ago)
    assert RunHistory(tmp_path).get_run("old").status == "abandoned"


@pytest.mark.parametrize("run_id", ["../r1", "sub/r1", "..", "", "a\0b"], ids=repr)
def test_the_id_of_a_run_names_no_file_elsewhere(tmp_path: Path, run_id: str) -> None:
    """It may come from a command line."""
    write(tmp_path, "r1")
    folder = tmp_path / RUNS_FOLDER
    (folder / "sub").mkdir()
    for name in ("../r1.jsonl", "sub/r1.jsonl"):
        (folder / name).write_bytes((folder / "r1.jsonl").read_bytes())
    assert RunHistory(tmp_path).find_run(run_id) is None


@pytest.mark.parametrize("status", ["failed", "interrupted", None])
def test_a_run_that_did_not_succeed_can_be_resumed(tmp_path: Path, status: str | None) -> None:
    write(tmp_path, "r1")
    write(tmp_path, "r2", status=status)
    write(tmp_path, "r3", pipeline="other")
    assert RunHistory(tmp_path).find_resumable("p").run_id == "r2"


def test_a_record_shows_itself_in_one_row_and_in_full(tmp_path: Path) -> None:
    write(
        tmp_path,
        "r",
        status="failed",
        nodes={"a": NodeStatus.SUCCEEDED, "b": NodeStatus.FAILED},
        commit="0123456789abcdef",
    )
    record = RunHistory(tmp_path).get_run("r")
    row = record.summary()
    assert (row["status"], row["nodes"], row["commit"]) == ("failed", "1/2", "01234567")
    full = record.to_dict()
    assert full["duration"] == 1.5
    assert [(node["name"], node["status"]) for node in full["nodes"]] == [
        ("a", "succeeded"),
        ("b", "failed"),
    ]


# What is kept of a returned value


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -(2**62), 1.5, "text", "ü\n", [], [1, [2]], {}, {"a": {"b": [None, False]}}],
)
def test_values_that_json_gives_back_exactly_are_kept(value: Any) -> None:
    kept = kept_value(value)
    assert kept == [value]
    again = msgspec.json.decode(msgspec.json.encode(kept))
    assert again == kept
    assert [type(item) for item in again] == [type(item) for item in kept]


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        2**70,
        (1, 2),
        {1: "a"},
        {"a": {2}},
        b"bytes",
        object(),
        Text("x"),
        [1] * 20_000,
        "x" * 70_000,
    ],
)
def test_values_that_would_come_back_changed_or_are_large_are_not(value: Any) -> None:
    assert kept_value(value) is None


def test_a_value_that_holds_itself_is_not_kept() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert kept_value(loop) is None


# Code and commit


def plain() -> None: ...


@wraps(plain)
def wrapped() -> None: ...


def test_code_is_the_hash_of_the_file_of_the_innermost_function(tmp_path: Path) -> None:
    assert len(code_of(plain)) == 12
    assert code_of(wrapped) == code_of(plain) == code_of(partial(plain))
    assert code_of(len) == ""
    assert code_of(eval("lambda: None")) == ""
    path = tmp_path / "module.py"
    namespace: dict[str, Any] = {}
    path.write_text("def f(): return 1\n")
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    before = code_of(namespace["f"])
    path.write_text("def f(): return 22\n")
    os.utime(path, ns=(1, 1))
    assert code_of(namespace["f"]) not in ("", before)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_read_from_gits_files(tmp_path: Path) -> None:
    inside = tmp_path / "repository" / "project"
    inside.mkdir(parents=True)
    assert commit_of(tmp_path / "elsewhere") == commit_of(tmp_path)
    git(inside.parent, "init", "-q", "-b", "main")
    assert commit_of(inside) == ""
    git(inside.parent, "commit", "-q", "--allow-empty", "-m", "first")
    first = git(inside.parent, "rev-parse", "HEAD")
    assert commit_of(inside) == first
    git(inside.parent, "pack-refs", "--all")
    assert commit_of(inside) == first
    git(inside.parent, "checkout", "-q", "--detach")
    assert commit_of(inside) == first
