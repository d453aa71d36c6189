"""What each kind of check finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tauro.errors import StorageError, ValidationError
from tauro.health import (
    ComponentHealthCheck,
    DiskHealthCheck,
    Finding,
    FunctionHealthCheck,
    HealthCheck,
    HealthStatus,
    MemoryHealthCheck,
    StorageHealthCheck,
)
from tauro.health._system import _container_memory
from tauro.storage import (
    LocalStorageBackend,
    MemoryStorageBackend,
    ReadOnlyStorage,
    set_storage_provider,
)

HEALTHY, DEGRADED = HealthStatus.HEALTHY, HealthStatus.DEGRADED
UNHEALTHY, UNKNOWN = HealthStatus.UNHEALTHY, HealthStatus.UNKNOWN


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Memory(NamedTuple):
    total: int
    available: int


def test_a_store_is_written_read_and_left_as_it_was(tmp_path: Path) -> None:
    backend = LocalStorageBackend(tmp_path / "store")
    found = StorageHealthCheck("storage", backend).check()
    assert found.status is HEALTHY
    assert backend.uri in found.message
    assert found.details["latency_seconds"] >= 0
    assert backend.list_paths() == []


def test_a_store_that_cannot_be_written_is_only_read(tmp_path: Path) -> None:
    backend = ReadOnlyStorage(LocalStorageBackend(tmp_path / "store"))
    found = StorageHealthCheck("storage", backend).check()
    assert found.status is HEALTHY
    assert "can be read." in found.message
    assert not (tmp_path / "store").exists()


def test_a_store_that_returns_other_bytes_is_found_out() -> None:
    class Liar(MemoryStorageBackend):
        def read_bytes(self, path: str) -> bytes:
            return super().read_bytes(path)[:-1]

    backend = Liar()
    with pytest.raises(OSError, match="other bytes"):
        StorageHealthCheck("storage", backend).check()
    assert backend.list_paths() == []


def test_without_a_store_it_is_the_active_one_of_the_moment() -> None:
    check = StorageHealthCheck()
    backend = MemoryStorageBackend()
    set_storage_provider(lambda: backend)
    try:
        assert check.check().details["uri"] == backend.uri
    finally:
        set_storage_provider(None)


@pytest.mark.parametrize(
    ("used", "status"), [(79, HEALTHY), (80, DEGRADED), (94, DEGRADED), (95, UNHEALTHY)]
)
def test_memory_is_judged_by_what_is_used(
    monkeypatch: pytest.MonkeyPatch, used: int, status: HealthStatus
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(1000, 1000 - 10 * used))
    monkeypatch.setattr("tauro.health._system._container_memory", lambda: None)
    found = MemoryHealthCheck("memory", warning_threshold=0.8).check()
    assert found.status is status
    assert found.details["used_fraction"] == used / 100
    assert f"{used}.0% of the memory of the machine" in found.message


def test_the_containers_limit_counts_where_it_is_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(1000, 900))
    monkeypatch.setattr("tauro.health._system._container_memory", lambda: (90, 100))
    found = MemoryHealthCheck().check()
    assert found.status is DEGRADED
    assert "container" in found.message
    monkeypatch.setattr("tauro.health._system._container_memory", lambda: (1, 100))
    assert "machine" in MemoryHealthCheck().check().message


def test_the_containers_figures_are_read_without_the_file_cache(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("600\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 200\n")
    assert _container_memory(str(tmp_path)) == (400, 1000)
    (tmp_path / "memory.max").write_text("max\n")
    assert _container_memory(str(tmp_path)) is None
    assert _container_memory(str(tmp_path / "missing")) is None


def test_the_real_memory_can_be_looked_at() -> None:
    found = MemoryHealthCheck(warning_threshold=1.0).check()
    assert 0 < found.details["used_fraction"] <= 1


@pytest.mark.parametrize(
    ("used", "status"), [(89, HEALTHY), (90, DEGRADED), (97, DEGRADED), (98, UNHEALTHY)]
)
def test_a_disk_is_judged_by_what_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, used: int, status: HealthStatus
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(1000, 0, 1000 - 10 * used))
    found = DiskHealthCheck("disk", path=tmp_path, warning_threshold=0.9).check()
    assert found.status is status
    assert str(tmp_path) in found.message


def test_of_a_folder_that_is_not_made_yet_the_one_above_is_looked_at(tmp_path: Path) -> None:
    found = DiskHealthCheck(path=tmp_path / "not" / "yet").check()
    assert found.status is not UNKNOWN
    assert f"disk of {tmp_path} (no {tmp_path / 'not' / 'yet'} yet)" in found.message


def test_a_file_system_without_size_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(0, 0, 0))
    assert DiskHealthCheck(path=tmp_path).check().status is UNKNOWN


@pytest.mark.parametrize("kind", [MemoryHealthCheck, DiskHealthCheck])
def test_a_high_warning_threshold_moves_the_critical_one(kind: Any) -> None:
    assert kind(warning_threshold=0.99).critical_threshold == pytest.approx(0.995)
    assert kind(critical_threshold=0.5).critical_threshold == 0.5


@pytest.mark.parametrize("kind", [MemoryHealthCheck, DiskHealthCheck])
@pytest.mark.parametrize("wrong", [0, -0.1, 80, float("nan")])
def test_thresholds_are_fractions(kind: Any, wrong: float) -> None:
    with pytest.raises(ValidationError, match="a fraction") as caught:
        kind(warning_threshold=wrong)
    if wrong == 80:
        assert "warning_threshold=0.8 is 80 %" in str(caught.value)


class _WithCheck:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def health_check(self) -> Any:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (True, HEALTHY),
        (False, UNHEALTHY),
        (DEGRADED, DEGRADED),
        ("Unhealthy", UNHEALTHY),
        ({"status": "degraded", "message": "slow", "lag": 3}, DEGRADED),
        (Finding(UNKNOWN, "who knows"), UNKNOWN),
    ],
)
def test_a_component_is_asked_for_its_health(answer: Any, status: HealthStatus) -> None:
    assert ComponentHealthCheck("c", _WithCheck(answer)).check().status is status


def test_a_mapping_brings_its_message_and_details() -> None:
    answer = {"status": "degraded", "message": "slow", "lag": 3}
    found = ComponentHealthCheck("c", _WithCheck(answer)).check()
    assert found == Finding(DEGRADED, "slow", {"lag": 3})


def test_an_answer_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="says nothing about health"):
        ComponentHealthCheck("c", _WithCheck(3)).check()


def test_a_component_may_have_a_property_or_only_a_store(tmp_path: Path) -> None:
    class WithProperty:
        is_healthy = False

    class WithStorage:
        storage = LocalStorageBackend(tmp_path)

    assert ComponentHealthCheck("c", WithProperty()).check().status is UNHEALTHY
    found = ComponentHealthCheck("c", WithStorage()).check()
    assert found.status is HEALTHY
    assert "WithStorage is there" in found.message


def test_what_cannot_be_asked_is_unknown_and_what_is_missing_unhealthy() -> None:
    assert ComponentHealthCheck("c", object()).check().status is UNKNOWN
    assert ComponentHealthCheck("c", None).check().status is UNHEALTHY


def test_a_function_is_a_check() -> None:
    assert FunctionHealthCheck("f", lambda: True).check().status is HEALTHY


def test_the_name_comes_first() -> None:
    backend: Any = MemoryStorageBackend()
    with pytest.raises(ValidationError, match="The name comes first"):
        StorageHealthCheck(backend)
    with pytest.raises(ValidationError, match="timeout is 0"):
        FunctionHealthCheck("f", lambda: True, timeout=0)


def test_memory_and_disk_do_not_kill_the_process_by_default() -> None:
    checks: list[HealthCheck] = [MemoryHealthCheck(), DiskHealthCheck(), StorageHealthCheck()]
    assert [check.critical for check in checks] == [False, False, True]


def test_what_a_store_raises_is_its_own_error() -> None:
    class Broken(MemoryStorageBackend):
        def write_bytes(self, path: str, data: bytes) -> Any:
            raise StorageError("no such host")

    with pytest.raises(StorageError, match="no such host"):
        StorageHealthCheck("storage", Broken()).check()
