"""What the metric log promises to one process that writes and reads."""

from __future__ import annotations

import decimal
import fractions
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tauro.errors import StorageError, TrackingValidationError
from tauro.tracking._metric_log import MetricLog


@pytest.fixture(params=[True, False], ids=["maps", "writes"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> MetricLog:
    return MetricLog(tmp_path / "metrics", maps=request.param)


def files(log: MetricLog) -> list[Path]:
    return [path for path in Path(log.folder).rglob("*") if path.is_file()]


def test_nothing_is_created_before_the_first_point(log: MetricLog) -> None:
    log.writer("exp", "run")
    assert log.history("exp", "run", "loss").step.tolist() == []
    assert log.summary("exp", "run") == {}
    assert not Path(log.folder).exists()


def test_a_point_is_read_at_once_by_another_log(log: MetricLog) -> None:
    log.writer("exp", "run").append("loss", 0.25, 3, 1_000)
    history = MetricLog(log.folder).history("exp", "run", "loss")
    assert history.step.tolist() == [3]
    assert history.value.tolist() == [0.25]
    assert history.timestamp_ns.tolist() == [1_000]


def test_points_keep_the_order_logged_and_steps_may_repeat_or_fall(log: MetricLog) -> None:
    writer = log.writer("exp", "run")
    steps = [5, 5, -1, 2**63 - 1, -(2**63), 0]
    for number, step in enumerate(steps):
        writer.append("loss", float(number), step, 10 - number)
    assert log.history("exp", "run", "loss").step.tolist() == steps
    assert log.history("exp", "run", "loss").value.tolist() == [0, 1, 2, 3, 4, 5]


def test_nan_and_infinities_are_kept(log: MetricLog) -> None:
    writer = log.writer("exp", "run")
    for value in (math.nan, math.inf, -math.inf, -0.0, 5e-324):
        writer.append("x", value)
    kept = log.history("exp", "run", "x").value
    assert math.isnan(kept[0])
    assert kept[1:].tolist() == [math.inf, -math.inf, -0.0, 5e-324]
    assert math.copysign(1, kept[3]) == -1
    summary = log.summary("exp", "run")["x"]
    assert (summary.min, summary.max, summary.count) == (-math.inf, math.inf, 5)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (3, 3.0),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.uint8(200), 200.0),
        (np.float64(1.25), 1.25),
        (np.array(2.5), 2.5),
        (decimal.Decimal("0.5"), 0.5),
        (fractions.Fraction(1, 4), 0.25),
        (2**60, float(2**60)),
    ],
)
def test_real_numbers_of_any_kind_are_values(log: MetricLog, given: Any, kept: float) -> None:
    log.writer("exp", "run").append("x", given)
    assert log.history("exp", "run", "x").value.tolist() == [kept]


@pytest.mark.parametrize(
    "value",
    [True, np.bool_(1), 1j, np.complex128(1), "0.5", b"1", None, [1.0], np.ones(2), 10**400],
    ids=repr,
)
def test_what_is_not_a_real_number_is_refused_and_nothing_is_written(
    log: MetricLog, value: Any
) -> None:
    with pytest.raises(TrackingValidationError, match="loss"):
        log.writer("exp", "run").append("loss", value)
    assert files(log) == []


@pytest.mark.parametrize("step", [math.nan, 1.0, "1", None, True, 2**63, -(2**63) - 1], ids=repr)
def test_a_step_is_an_integer_of_64_bits(log: MetricLog, step: Any) -> None:
    with pytest.raises(TrackingValidationError, match="step"):
        log.writer("exp", "run").append("loss", 0.5, step)
    assert files(log) == []
    log.writer("exp", "run").append("loss", 0.5, 1)
    with pytest.raises(TrackingValidationError, match="step"):
        log.writer("exp", "run").append("loss", 0.5, step)
    assert len(log.history("exp", "run", "loss")) == 1


@pytest.mark.parametrize("step", [np.int64(4), np.uint8(4), 4])
def test_numpy_integers_are_steps(log: MetricLog, step: Any) -> None:
    writer = log.writer("exp", "run")
    writer.append("loss", 0.5, step)
    writer.append("loss", 0.5, step)
    assert log.history("exp", "run", "loss").step.tolist() == [4, 4]


@pytest.mark.parametrize("key", ["", "a\0b", "x" * 1021, 3, None, "\ud800", ["a"]], ids=repr)
def test_a_key_is_text_that_utf8_can_hold(log: MetricLog, key: Any) -> None:
    with pytest.raises(TrackingValidationError, match="key"):
        log.writer("exp", "run").append(key, 0.5)
    assert files(log) == []


@pytest.mark.parametrize("key", ["a", "a/b c", "é" * 250, "\U00010348" * 250, "x" * 20, "x" * 21])
def test_any_printable_key_is_kept(log: MetricLog, key: str) -> None:
    log.writer("exp", "run").append(key, 0.5)
    assert log.keys("exp", "run") == [key]


def test_runs_and_keys_do_not_mix(log: MetricLog) -> None:
    for run in ("r1", "r2", "r3"):
        writer = log.writer("exp", run)
        for key in ("a", "b"):
            for step in range(3):
                writer.append(key, float(hash((run, key)) % 97), step)
    for run in ("r1", "r2", "r3"):
        assert log.keys("exp", run) == ["a", "b"]
        expected = [float(hash((run, "b")) % 97)] * 3
        assert log.history("exp", run, "b").value.tolist() == expected
    assert log.history("exp", "r9", "a").value.tolist() == []
    assert log.history("other", "r1", "a").value.tolist() == []


def test_a_thousand_runs_share_a_file(log: MetricLog) -> None:
    for number in range(1000):
        writer = log.writer("exp", f"run-{number:04d}")
        writer.append("a", float(number))
        writer.close()
    assert len(files(log)) == 1
    assert log.summary("exp", "run-0777")["a"].last_value == 777


def test_the_summary_is_that_of_the_history(log: MetricLog) -> None:
    writer = log.writer("exp", "run")
    for step, value in enumerate([3.0, math.nan, 1.0, 2.0]):
        writer.append("a", value, step, 100 + step)
    writer.append("b", math.nan)
    found = log.summary("exp", "run")
    assert (found["a"].last_value, found["a"].last_step, found["a"].count) == (2.0, 3, 4)
    assert (found["a"].min, found["a"].max, found["a"].last_timestamp_ns) == (1.0, 3.0, 103)
    assert math.isnan(found["b"].min)


def test_segments_roll_and_nothing_is_lost(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, segment_points=1)
    writer = log.writer("exp", "run")
    count = 40_000
    for step in range(count):
        writer.append("loss", step * 0.5, step)
    assert len(files(log)) > 1
    history = log.history("exp", "run", "loss")
    assert np.array_equal(history.step, np.arange(count))
    log.close()
    assert np.array_equal(log.history("exp", "run", "loss").step, np.arange(count))


def test_threads_write_one_run_and_each_keeps_its_order(log: MetricLog) -> None:
    writer = log.writer("exp", "run")
    start = threading.Barrier(4)

    def work(thread: int) -> None:
        start.wait()
        for step in range(500):
            writer.append(f"t{thread}", float(thread), step)
            writer.append("all", float(thread), step)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert log.history("exp", "run", f"t{number}").step.tolist() == list(range(500))
    merged = log.history("exp", "run", "all")
    assert len(merged) == 2000
    for number in range(4):
        assert merged.step[merged.value == number].tolist() == list(range(500))


def test_after_close_nothing_is_accepted_and_all_is_read(log: MetricLog) -> None:
    writer = log.writer("exp", "run")
    writer.append("a", 1.0)
    log.close()
    with pytest.raises(StorageError, match="closed"):
        writer.append("a", 2.0)
    assert log.history("exp", "run", "a").value.tolist() == [1.0]
    log.close()


def test_a_sealed_file_is_no_longer_than_what_it_holds(log: MetricLog) -> None:
    log.writer("exp", "run").append("a", 1.0)
    log.close()
    assert files(log)[0].stat().st_size < 4096


def test_a_batch_reads_like_its_points(log: MetricLog) -> None:
    writer = log.writer("exp", "run")
    values = np.array([1.0, math.nan, math.inf, -4.0])
    writer.append("a", 0.0, -1, 5)
    writer.append_batch("a", values, np.arange(4), np.arange(4) + 10)
    writer.append("a", 9.0, 9, 20)
    history = log.history("exp", "run", "a")
    assert np.array_equal(history.value, [0.0, *values, 9.0], equal_nan=True)
    assert history.step.tolist() == [-1, 0, 1, 2, 3, 9]
    assert history.timestamp_ns.tolist() == [5, 10, 11, 12, 13, 20]


@pytest.mark.parametrize("keys", [3, 200])
def test_a_batch_may_name_a_key_a_point(log: MetricLog, keys: int) -> None:
    names = [f"k{number % keys}" for number in range(1000)]
    log.writer("exp", "run").append_batch(names, np.arange(1000.0), np.arange(1000))
    assert log.keys("exp", "run") == sorted(set(names))
    for number in range(keys):
        history = log.history("exp", "run", f"k{number}")
        assert history.step.tolist() == list(range(number, 1000, keys))


def test_a_batch_larger_than_a_segment_rolls(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, segment_points=1)
    log.writer("exp", "run").append_batch("a", np.arange(100_000.0), np.arange(100_000))
    assert np.array_equal(log.history("exp", "run", "a").value, np.arange(100_000.0))


@pytest.mark.parametrize(
    "arguments",
    [
        ("a", np.array([True])),
        ("a", np.array([1j])),
        ("a", ["1"]),
        ("a", np.ones((2, 2))),
        ("a", [1.0, 2.0], [1, 2, 3]),
        ("a", [1.0], [1.5]),
        ("a", [1.0], np.array([math.nan])),
        ("a", [1.0], [2**63]),
        ("a", [1.0], 0, [0.5]),
        (["a", "b"], [1.0]),
        (["a", ""], [1.0, 2.0]),
        ("", [1.0]),
    ],
    ids=str,
)
def test_a_wrong_batch_is_refused_whole(log: MetricLog, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TrackingValidationError):
        log.writer("exp", "run").append_batch(*arguments)
    assert files(log) == []


def test_an_empty_batch_is_nothing(log: MetricLog) -> None:
    log.writer("exp", "run").append_batch("a", [])
    assert log.summary("exp", "run") == {}


@pytest.mark.parametrize("experiment", ["", "..", "a/b", ".hidden", "a\0", 3], ids=repr)
def test_an_experiment_is_a_folder_name(log: MetricLog, experiment: Any) -> None:
    with pytest.raises(TrackingValidationError, match="experiment"):
        log.writer(experiment, "run")
