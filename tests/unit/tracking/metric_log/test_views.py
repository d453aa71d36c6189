"""Looking at a folder while it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tauro._internal import _fs
from tauro.errors import StorageError
from tauro.tracking._metric_log import MetricLog
from tauro.tracking._metric_log import _view as module


def at(operation: str, number: int, act: Callable[[], object]) -> None:
    """Do something in the middle of a reader's work: before its n-th call of a kind."""
    seen = 0

    def hook(done: str, path: str) -> int | None:
        nonlocal seen
        if done == operation:
            seen += 1
            if seen == number:
                _fs.set_fault_hook(None)
                act()
        return None

    _fs.set_fault_hook(hook)


@pytest.fixture(autouse=True)
def no_hook() -> object:
    yield
    _fs.set_fault_hook(None)


def filled(folder: Path, logs: int = 3) -> None:
    for number in range(logs):
        log = MetricLog(folder)
        log.writer("exp", "run").append("a", float(number), number, number)
        log.close()


@pytest.mark.parametrize("operation", ["list", "stat", "open", "read"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_compaction_in_the_middle_of_reading_hides_nothing(
    tmp_path: Path, operation: str, number: int
) -> None:
    filled(tmp_path)
    reader, other = MetricLog(tmp_path), MetricLog(tmp_path)
    at(operation, number, lambda: other.compact("exp"))
    assert reader.history("exp", "run", "a").value.tolist() == [0.0, 1.0, 2.0]
    follower = MetricLog(tmp_path).follow("exp", "run")
    filled(tmp_path)
    at(operation, number, lambda: other.compact("exp"))
    assert len(follower.poll()["a"]) == 6
    filled(tmp_path)
    at(operation, number, lambda: other.compact("exp"))
    assert len(follower.poll()["a"]) == 3
    assert reader.summary("exp", "run")["a"].count == 9


@pytest.mark.parametrize("operation", ["list", "stat", "open", "read"])
def test_two_compactions_in_the_middle_of_reading_hide_nothing(
    tmp_path: Path, operation: str
) -> None:
    filled(tmp_path)
    reader, other = MetricLog(tmp_path), MetricLog(tmp_path)
    other.compact("exp")

    def twice() -> None:
        for _ in range(2):
            filled(tmp_path, 1)
            other.compact("exp")

    at(operation, 1, twice)
    assert len(reader.history("exp", "run", "a")) in (3, 4, 5)
    assert len(reader.history("exp", "run", "a")) == 5


def test_the_second_segment_of_a_lane_is_not_shown_without_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder listing is not one moment: it may miss a file made during it, and show a later."""
    log = MetricLog(tmp_path, segment_points=1)
    log.writer("exp", "run").append_batch("a", np.arange(20_000.0), np.arange(20_000))
    real = module.list_segments
    listed: list[int] = []

    def late(folder: str) -> tuple[list[module.SegmentRef], int]:
        refs, newest = real(folder)
        listed.append(len(refs))
        return (refs[1:], newest) if len(listed) == 1 else (refs, newest)

    monkeypatch.setattr(module, "list_segments", late)
    steps = MetricLog(tmp_path).history("exp", "run", "a").step
    assert len(listed) == 2
    assert np.array_equal(steps, np.arange(20_000))


def test_a_view_is_kept_while_the_folder_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    opened: list[str] = []
    real = module.open_view

    def counted(folder: str) -> module.View:
        opened.append(folder)
        return real(folder)

    monkeypatch.setattr(module, "open_view", counted)
    now = 100.0
    monkeypatch.setattr("tauro.tracking._metric_log._view.time.monotonic", lambda: now)
    views = module.Views()
    folder = str(tmp_path / "exp")
    for _ in range(3):
        views.read(folder, lambda view: view)
    assert len(opened) == 3, "a change within a tick of the clock would not show"
    now = 102.0
    for _ in range(5):
        assert len(views.read(folder, lambda view: view).segments) == 3
    assert len(opened) == 4
    filled(tmp_path, 1)
    assert len(views.read(folder, lambda view: view).segments) == 4


def test_a_file_that_stays_away_is_an_error_that_names_it(tmp_path: Path) -> None:
    filled(tmp_path)

    def gone(view: module.View) -> None:
        raise FileNotFoundError(2, "No such file", view.segments[0].path)

    with pytest.raises(StorageError, match=r"\.seg"):
        module.Views().read(str(tmp_path / "exp"), gone)


def test_a_missing_folder_is_an_empty_view(tmp_path: Path) -> None:
    view = module.Views().read(str(tmp_path / "none"), lambda found: found)
    assert (view.segments, view.manifest.number) == ((), 0)
