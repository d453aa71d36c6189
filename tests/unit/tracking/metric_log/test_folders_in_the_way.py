"""A folder where a file of the log belongs: damage that is named, and in nobody's way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tauro.errors import CorruptDataError
from tauro.tracking._metric_log import MetricLog


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log with two parts and two segments, of one run each."""
    for number in range(4):
        log = MetricLog(tmp_path)
        log.writer("exp", f"run{number}").append("loss", number + 0.5, 1)
        log.close()
        if number == 1:
            log.compact("exp")
    return tmp_path


def values(folder: Path, run: str) -> list[float]:
    found: list[float] = MetricLog(folder).history("exp", run, "loss").value.tolist()
    return found


def newest_manifest(exp: Path) -> Path:
    return max(exp.glob("manifest-*.json"), key=lambda path: int(path.stem.split("-")[1]))


def points_of(exp: Path) -> Path:
    return next(path for path in exp.glob("part-*.parquet"))


PLACES: dict[str, Callable[[Path], Path]] = {
    "segment": lambda exp: min(exp.glob("*.seg")),
    "manifest": newest_manifest,
    "part": points_of,
    "summary": lambda exp: next(
        path for path in exp.glob("*.parquet") if not path.name.startswith("part-")
    ),
}


@pytest.mark.parametrize("what", PLACES)
@pytest.mark.parametrize("inside", [True, False], ids=["with a file", "empty"])
def test_a_folder_in_the_place_of_a_file(folder: Path, what: str, inside: bool) -> None:
    """Verify names it; what else there is is read; after a repair nothing is wrong any more."""
    path = PLACES[what](folder / "exp")
    path.unlink()
    path.mkdir()
    if inside:
        (path / "of somebody").write_text("mine")
    findings = MetricLog(folder).verify("exp")
    assert str(path) in {finding.path for finding in findings}
    assert not any(finding.harmless for finding in findings)
    if what == "segment":
        assert values(folder, "run0") == [0.5]
    elif what != "summary":
        with pytest.raises(CorruptDataError, match=path.name):
            values(folder, "run0")
    if what in ("manifest", "part"):
        with pytest.raises(CorruptDataError, match=path.name):
            MetricLog(folder).compact("exp")
    else:
        assert MetricLog(folder).compact("exp").done
    done = MetricLog(folder).repair("exp")
    assert done.done
    lost = {"segment": {"run2", "run3"}, "part": {"run0", "run1"}}.get(what, set())
    found = {run: values(folder, run) for run in ("run0", "run1", "run2", "run3")}
    for number, (run, points) in enumerate(found.items()):
        assert points == [number + 0.5] or (run in lost and points == [])
    assert sum(map(bool, found.values())) >= (2 if what == "part" else 3)
    if what != "segment":
        assert MetricLog(folder).verify("exp") == []
    if inside:
        kept = list(folder.rglob("of somebody"))
        assert [each.read_text() for each in kept] == ["mine"]


def test_a_folder_with_the_name_of_a_part_stays(folder: Path) -> None:
    """It is nobody's leftover, however old; compaction goes on beside it."""
    stray = folder / "exp" / "part-mine.parquet"
    (stray / "below").mkdir(parents=True)
    os.utime(stray, (0, 0))
    assert MetricLog(folder).compact("exp").done
    assert stray.is_dir()
    assert [values(folder, f"run{number}") for number in range(4)] == [[0.5], [1.5], [2.5], [3.5]]


def test_a_table_of_somebody_elses_with_the_name_of_a_part(folder: Path) -> None:
    """Spark names its files so. Nothing is read from it, and a repair keeps it."""
    exp, name = folder / "exp", "part-00000.parquet"
    pq.write_table(pa.table({"mine": [1]}), exp / name)
    assert all(finding.harmless for finding in MetricLog(folder).verify("exp"))
    newest_manifest(exp).write_bytes(b"{}")
    assert MetricLog(folder).verify("exp")
    assert MetricLog(folder).repair("exp").done
    assert [values(folder, f"run{number}") for number in range(4)] == [[0.5], [1.5], [2.5], [3.5]]
    kept = [pq.read_table(path) for path in folder.rglob(f"{name}*")]
    assert [table.column_names for table in kept] == [["mine"]]


def test_writers_and_followers_pass_a_folder_by(folder: Path) -> None:
    """Who logs and who watches is not kept by a folder in the place of a segment."""
    path = PLACES["segment"](folder / "exp")
    path.unlink()
    path.mkdir()
    log = MetricLog(folder)
    log.writer("exp", "new").append("loss", 9.0, 1)
    assert log.follow("exp", "new").poll()["loss"].value.tolist() == [9.0]
    assert log.keys("exp", "run0") == ["loss"]
    log.close()
    assert MetricLog(folder).compact("exp").done
    assert values(folder, "new") == [9.0]
