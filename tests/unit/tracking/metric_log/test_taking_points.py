"""Points of one experiment's copy that become another's: all of them, or none."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.tracking._metric_log import MetricLog
from tauro.tracking._metric_log._snapshot import take_points


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return the folder of an experiment with a run of three points, to which nobody writes."""
    log = MetricLog(tmp_path / "source")
    for step in range(3):
        log.writer("exp", "theirs").append("m", step / 2, step)
    log.close()
    MetricLog(tmp_path / "source").compact("exp")
    return tmp_path / "source" / "exp"


def calls_of(source: Path, folder: Path) -> int:
    """Return how many calls the taking makes."""
    seen: list[str] = []
    _fs.set_fault_hook(lambda operation, _: seen.append(operation))
    take_points(str(source), str(folder), {"theirs"})
    _fs.set_fault_hook(None)
    return len(seen)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_whichever_call_fails_all_points_are_there_or_none(
    source: Path, tmp_path: Path, code: int
) -> None:
    """Also where the commit stands and only its last sync failed: then nothing is taken away."""
    mine = MetricLog(tmp_path / "log")
    mine.writer("exp", "mine").append("m", 7.0)
    mine.close()
    whole = 0
    for turn in range(1, calls_of(source, tmp_path / "counted") + 1):
        folder = Path(shutil.copytree(tmp_path / "log", tmp_path / str(turn)))
        seen = 0

        def fail(operation: str, path: str, turn: int = turn) -> None:
            nonlocal seen
            seen += 1
            if seen == turn:
                raise OSError(code, os.strerror(code), path)

        _fs.set_fault_hook(fail)
        failed = False
        try:
            take_points(str(source), str(folder / "exp"), {"theirs"})
        except OSError:
            failed = True
        _fs.set_fault_hook(None)
        log = MetricLog(folder)
        assert [each for each in log.verify("exp") if not each.harmless] == []
        assert log.history("exp", "mine", "m").value.tolist() == [7.0]
        found = log.history("exp", "theirs", "m").value.tolist()
        assert found in ([], [0.0, 0.5, 1.0])
        assert found or failed
        whole += bool(found) and failed
        log.close()
    assert whole, "the sync after the commit failed in one of them"
