"""Every file-system call fails by turn: a clear error, and nothing that was accepted is lost."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tauro._internal import _fs
from tauro.errors import StorageError
from tauro.tracking._metric_log import Durability, MetricLog

Step = Callable[[], None]


@pytest.fixture(autouse=True)
def no_hook() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


class Faults:
    """Fails one call, or counts them."""

    def __init__(self, fail: int | None, code: int = errno.ENOSPC, *, short: bool = False) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fail = fail
        self.code = code
        self.short = short

    def __call__(self, operation: str, path: str) -> int | None:
        self.calls.append((operation, path))
        if len(self.calls) - 1 == self.fail:
            if self.short and operation == "write":
                # The next call, for the rest, finds the disk full.
                self.fail += 1
                self.short = False
                return 7
            raise OSError(self.code, "injected", path)
        return None


class Scenario:
    """A life of a log; ``accepted`` is what it was told to have been logged."""

    def __init__(self, folder: Path, durability: Durability, *, maps: bool) -> None:
        self.folder = folder
        self.log = MetricLog(
            folder, durability=durability, maps=maps, buffer_size=3, segment_points=1
        )
        self.accepted: list[float] = []
        self.batch = 0
        self.errors: list[StorageError] = []

    def point(self, value: float) -> None:
        writer = self.log.writer("exp", "run")
        writer.append("m", value, int(value), int(value))
        self.accepted.append(value)

    def block(self) -> None:
        self.log.writer("exp", "run").append_batch("b", np.arange(20_000.0), 1)
        self.batch = 20_000

    def steps(self) -> list[Step]:
        return [
            lambda: self.point(1.0),
            lambda: self.point(2.0),
            self.log.flush,
            lambda: self.point(3.0),
            self.block,
            lambda: self.point(4.0),
            self.log.flush,
            lambda: self.point(5.0),
        ]

    def run(self) -> None:
        for step in self.steps():
            try:
                step()
            except StorageError as error:
                self.errors.append(error)

    def check(self) -> None:
        for error in self.errors:
            assert "injected" in str(error)
            assert isinstance(error.__cause__, OSError)
        reader = MetricLog(self.folder)
        assert reader.history("exp", "run", "m").value.tolist() == self.accepted
        block = reader.history("exp", "run", "b").value
        assert np.array_equal(block, np.arange(float(len(block))))
        assert len(block) >= self.batch
        assert [found for found in reader.verify("exp") if not found.harmless] == []


def calls_of(folder: Path, durability: Durability, *, maps: bool) -> list[tuple[str, str]]:
    hook = Faults(None)
    scenario = Scenario(folder, durability, maps=maps)
    _fs.set_fault_hook(hook)
    scenario.run()
    scenario.log.close()
    _fs.set_fault_hook(None)
    assert scenario.errors == []
    scenario.check()
    return hook.calls


CASES = [
    ("process", True, False, errno.ENOSPC),
    ("disk", True, False, errno.EIO),
    ("process", False, False, errno.EIO),
    ("disk", False, False, errno.ENOSPC),
    ("process", False, True, errno.ENOSPC),
]


@pytest.mark.faults
@pytest.mark.parametrize(("durability", "maps", "short", "code"), CASES)
def test_writing(
    tmp_path: Path,
    durability: Durability,
    code: int,
    torture_report: Callable[..., None],
    *,
    maps: bool,
    short: bool,
) -> None:
    calls = calls_of(tmp_path / "count", durability, maps=maps)
    seen: set[str] = set()
    failed = 0
    for number, (operation, _) in enumerate(calls):
        # Of the thousands of single writes of the slow way, the first and the last few do.
        if operation == "write" and 40 < number < len(calls) - 10:
            continue
        seen.add(operation)
        scenario = Scenario(tmp_path / str(number), durability, maps=maps)
        _fs.set_fault_hook(Faults(number, code, short=short))
        scenario.run()
        try:
            scenario.log.close()
        except StorageError as error:
            scenario.errors.append(error)
        _fs.set_fault_hook(None)
        failed += len(scenario.errors)
        scenario.check()
        torture_report(faults=1)
    assert failed > 0
    assert {"open", "lock", "rename", "truncate"} <= seen
    assert ("map" in seen) == maps
    assert ("fsync" in seen) == (durability == "disk")


@pytest.mark.parametrize("maps", [True, False])
def test_after_an_error_the_same_log_goes_on(tmp_path: Path, *, maps: bool) -> None:
    """A full disk refuses every call; once there is room the log works again, in order."""
    log = MetricLog(tmp_path, maps=maps, segment_points=1)
    writer = log.writer("exp", "run")

    def full(operation: str, path: str) -> int | None:
        if operation in ("write", "allocate", "open"):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        return None

    accepted, refused = [], []
    for value in range(30_000):
        if value % 15_000 == 8_000:
            _fs.set_fault_hook(full)
        if value % 15_000 == 8_300:
            _fs.set_fault_hook(None)
        try:
            writer.append("m", float(value), value)
        except StorageError as error:
            refused.append(str(error))
        else:
            accepted.append(value)
    log.close()
    assert refused
    assert all("No space left" in text for text in refused)
    assert MetricLog(tmp_path).history("exp", "run", "m").step.tolist() == accepted


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL])
@pytest.mark.parametrize("operation", ["allocate", "map"])
def test_where_maps_are_not_possible_points_are_written(
    tmp_path: Path, operation: str, code: int
) -> None:
    def unsupported(done: str, path: str) -> int | None:
        if done == operation:
            raise OSError(code, "not supported", path)
        return None

    _fs.set_fault_hook(unsupported)
    log = MetricLog(tmp_path, maps=True)
    log.writer("exp", "run").append("m", 1.0)
    log.writer("exp", "run").append("m", 2.0)
    _fs.set_fault_hook(None)
    assert log.history("exp", "run", "m").value.tolist() == [1.0, 2.0]
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".seg"]


def test_after_a_failed_fsync_the_points_go_to_a_new_file(tmp_path: Path) -> None:
    """The kernel drops what it could not write; asking the same file again would lie."""
    for maps in (True, False):
        folder = tmp_path / str(maps)
        log = MetricLog(folder, durability="disk", maps=maps)
        writer = log.writer("exp", "run")
        writer.append("m", 1.0)
        (segment,) = (folder / "exp").glob("*.seg")
        before = segment.stat().st_ino
        hook = Faults(0, errno.EIO)
        _fs.set_fault_hook(hook)
        log.flush()
        _fs.set_fault_hook(None)
        assert segment.stat().st_ino != before
        synced = [path for operation, path in hook.calls if operation == "fsync"]
        assert len(synced) == 2
        writer.append("m", 2.0)
        assert MetricLog(folder).history("exp", "run", "m").value.tolist() == [1.0, 2.0]
        assert MetricLog(folder).compact("exp").segments == 0, "its lock went with it"
        log.close()


def test_a_flush_that_failed_is_not_forgotten(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, durability="disk")
    log.writer("exp", "run").append("m", 1.0)
    (segment,) = (tmp_path / "exp").glob("*.seg")
    original = segment.stat().st_ino

    def broken(operation: str, path: str) -> int | None:
        if operation == "fsync":
            raise OSError(errno.EIO, "injected", path)
        return None

    _fs.set_fault_hook(broken)
    with pytest.raises(StorageError, match="injected"):
        log.flush()
    calls = Faults(None)
    _fs.set_fault_hook(calls)
    log.flush()
    _fs.set_fault_hook(None)
    assert segment.stat().st_ino != original, "the failed file was not asked again"
    assert MetricLog(tmp_path).history("exp", "run", "m").value.tolist() == [1.0]


@pytest.mark.faults
def test_compacting_and_reading(tmp_path: Path, torture_report: Callable[..., None]) -> None:
    template = tmp_path / "template"
    for seed in range(2):
        log = MetricLog(template)
        log.writer("exp", "run").append_batch("m", np.arange(50.0) + seed, 0, seed)
        log.close()
        if seed == 0:
            log.compact("exp")
    expected = [*np.arange(50.0), *(np.arange(50.0) + 1)]

    def attempt(name: str, hook: Faults) -> list[StorageError]:
        folder = shutil.copytree(template, tmp_path / name)
        log, errors = MetricLog(folder), []
        _fs.set_fault_hook(hook)
        try:
            log.compact("exp")
            assert log.history("exp", "run", "m").value.tolist() == expected
        except StorageError as error:
            errors.append(error)
        _fs.set_fault_hook(None)
        assert log.history("exp", "run", "m").value.tolist() == expected
        assert log.compact("exp").done
        assert MetricLog(folder).history("exp", "run", "m").value.tolist() == expected
        assert log.verify("exp") == []
        assert list((folder / "exp").glob("*.seg")) == []
        assert len(list((folder / "exp").glob("part-*.parquet"))) == 1
        return errors

    counting = Faults(None)
    assert attempt("count", counting) == []
    errors = [
        error
        for number in range(len(counting.calls))
        for error in attempt(str(number), Faults(number, errno.EIO))
    ]
    torture_report(faults=len(counting.calls))
    assert len(errors) > 10
    assert all("injected" in str(error) for error in errors)


def test_disk_durability_syncs_what_it_says(tmp_path: Path) -> None:
    hook = Faults(None)
    _fs.set_fault_hook(hook)
    process = MetricLog(tmp_path / "p", durability="process")
    process.writer("exp", "run").append("m", 1.0)
    process.flush()
    process.close()
    assert not [call for call in hook.calls if "fsync" in call[0]]
    disk = MetricLog(tmp_path / "d", durability="disk", buffer_size=10)
    writer = disk.writer("exp", "run")
    for value in range(35):
        writer.append("m", float(value))
    synced = [call for call in hook.calls if call[0] == "fsync"]
    assert len(synced) >= 3, "no more than buffer_size points wait for a sync"
    disk.flush()
    folders = {path for operation, path in hook.calls if operation == "fsync_dir"}
    assert {str(tmp_path / "d" / "exp"), str(tmp_path / "d"), str(tmp_path)} <= folders
    _fs.set_fault_hook(None)
    assert len(disk.history("exp", "run", "m")) == 35
