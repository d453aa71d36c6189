"""Damage: truncations read as a prefix, flipped bytes are noticed, repair keeps the rest."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tauro.errors import CorruptDataError, StorageError
from tauro.tracking._metric_log import MetricLog
from tauro.tracking._metric_log._format import HEADER_SIZE, SLOT_SIZE

POINTS = 12


def write(folder: Path, *, sealed: bool, maps: bool = True, points: int = POINTS) -> Path:
    """Write one small segment; return its path."""
    log = MetricLog(folder, maps=maps)
    for number in range(points):
        key = "a" if number % 2 else "b"
        log.writer("exp", f"run{number % 3}").append(key, number + 0.5, number, 1000 + number)
    log.writer("exp", "run0").append("noted", 1.0, 0, 5, {"why": "because"})
    (path,) = (folder / "exp").glob("*.seg")
    if sealed:
        log.close()
    else:
        # What a killed process leaves: the file as it is, its lock gone.
        data = path.read_bytes()
        log.close()
        path.write_bytes(data[: HEADER_SIZE + 40 * SLOT_SIZE])
    return path


def everything(folder: Path) -> dict[tuple[str, str], list[tuple[int, float, int]]]:
    log = MetricLog(folder)
    found: dict[tuple[str, str], list[tuple[int, float, int]]] = {}
    for run in ("run0", "run1", "run2"):
        histories = log.follow("exp", run).poll()
        for key in ("a", "b", "noted"):
            history = histories.get(key)
            columns = (history.step, history.value, history.timestamp_ns) if history else ()
            found[run, key] = list(zip(*(column.tolist() for column in columns), strict=True))
    return found


LONG = pytest.param(1, marks=pytest.mark.torture)


@pytest.mark.parametrize("every", [5, LONG])
@pytest.mark.parametrize("sealed", [True, False])
def test_every_truncation_at_every_byte_reads_as_a_prefix(
    tmp_path: Path, every: int, torture_report: Callable[..., None], *, sealed: bool
) -> None:
    path = write(tmp_path, sealed=sealed)
    whole, data = everything(tmp_path), path.read_bytes()
    before = -1
    for size in range(0 if every == 1 else HEADER_SIZE - 20, len(data), every):
        path.write_bytes(data[:size])
        found = everything(tmp_path)
        assert all(found[of] == whole[of][: len(found[of])] for of in whole)
        count = sum(map(len, found.values()))
        assert count >= before
        before = count
        MetricLog(tmp_path).verify("exp")
        torture_report(cuts=1)


@pytest.mark.parametrize("every", [7, LONG])
@pytest.mark.parametrize("sealed", [True, False])
def test_every_flipped_byte_is_noticed_and_never_read(
    tmp_path: Path, every: int, torture_report: Callable[..., None], *, sealed: bool
) -> None:
    path = write(tmp_path, sealed=sealed, points=6)
    whole, data = everything(tmp_path), path.read_bytes()
    log = MetricLog(tmp_path)
    assert log.verify("exp") == []
    chance = random.Random(7)
    for place in range(0, len(data), every):
        damaged = bytearray(data)
        damaged[place] ^= chance.choice([1, 0x80, 0xFF, damaged[place] or 1])
        path.write_bytes(damaged)
        assert log.verify("exp"), f"byte {place} was changed and not noticed"
        torture_report(cuts=1)
        if place < HEADER_SIZE and every > 1 and place % 8:
            continue
        found = everything(tmp_path)
        lost = 0
        for of, points in whole.items():
            assert all(point in points for point in found[of])
            lost += len(points) - len(found[of])
        assert lost <= 1, f"byte {place} cost more than its own slot"


@pytest.mark.parametrize("place", [3, 1030, HEADER_SIZE + 5, -40])
def test_repair_keeps_every_good_point_and_the_damaged_file(tmp_path: Path, place: int) -> None:
    path = write(tmp_path, sealed=True)
    whole = everything(tmp_path)
    data = bytearray(path.read_bytes())
    data[place] ^= 0x55
    path.write_bytes(data)
    log = MetricLog(tmp_path)
    assert not all(found.harmless for found in log.verify("exp"))
    readable = everything(tmp_path)
    result = log.repair("exp")
    assert [Path(kept).read_bytes() for kept in result.put_aside] == [bytes(data)]
    assert everything(tmp_path) == readable
    assert sum(map(len, readable.values())) >= sum(map(len, whole.values())) - 1
    assert log.verify("exp") == []
    assert list((tmp_path / "exp").glob("*.seg")) == []
    assert log.repair("exp").put_aside == []


def test_metadata_survives_repair(tmp_path: Path) -> None:
    path = write(tmp_path, sealed=True)
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)
    log = MetricLog(tmp_path)
    log.repair("exp")
    assert log.history("exp", "run0", "noted").metadata == {0: '{"why":"because"}'}


def test_a_lost_page_is_noticed_and_what_follows_is_read(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    log.writer("exp", "run").append_batch("m", np.arange(2000.0), np.arange(2000))
    log.close()
    (path,) = (tmp_path / "exp").glob("*.seg")
    data = bytearray(path.read_bytes())
    data[8192 : 8192 + 4096] = bytes(4096)
    path.write_bytes(data)
    history = MetricLog(tmp_path).history("exp", "run", "m")
    assert len(history) == 2000 - 4096 // SLOT_SIZE
    assert history.step[-1] == 1999
    findings = MetricLog(tmp_path).verify("exp")
    assert [found.path for found in findings] == [str(path)]
    assert "empty" in findings[0].problem
    MetricLog(tmp_path).repair("exp")
    assert np.array_equal(MetricLog(tmp_path).history("exp", "run", "m").step, history.step)


def test_what_is_being_written_is_not_damage(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    writer = log.writer("exp", "run")
    for step in range(100):
        writer.append("m", 1.0, step)
        assert MetricLog(tmp_path).verify("exp") == []


def test_a_segment_shorter_than_its_successor_says_is_noticed(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, segment_points=1)
    log.writer("exp", "run").append_batch("m", np.arange(20_000.0))
    log.close()
    first, _ = sorted((tmp_path / "exp").glob("*.seg"))
    first.write_bytes(first.read_bytes()[: -500 * SLOT_SIZE])
    (finding,) = MetricLog(tmp_path).verify("exp")
    assert finding.path == str(first)
    assert "were written" in finding.problem


def test_a_warning_names_the_file_that_is_read_in_part(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = MetricLog(tmp_path)
    log.writer("exp", "run").append_batch("m", np.arange(200.0))
    log.close()
    (path,) = (tmp_path / "exp").glob("*.seg")
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    reader = MetricLog(tmp_path)
    assert len(reader.history("exp", "run", "m")) == 199
    assert str(path) in caplog.text
    assert "tauro store verify" in caplog.text


def compacted(folder: Path, runs: int = 3, points: int = 40_000) -> MetricLog:
    log = MetricLog(folder)
    for number in range(runs):
        steps = np.arange(points)
        log.writer("exp", f"run{number}").append_batch("m", np.sin(steps + number), steps, 7)
    log.close()
    log.compact("exp")
    return log


def test_every_file_of_a_compacted_experiment_is_guarded(tmp_path: Path) -> None:
    original = tmp_path / "original"
    compacted(original, points=50)
    chance = random.Random(3)
    for file in sorted(path for path in (original / "exp").iterdir() if path.suffix != ".lock"):
        data = file.read_bytes()
        if not data:
            continue
        places = range(len(data)) if len(data) < 300 else chance.sample(range(len(data)), 60)
        for place in places:
            damaged = bytearray(data)
            damaged[place] ^= chance.choice([1, 0x80, 0xFF])
            file.write_bytes(damaged)
            reader = MetricLog(original)
            findings = reader.verify("exp")
            assert {found.path for found in findings} == {str(file)}
            if file.name.startswith("part-"):
                with pytest.raises(CorruptDataError, match="damaged"):
                    reader.history("exp", "run1", "m")
        file.write_bytes(data)
    assert MetricLog(original).verify("exp") == []


def test_a_damaged_part_loses_its_row_group_only(tmp_path: Path) -> None:
    log = compacted(tmp_path)
    (part,) = (tmp_path / "exp").glob("part-*.parquet")
    data = bytearray(part.read_bytes())
    data[100] ^= 1
    part.write_bytes(data)
    result = log.repair("exp")
    assert len(result.put_aside) == 1
    assert Path(result.put_aside[0]).read_bytes() == bytes(data)
    assert log.verify("exp") == []
    kept = sum(len(log.history("exp", f"run{number}", "m")) for number in range(3))
    assert kept >= 120_000 - 2 * 32_768
    whole = np.sin(np.arange(40_000) + 2)
    assert np.array_equal(log.history("exp", "run2", "m").value, whole)


def test_a_damaged_summary_costs_nothing(tmp_path: Path) -> None:
    log = compacted(tmp_path, points=10)
    (summary,) = (tmp_path / "exp").glob("summary-*.parquet")
    summary.write_bytes(summary.read_bytes()[:-1])
    log.repair("exp")
    assert log.verify("exp") == []
    assert MetricLog(tmp_path).summary("exp", "run1")["m"].count == 10


def test_a_part_that_was_removed_by_hand_is_named(tmp_path: Path) -> None:
    log = compacted(tmp_path, points=10)
    (part,) = (tmp_path / "exp").glob("part-*.parquet")
    part.unlink()
    (finding,) = MetricLog(tmp_path).verify("exp")
    assert finding.path == str(part)
    assert "missing" in finding.problem
    with pytest.raises(StorageError, match=part.name):
        MetricLog(tmp_path).history("exp", "run1", "m")
    log.repair("exp")
    assert MetricLog(tmp_path).verify("exp") == []
    assert MetricLog(tmp_path).history("exp", "run1", "m").step.tolist() == []


def test_a_lost_manifest_is_made_again_from_the_parts(tmp_path: Path) -> None:
    log = compacted(tmp_path, points=100)
    for seed in range(2):
        late = MetricLog(tmp_path)
        late.writer("exp", "run0").append("late", float(seed), seed, seed)
        late.close()
        if seed == 0:
            superseded = tmp_path / "superseded"
            shutil.copytree(tmp_path / "exp", superseded)
            log.compact("exp")
    # An old part that the merged one replaced, as after a kill between commit and removal.
    for path in superseded.glob("*.parquet"):
        shutil.copy(path, tmp_path / "exp" / path.name)
    for manifest in (tmp_path / "exp").glob("manifest-*.json"):
        manifest.write_bytes(b"{}")
    reader = MetricLog(tmp_path)
    assert reader.verify("exp")
    with pytest.raises(CorruptDataError, match="manifest"):
        reader.history("exp", "run0", "m")
    reader.repair("exp")
    assert reader.verify("exp") == []
    assert reader.history("exp", "run0", "late").value.tolist() == [0.0, 1.0]
    for number in range(3):
        history = reader.history("exp", f"run{number}", "m")
        assert np.array_equal(history.value, np.sin(np.arange(100) + number))
    assert len(list((tmp_path / "exp").glob("part-*.parquet"))) == 1
