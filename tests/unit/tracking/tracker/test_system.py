"""Figures of the machine, on request."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil
import pytest

from tauro.errors import StorageError
from tauro.tracking import ExperimentTracker
from tauro.tracking._system import SystemSampler, sample


def test_samples_are_metrics_of_the_run(tmp_path: Path) -> None:
    """CPU and memory come in steps until the run ends, and no thread is left."""
    with ExperimentTracker(tmp_path / "store") as tracker:
        run = tracker.start_run(name="r", system_metrics=0.05)
        for points in tracker.watch(run, timeout=240):
            if any(point.step >= 2 for point in points):
                break
        run.end()
        assert {key for key in tracker.list_metrics(run) if key.startswith("system/")} == {
            "system/cpu_percent",
            "system/memory_percent",
            "system/process_cpu_percent",
            "system/process_memory_mb",
            "system/process_threads",
        }
        history = run.history("system/process_memory_mb")
        assert history["step"].tolist() == list(range(len(history)))
        assert history["value"].min() > 1
    assert "tauro-system" not in {thread.name for thread in threading.enumerate()}


def test_without_asking_nothing_is_sampled(tmp_path: Path) -> None:
    """No thread, no metric."""
    with ExperimentTracker(tmp_path / "store") as tracker, tracker.start_run(name="r") as run:
        assert "tauro-system" not in {thread.name for thread in threading.enumerate()}
    assert run.metrics == {}


def test_a_refusal_of_the_store_does_not_stop_sampling(caplog: pytest.LogCaptureFixture) -> None:
    """The next sample is tried, and a warning says what happened."""
    taken, second = [], threading.Event()

    def log(figures: object, step: int) -> None:
        taken.append(step)
        if step == 0:
            raise StorageError("the disk is full")
        second.set()

    sampler = SystemSampler(log, 0.05)
    assert second.wait(240)
    sampler.stop()
    assert taken[:2] == [0, 1]
    assert "the disk is full" in caplog.text


def test_percentages_are_percentages() -> None:
    """Figures have the units that their names say."""
    found = sample(psutil.Process())
    assert 0 <= found["system/memory_percent"] <= 100
    assert found["system/process_threads"] >= 1


def test_a_first_sample_that_cannot_be_had_does_not_stop_sampling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sample that only starts the percentages may fail as any other may."""
    real, tries, logged = sample, list[int](), threading.Event()

    def fail_first(process: psutil.Process) -> dict[str, float]:
        tries.append(1)
        if len(tries) == 1:
            raise psutil.AccessDenied(process.pid)
        return real(process)

    monkeypatch.setattr("tauro.tracking._system.sample", fail_first)
    sampler = SystemSampler(lambda figures, step: logged.set(), 0.05)
    try:
        assert logged.wait(60)
    finally:
        sampler.stop()
