"""Who may still write to a segment, and how it is written where."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tauro._internal import _fs
from tauro._internal._file_system import file_system_type
from tauro._internal._process import start_of
from tauro.errors import StorageError
from tauro.tracking._metric_log import MetricLog, _log
from tauro.tracking._metric_log._format import HEADER_SIZE, Header, decode_header, encode_header
from tauro.tracking._metric_log._liveness import is_left, start_of_this_process


def left_segment(folder: Path, **changes: object) -> Path:
    """Write a segment that nobody has open, not sealed, with another owner in its header."""
    log = MetricLog(folder)
    log.writer("exp", "run").append("m", 1.0)
    (path,) = (folder / "exp").glob("*.seg")
    data = path.read_bytes()
    log.close()
    header, _ = decode_header(data[:HEADER_SIZE])
    assert isinstance(header, Header)
    changed = encode_header(dataclasses.replace(header, **changes))  # type: ignore[arg-type]
    path.write_bytes(changed + data[HEADER_SIZE:])
    return path


def ended_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_segment_is_not_left_while_its_log_is_open(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    log.writer("exp", "run").append("m", 1.0)
    (path,) = (tmp_path / "exp").glob("*.seg")
    assert not is_left(str(path))
    log.close()
    assert is_left(str(path))


def test_a_process_that_ended_leaves_its_segment(tmp_path: Path) -> None:
    assert is_left(str(left_segment(tmp_path, pid=ended_process())))


@pytest.mark.skipif(os.name == "nt", reason="there are no zombies here")
def test_a_process_that_was_killed_is_dead_before_its_parent_asks(tmp_path: Path) -> None:
    """Until then it keeps its id; whoever watches its runs need not wait for the parent."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = start_of(child.pid)
    assert started is not None
    path = left_segment(tmp_path, pid=child.pid, started=started)
    assert not is_left(str(path))
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.pid_exists(child.pid)
    assert start_of(child.pid) is None
    assert is_left(str(path))
    child.communicate()
    assert start_of(child.pid) is None


def test_a_process_that_lives_does_not_even_where_locks_do_not_work(tmp_path: Path) -> None:
    path = left_segment(tmp_path, pid=os.getppid(), started=1.0)
    assert is_left(str(path)), "the number was given to another process since"
    started = psutil.Process(os.getppid()).create_time()
    path.unlink()
    path = left_segment(tmp_path, pid=os.getppid(), started=started)
    assert not is_left(str(path))
    assert MetricLog(tmp_path).compact("exp").segments == 0


def test_a_segment_of_another_machine_is_left_when_it_is_silent_for_a_day(tmp_path: Path) -> None:
    path = left_segment(tmp_path, host="elsewhere", pid=1)
    assert not is_left(str(path))
    yesterday = time.time() - 25 * 3600
    os.utime(path, (yesterday, yesterday))
    assert is_left(str(path))
    assert MetricLog(tmp_path).compact("exp").segments == 1


def test_a_sealed_segment_of_another_machine_is_left_at_once(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    log.writer("exp", "run").append("m", 1.0)
    log.close()
    (path,) = (tmp_path / "exp").glob("*.seg")
    data = path.read_bytes()
    header, _ = decode_header(data[:HEADER_SIZE])
    assert header is not None
    assert header.host == socket.gethostname()
    elsewhere = dataclasses.replace(header, host="elsewhere")
    path.write_bytes(encode_header(elsewhere) + data[HEADER_SIZE:])
    assert is_left(str(path))


def test_a_file_that_took_the_name_meanwhile_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_segment(tmp_path, pid=ended_process())
    monkeypatch.setattr(_fs, "is_same_file", lambda fd, name: False)
    assert not is_left(str(path))


def test_this_process_started_before_now() -> None:
    assert 0 < start_of_this_process() <= time.time()


@pytest.mark.parametrize(
    ("kind", "mapped"), [("ext4", True), ("tmpfs", True), ("btrfs", False), ("", False)]
)
def test_maps_are_used_where_the_file_system_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, *, mapped: bool
) -> None:
    monkeypatch.setattr(_log, "file_system_type", lambda folder: kind)
    calls: list[str] = []

    def note(operation: str, path: str) -> int | None:
        calls.append(operation)
        return None

    _fs.set_fault_hook(note)
    log = MetricLog(tmp_path)
    log.writer("exp", "run").append("m", 1.0)
    _fs.set_fault_hook(None)
    assert ("map" in calls) == mapped
    assert log.history("exp", "run", "m").value.tolist() == [1.0]


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms do not tell")
def test_the_kind_of_a_file_system_is_known_also_of_a_folder_to_be(tmp_path: Path) -> None:
    assert file_system_type("/proc/self") == "proc"
    kind = file_system_type(str(tmp_path))
    assert kind
    assert file_system_type(str(tmp_path / "not" / "yet")) == kind


def test_what_only_looks_like_a_log_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "exp").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="exp"):
        MetricLog(tmp_path).writer("exp", "run").append("m", 1.0)


def test_a_header_that_cannot_be_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = left_segment(tmp_path)
    path.write_bytes(b"x" * 4000)
    assert len(MetricLog(tmp_path).history("exp", "run", "m")) == 0
    assert path.name in caplog.text
    assert MetricLog(tmp_path).verify("exp")
    MetricLog(tmp_path).repair("exp")
    assert MetricLog(tmp_path).verify("exp") == []
    assert (tmp_path / "exp" / "damaged" / path.name).read_bytes() == b"x" * 4000
