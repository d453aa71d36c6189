"""What a context's parts share, and what the process's context does to the process."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from tests.forks import succeeds_in_child

import tauro
from tauro.health import (
    DiskHealthCheck,
    FunctionHealthCheck,
    HealthMonitor,
    HealthStatus,
    MemoryHealthCheck,
    get_health_monitor,
    set_health_monitor,
)
from tauro.mlops import (
    ExperimentTracker,
    MLOpsContext,
    get_mlops_context,
    init_mlops,
    set_mlops_context,
)
from tauro.storage import (
    CachedStorage,
    LocalStorageBackend,
    get_active_storage,
    set_storage_provider,
)

_T = TypeVar("_T")


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, with no context and no health check before or after."""
    monkeypatch.chdir(tmp_path)
    set_mlops_context(None)
    before = set_health_monitor(HealthMonitor())
    yield
    set_mlops_context(None)
    set_health_monitor(before)


def at_once(ask: Callable[[], _T], threads: int = 8) -> list[_T]:
    """Return what several threads got that asked at the same moment."""
    start = threading.Barrier(threads)

    def wait_and_ask() -> _T:
        start.wait()
        return ask()

    with ThreadPoolExecutor(threads) as pool:
        return [each.result() for each in [pool.submit(wait_and_ask) for _ in range(threads)]]


# The cache


def test_the_store_remembers_what_it_read_where_that_is_asked_for(tmp_path: Path) -> None:
    """Size and time are the settings'; a write through the context is seen at once."""
    context = MLOpsContext(
        storage_path="s", cache_enabled=True, cache_max_size=2, cache_default_ttl=60
    )
    storage = context.storage
    assert isinstance(storage, CachedStorage)
    storage.write_bytes("a", b"1")
    assert storage.read_bytes("a") == b"1"
    (tmp_path / "s" / "a").write_bytes(b"2")  # another process
    assert storage.read_bytes("a") == b"1"
    for key in ("b", "c"):
        storage.write_bytes(key, b"x")
        storage.read_bytes(key)
    assert storage.read_bytes("a") == b"2"  # two others took its place
    storage.write_bytes("a", b"3")
    assert storage.read_bytes("a") == b"3"
    assert context.storage is storage


def test_without_the_setting_nothing_is_remembered() -> None:
    """The default."""
    context = MLOpsContext(storage_path="s")
    assert isinstance(context.storage, LocalStorageBackend)


def test_tracker_and_registry_are_never_behind(tmp_path: Path) -> None:
    """With the cache on they see at once what another process wrote."""
    context = init_mlops(storage_path="s", cache_enabled=True)
    assert isinstance(context.experiment_tracker.storage, LocalStorageBackend)
    assert isinstance(context.model_registry.storage, LocalStorageBackend)
    assert isinstance(get_active_storage(), LocalStorageBackend)
    with ExperimentTracker(tmp_path / "s") as other:
        run = other.start_run(other.create_experiment("e"))
        assert context.experiment_tracker.get_run(run.run_id).tags == {}
        run.set_tag("seen", "yes")
        assert context.experiment_tracker.get_run(run.run_id).tags == {"seen": "yes"}
        run.end()


def test_a_tenants_cached_store_is_its_part(tmp_path: Path) -> None:
    """The cache lies above the tenant's part, so keys of two tenants cannot meet."""
    first = MLOpsContext(storage_path="s", tenant_id="a", cache_enabled=True)
    second = MLOpsContext(storage_path="s", tenant_id="b", cache_enabled=True)
    first.storage.write_bytes("k", b"a")
    second.storage.write_bytes("k", b"b")
    assert (first.storage.read_bytes("k"), second.storage.read_bytes("k")) == (b"a", b"b")
    assert (tmp_path / "s" / "tenants" / "a" / "k").is_file()


# Health


def test_the_process_monitor_looks_at_the_store_of_the_process_context(tmp_path: Path) -> None:
    """Store, memory and disk, with the thresholds set."""
    init_mlops(
        storage_path="s",
        health_enabled=True,
        health_memory_threshold=0.6,
        health_disk_threshold=0.7,
    )
    checks = {check.name: check for check in get_health_monitor().checks}
    assert list(checks) == ["storage", "memory", "disk"]
    memory, disk = checks["memory"], checks["disk"]
    assert isinstance(memory, MemoryHealthCheck)
    assert memory.warning_threshold == 0.6
    assert isinstance(disk, DiskHealthCheck)
    assert (disk.warning_threshold, disk.path) == (0.7, tmp_path / "s")
    found = {one.name: one for one in get_health_monitor().check_all().checks}
    assert found["storage"].status is HealthStatus.HEALTHY
    assert found["memory"].details["warning_threshold"] == 0.6
    assert found["disk"].details["warning_threshold"] == 0.7


def test_checks_go_with_the_context_they_came_with() -> None:
    """A second context's take their place; none remain after the last."""
    monitor = get_health_monitor()
    init_mlops(storage_path="a")
    assert monitor.checks == []
    init_mlops(storage_path="b", health_enabled=True)
    first = monitor.checks
    init_mlops(storage_path="c", health_enabled=True)
    assert [check.name for check in monitor.checks] == ["storage", "memory", "disk"]
    assert not set(map(id, first)) & set(map(id, monitor.checks))
    set_mlops_context(None)
    assert monitor.checks == []


def test_a_users_own_checks_stay() -> None:
    """Those that were there before and those that took the place of ours."""
    monitor = get_health_monitor()
    own = monitor.register(FunctionHealthCheck("memory", lambda: True))
    init_mlops(storage_path="a", health_enabled=True)
    assert own in monitor.checks
    later = monitor.register(FunctionHealthCheck("disk", lambda: True))
    set_mlops_context(None)
    assert monitor.checks == [own, later]


def test_a_store_that_cannot_be_opened_is_a_finding_not_an_exception() -> None:
    """A backend that is not part of this version, and a root that is a file."""
    init_mlops(backend_type="databricks", health_enabled=True)
    report = get_health_monitor().check_all()
    assert report.checks[0].status is HealthStatus.UNHEALTHY
    assert "databricks" in report.checks[0].message
    Path("file").write_text("x")
    init_mlops(storage_path="file", health_enabled=True)
    assert "is a file" in get_health_monitor().check_all().checks[0].message


def test_a_context_of_its_own_gives_its_checks_for_any_monitor() -> None:
    """Not only the process's."""
    monitor = HealthMonitor()
    for check in MLOpsContext(storage_path="memory://").health_checks():
        monitor.register(check)
    report = monitor.check_all()
    assert [one.name for one in report.checks] == ["storage", "memory", "disk"]
    assert report.checks[0].status is HealthStatus.HEALTHY
    assert get_health_monitor().checks == []


# The process's context


def test_init_twice_lets_a_run_of_the_first_end_where_it_began(tmp_path: Path) -> None:
    """What was logged before is there, and new runs go to the second store."""
    first = init_mlops(storage_path="first")
    with tauro.start_run("before") as run:
        tauro.log_metric("a", 1)
        second = init_mlops(storage_path="second")
        assert get_mlops_context() is second
        run.log_metric("a", 2, step=1)
    with tauro.start_run("after"):
        tauro.log_metric("a", 3)
    for name, context in (("before", first), ("after", second)):
        [found] = context.experiment_tracker.list_runs()
        assert (found["name"], found["status"]) == (name, "COMPLETED")
    with ExperimentTracker(tmp_path / "first") as again:
        assert again.get_metric_history(run.run_id, "a")["value"].tolist() == [1, 2]


def test_none_lets_the_next_use_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of environment and defaults as they are by then; components are back at the default store."""
    first = init_mlops(storage_path="first")
    set_mlops_context(None)
    active = get_active_storage()
    assert isinstance(active, LocalStorageBackend)
    assert active.root == tmp_path / "mlops_data"
    monkeypatch.setenv("TAURO_MLOPS_PATH", str(tmp_path / "second"))
    second = get_mlops_context()
    assert second is not first
    assert second.config.storage_path == str(tmp_path / "second")
    set_mlops_context(second)  # once more changes nothing
    assert get_mlops_context() is second


def test_threads_that_race_get_one_context() -> None:
    """Nobody asked for one before."""
    for _ in range(20):
        set_mlops_context(None)
        assert len(set(map(id, at_once(get_mlops_context)))) == 1
    set_storage_provider(None)


@pytest.mark.parametrize("part", ["storage", "experiment_tracker", "model_registry", "observers"])
def test_threads_that_race_get_one_part(part: str) -> None:
    """Two trackers of one context would each have a run of their own."""
    for _ in range(20):
        context = MLOpsContext(storage_path="s", cache_enabled=True)
        found = at_once(functools.partial(getattr, context, part))
        assert len(set(map(id, found))) == 1


def test_threads_that_race_to_the_first_metric_make_one_store(tmp_path: Path) -> None:
    """Each point is kept, whoever came first."""
    with tauro.start_run("shared") as run:
        at_once(lambda: run.log_metric("m", 1.0))
    [found] = get_mlops_context().experiment_tracker.list_runs()
    assert found["run_id"] == run.run_id
    assert len(run.history("m")) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_a_part_is_made_is_not_stuck() -> None:
    """The lock that a thread of the parent held is made anew."""
    context = init_mlops(storage_path="s")
    assert succeeds_in_child(
        context._making, lambda: context.storage.uri and get_mlops_context() is context
    )
