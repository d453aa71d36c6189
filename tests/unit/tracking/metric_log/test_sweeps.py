"""The summaries of many runs at once: the same as one by one, at the cost of one look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.tracking._metric_log import MetricLog, RunWriter


@pytest.fixture(autouse=True)
def no_hook() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


def write(folder: Path, runs: range, *, close: bool = True) -> RunWriter:
    """Log a few points of some runs with a log, so segments, of their own."""
    log = MetricLog(folder)
    for number in runs:
        writer = log.writer("exp", f"run-{number}")
        writer.append_row({"a": number, "b": -number}, 0, 1)
        writer.append("a", number + 0.5, 1, 2)
    if close:
        log.close()
    return writer


def names(runs: range) -> list[str]:
    return [f"run-{number}" for number in runs]


def opened(folder: Path, runs: list[str], log: MetricLog | None = None) -> Counter[str]:
    """Ask for the summaries and return how often each file was opened or read."""
    found: Counter[str] = Counter()

    def count(operation: str, path: str) -> None:
        if operation in ("open", "read") and Path(path).is_relative_to(folder):
            found[f"{operation} {Path(path).name}"] += 1

    log = log or MetricLog(folder)
    _fs.set_fault_hook(count)
    try:
        log.summaries("exp", runs)
    finally:
        _fs.set_fault_hook(None)
    return found


@pytest.mark.parametrize("compacted", [False, True], ids=["segments", "parts"])
def test_they_are_those_of_each_run(tmp_path: Path, *, compacted: bool) -> None:
    for start in range(0, 30, 3):
        write(tmp_path, range(start, start + 4))  # each last run is in two segments
    if compacted:
        with closing(MetricLog(tmp_path)) as log:
            log.compact("exp")
        write(tmp_path, range(29, 32))  # and some are in a part and in a segment
    every = [*names(range(33)), "never logged"]
    found = MetricLog(tmp_path).summaries("exp", every)
    assert list(found) == every
    for run in every:
        assert found[run] == MetricLog(tmp_path).summary("exp", run)
    assert found["run-0"]["a"].last_value == 0.5
    assert found["run-3"]["a"].count == 4
    assert found["never logged"] == {}


def test_nothing_is_asked_of_no_runs(tmp_path: Path) -> None:
    write(tmp_path, range(3))
    assert MetricLog(tmp_path).summaries("exp", []) == {}


def test_a_file_is_opened_for_the_runs_it_holds_and_once_more_at_most(tmp_path: Path) -> None:
    """With a file for each run, as dead processes leave them, work does not grow as a square."""
    count = 25
    for number in range(count):
        write(tmp_path, range(number, number + 1))
    found = opened(tmp_path, names(range(count)))
    segments = [number for name, number in found.items() if name.startswith("open ")]
    assert len(segments) == count
    assert max(segments) <= 2


def test_a_part_is_read_once_for_all_runs(tmp_path: Path) -> None:
    def parts(found: Counter[str]) -> Counter[str]:
        return Counter({name: number for name, number in found.items() if ".parquet" in name})

    for number in range(8):
        write(tmp_path, range(number, number + 1))
    with closing(MetricLog(tmp_path)) as log:
        log.compact("exp")
    for_one = parts(opened(tmp_path, names(range(1))))
    for_all = parts(opened(tmp_path, names(range(8))))
    assert for_one
    assert for_all == for_one


def test_what_others_log_meanwhile_is_seen_at_the_next_look(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    writer = write(tmp_path, range(2), close=False)
    before = log.summaries("exp", names(range(2)))
    writer.append("a", 9.0, 2, 3)
    after = log.summaries("exp", names(range(2)))
    assert before["run-1"]["a"].last_value == 1.5
    assert after["run-1"]["a"].last_value == 9.0
    assert after["run-0"] == before["run-0"]


def test_a_segment_that_compaction_removes_meanwhile_loses_nothing(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path, range(number, number + 1))
    log = MetricLog(tmp_path)
    expected = MetricLog(tmp_path).summaries("exp", names(range(6)))
    seen = 0

    def compact_once(operation: str, path: str) -> None:
        nonlocal seen
        if operation == "open" and path.endswith(".seg"):
            seen += 1
            if seen == 3:
                _fs.set_fault_hook(None)
                with closing(MetricLog(tmp_path)) as other:
                    other.compact("exp")

    _fs.set_fault_hook(compact_once)
    assert log.summaries("exp", names(range(6))) == expected
