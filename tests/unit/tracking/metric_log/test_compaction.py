"""Merging segments and parts: nothing lost, nothing doubled, plain Parquet afterwards."""

from __future__ import annotations

import math
import os
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tauro._internal import _fs
from tauro.errors import CorruptDataError
from tauro.tracking._metric_log import History, MetricLog
from tauro.tracking._metric_log import _compact as module
from tauro.tracking._metric_log._manifest import (
    KEPT,
    Manifest,
    decode_manifest,
    encode_manifest,
    read_manifest,
)


def names(log: MetricLog, pattern: str = "*") -> list[str]:
    return sorted(path.name for path in Path(log.folder, "exp").glob(pattern))


def write(folder: Path, runs: dict[str, dict[str, int]], seed: int = 0) -> None:
    """Write points of several runs by a log of their own, and seal it."""
    log = MetricLog(folder)
    random = np.random.default_rng(seed)
    for run, keys in runs.items():
        for key, count in keys.items():
            log.writer("exp", run).append_batch(
                key, random.normal(size=count), random.integers(-5, 5, count), 1000 + seed
            )
    log.close()


def histories(log: MetricLog, runs: dict[str, dict[str, int]]) -> dict[tuple[str, str], History]:
    return {(run, key): log.history("exp", run, key) for run in runs for key in runs[run]}


def same(first: History, second: History) -> bool:
    return (
        np.array_equal(first.step, second.step)
        and np.array_equal(first.value, second.value, equal_nan=True)
        and np.array_equal(first.timestamp_ns, second.timestamp_ns)
        and dict(first.metadata) == dict(second.metadata)
    )


RUNS = {"r1": {"a": 10, "b": 3}, "r2": {"a": 500}, "r3": {"c": 1}}


def test_histories_and_summaries_are_the_same_before_and_after(tmp_path: Path) -> None:
    for seed in range(3):
        write(tmp_path, RUNS, seed)
    log = MetricLog(tmp_path)
    before = histories(log, RUNS)
    summaries = {run: log.summary("exp", run) for run in RUNS}
    result = log.compact("exp")
    assert (result.segments, result.points, result.parts) == (3, 3 * 514, 1)
    for reader in (log, MetricLog(tmp_path)):
        after = histories(reader, RUNS)
        assert all(same(before[of], after[of]) for of in before)
        assert {run: reader.summary("exp", run) for run in RUNS} == summaries
    assert names(log, "*.seg") == []
    assert log.verify("exp") == []


def test_a_part_is_a_sorted_table_that_pandas_opens(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    for run in ("r2", "r1"):
        writer = log.writer("exp", run)
        for step, value in ((2, math.nan), (1, math.inf), (1, 0.5)):
            writer.append("b", value, step, 1_700_000_000_000_000_000 + step)
            writer.append("a", value, step, 1_700_000_000_000_000_000)
    log.writer("exp", "r1").append("z", 1.0, 0, 5, {"fold": 3})
    log.close()
    log.compact("exp")
    (part,) = names(log, "part-*.parquet")
    frame = pd.read_parquet(tmp_path / "exp" / part)
    assert frame.columns.tolist()[:5] == ["run_id", "key", "step", "value", "timestamp"]
    assert frame["run_id"].tolist() == ["r1"] * 7 + ["r2"] * 6
    assert frame["key"].tolist() == ["a"] * 3 + ["b"] * 3 + ["z"] + ["a"] * 3 + ["b"] * 3
    assert frame["step"].tolist()[:6] == [1, 1, 2, 1, 1, 2]
    assert frame["value"].tolist()[:2] == [math.inf, 0.5]
    assert math.isnan(frame["value"][2])
    assert str(frame["timestamp"].dtype) == "datetime64[ns, UTC]"
    assert frame["timestamp"][0] == pd.Timestamp(1_700_000_000_000_000_000, tz="UTC")
    assert frame["metadata"].dropna().tolist() == ['{"fold":3}']
    assert str(frame["run_id"].dtype) in ("object", "str")


def test_a_live_segment_is_left_to_its_writer(tmp_path: Path) -> None:
    write(tmp_path, RUNS)
    writing = MetricLog(tmp_path)
    writer = writing.writer("exp", "r9")
    writer.append("a", 1.0)
    for log in (writing, MetricLog(tmp_path)):
        log.compact("exp")
        assert len(names(log, "*.seg")) == 1
    writer.append("a", 2.0)
    assert MetricLog(tmp_path).history("exp", "r9", "a").value.tolist() == [1.0, 2.0]
    writing.close()
    assert MetricLog(tmp_path).compact("exp").segments == 1
    assert MetricLog(tmp_path).history("exp", "r9", "a").value.tolist() == [1.0, 2.0]


def test_finished_segments_of_a_live_writer_are_taken(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, segment_points=1)
    writer = log.writer("exp", "r")
    writer.append_batch("a", np.arange(50_000.0), np.arange(50_000))
    assert log.compact("exp").segments == 3
    writer.append("a", -1.0, 50_000)
    assert log.compact("exp").segments == 0
    assert np.array_equal(log.history("exp", "r", "a").step, np.arange(50_001))


def test_small_parts_are_merged_and_large_ones_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_ROWS", 1000)
    monkeypatch.setattr(module, "SMALL", 500)
    log = MetricLog(tmp_path)
    write(tmp_path, {"big": {"a": 1500}})
    log.compact("exp")
    (big,) = names(log, "part-*.parquet")
    for seed in range(4):
        write(tmp_path, {f"r{seed}": {"a": 100}}, seed)
        log.compact("exp")
    parts = names(log, "part-*.parquet")
    assert len(parts) == 2
    assert big in parts
    assert len(names(log, "summary-*.parquet")) == 2
    for seed in range(4):
        assert len(log.history("exp", f"r{seed}", "a")) == 100
    assert len(log.history("exp", "big", "a")) == 1500


def test_a_hundred_thousand_points_of_small_runs_are_few_files(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    for number in range(2000):
        writer = log.writer("exp", f"run{number:05d}")
        for key in "abcde":
            writer.append(key, float(number))
        writer.close()
    log.close()
    assert len(names(log)) == 1
    log.compact("exp")
    assert len([name for name in names(log) if not name.startswith(".")]) == 3
    assert log.summary("exp", "run01234")["c"].last_value == 1234


def test_runs_can_be_dropped(tmp_path: Path) -> None:
    write(tmp_path, RUNS)
    log = MetricLog(tmp_path)
    log.compact("exp")
    write(tmp_path, RUNS, 1)
    log.compact("exp", drop_runs=["r1", "unknown"])
    assert log.summary("exp", "r1") == {}
    assert MetricLog(tmp_path).history("exp", "r1", "a").step.tolist() == []
    assert len(log.history("exp", "r2", "a")) == 1000
    log.compact("exp", drop_runs=["r2", "r3"])
    assert names(log, "*.parquet") == []
    assert log.summary("exp", "r2") == {}


def test_compacting_nothing_does_nothing(tmp_path: Path) -> None:
    log = MetricLog(tmp_path / "log")
    assert log.compact("exp").segments == 0
    assert not (tmp_path / "log").exists()
    write(tmp_path / "log", RUNS)
    log.compact("exp")
    before = names(log)
    log.compact("exp")
    assert names(log) == before


def test_only_one_compacts_at_a_time(tmp_path: Path) -> None:
    write(tmp_path, RUNS)
    log = MetricLog(tmp_path)
    with module.compaction_lock(str(tmp_path / "exp")) as alone:
        assert alone
        assert not log.compact("exp").done
    assert len(names(log, "*.seg")) == 1
    assert log.compact("exp").done


def test_a_compactor_that_was_second_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locks may not reach another machine; the manifest's create-only name does."""
    write(tmp_path, RUNS)
    log = MetricLog(tmp_path)
    folder = str(tmp_path / "exp")
    too_late = module.Compactor(folder)
    log.compact("exp")
    write(tmp_path, {"late": {"a": 5}}, 9)
    second = module.Compactor(folder)
    module.commit(folder, Manifest(number=2, parts=read_manifest(folder, 1).parts), [])
    before = names(log)
    assert not too_late.run().done
    assert not second.run().done
    assert names(log) == before
    assert len(log.history("exp", "late", "a")) == 5
    assert len(log.history("exp", "r2", "a")) == 500


def test_what_a_killed_compaction_left_is_not_read_and_goes(tmp_path: Path) -> None:
    write(tmp_path, RUNS)
    log = MetricLog(tmp_path)
    folder = tmp_path / "exp"
    stray = [folder / "part-zzz.parquet", folder / "summary-zzz.parquet", folder / ".tmp-1-2-x"]
    for path in stray:
        path.write_bytes(b"half")
    before = histories(log, RUNS)
    log.compact("exp")
    assert all(path.exists() for path in stray), "they may be those of another machine"
    old = time.time() - 7200
    for path in stray:
        os.utime(path, (old, old))
    log.compact("exp")
    assert not any(path.exists() for path in stray)
    assert all(same(before[of], history) for of, history in histories(log, RUNS).items())


def age(folder: Path, pattern: str) -> None:
    old = time.time() - 7200
    for path in folder.glob(pattern):
        os.utime(path, (old, old))


@pytest.mark.parametrize("older_one_stands", [False, True], ids=["all", "the newest"])
def test_parts_whose_manifest_is_lost_stay_and_repair_takes_them(
    tmp_path: Path, older_one_stands: bool
) -> None:
    """They are the only copy: no compaction may take them for what a killed one left."""
    log = MetricLog(tmp_path)
    write(tmp_path, {"before": {"a": 4}}, 1)
    log.compact("exp")
    write(tmp_path, RUNS)
    log.compact("exp")
    before = histories(log, RUNS)
    folder = tmp_path / "exp"
    lost = ["manifest-2.json"] if older_one_stands else ["manifest-1.json", "manifest-2.json"]
    for name in lost:
        (folder / name).unlink()
    parts = names(log, "*.parquet")
    age(folder, "*.parquet")
    write(tmp_path, {"later": {"a": 7}}, 2)
    if not older_one_stands:  # else the parts that it names are gone, and compaction refuses
        MetricLog(tmp_path).compact("exp")
        assert set(parts) <= set(names(log, "*.parquet"))
    log = MetricLog(tmp_path)
    log.repair("exp")
    assert all(same(before[of], history) for of, history in histories(log, RUNS).items())
    assert len(log.history("exp", "before", "a")) == 4
    assert len(log.history("exp", "later", "a")) == 7
    assert log.verify("exp") == []
    assert log.repair("exp").points == 0, "it is done once"


def test_a_part_that_a_killed_compaction_published_is_not_taken_twice(tmp_path: Path) -> None:
    """What it holds the segments hold, too: it goes, and repair counts nothing double."""
    write(tmp_path, RUNS)
    folder = tmp_path / "exp"
    log = MetricLog(tmp_path)
    (segment,) = names(log, "*.seg")
    data = (folder / segment).read_bytes()
    log.compact("exp")
    (folder / segment).write_bytes(data)
    (folder / "manifest-1.json").unlink()
    before = histories(MetricLog(tmp_path), RUNS)
    assert len(before["r2", "a"]) == 500
    log = MetricLog(tmp_path)
    log.repair("exp")
    assert all(same(before[of], history) for of, history in histories(log, RUNS).items())
    age(folder, "*.parquet")
    log.compact("exp")
    assert len(names(log, "part-*.parquet")) == 1, "that of the killed one is gone"
    assert all(same(before[of], history) for of, history in histories(log, RUNS).items())


def test_segments_that_were_not_removed_are_not_read_twice(tmp_path: Path) -> None:
    write(tmp_path, RUNS)
    log = MetricLog(tmp_path)
    (segment,) = names(log, "*.seg")
    data = (tmp_path / "exp" / segment).read_bytes()
    log.compact("exp")
    (tmp_path / "exp" / segment).write_bytes(data)
    assert len(MetricLog(tmp_path).history("exp", "r2", "a")) == 500
    assert log.compact("exp").segments == 0
    assert names(log, "*.seg") == []


def test_old_manifests_are_removed_but_the_last_few(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    for seed in range(KEPT + 3):
        write(tmp_path, {f"r{seed}": {"a": 1}}, seed)
        log.compact("exp")
    assert len(names(log, "manifest-*.json")) == KEPT


def test_a_manifest_is_read_back_and_damage_noticed(tmp_path: Path) -> None:
    manifest = Manifest(number=3, through={"lane-0": 5}, superseded=("x",))
    data = encode_manifest(manifest)
    assert decode_manifest(data, "m") == manifest
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x01
        with pytest.raises(CorruptDataError):
            decode_manifest(bytes(damaged), "m")
        with pytest.raises(CorruptDataError):
            decode_manifest(data[:place], "m")


def test_damaged_segments_wait_for_repair(tmp_path: Path) -> None:
    write(tmp_path, RUNS)
    (segment,) = (tmp_path / "exp").glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[-100] ^= 0xFF
    segment.write_bytes(data)
    log = MetricLog(tmp_path)
    assert log.compact("exp").skipped == [str(segment)]
    assert segment.read_bytes() == bytes(data)


def test_compaction_starts_by_itself_when_enough_has_gathered(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    for seed in range(module.DUE - 1):
        write(tmp_path, {f"r{seed}": {"a": 2}}, seed)
    log.compact_when_due("exp")
    log.close()
    assert len(names(log, "*.seg")) == module.DUE - 1
    write(tmp_path, {"last": {"a": 2}}, 99)
    other = MetricLog(tmp_path)
    other.compact_when_due("exp")
    other.close()
    assert names(other, "*.seg") == []
    assert len(other.history("exp", "r0", "a")) == 2


def test_a_failed_background_compaction_is_logged_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for seed in range(module.DUE):
        write(tmp_path, {"r": {"a": 2}}, seed)
    main = threading.get_ident()

    def no_space(operation: str, path: str) -> int | None:
        if operation == "write" and threading.get_ident() != main:
            raise OSError(28, "No space left on device")
        return None

    log = MetricLog(tmp_path)
    _fs.set_fault_hook(no_space)
    try:
        log.compact_when_due("exp")
        log.close()
    finally:
        _fs.set_fault_hook(None)
    assert "No space left on device" in caplog.text
    assert len(log.history("exp", "r", "a")) == 2 * module.DUE
    assert names(log, "*.parquet") == []
