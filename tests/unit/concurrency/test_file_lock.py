"""The lock that processes share through a file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tauro.concurrency import FileLock, LockProtocol
from tauro.errors import LockTimeoutError, ValidationError

spawn = multiprocessing.get_context("spawn")


def test_it_keeps_the_protocol(tmp_path: Path) -> None:
    assert isinstance(FileLock(tmp_path / "a.lock"), LockProtocol)


def test_its_folder_is_made_and_the_file_stays(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "deep" / "a.lock")
    with lock:
        assert lock.held
    assert (tmp_path / "deep" / "a.lock").exists()


def test_a_thread_takes_it_again_and_gives_it_back_as_often(tmp_path: Path) -> None:
    lock, other = FileLock(tmp_path / "a.lock"), FileLock(tmp_path / "a.lock", timeout=0)
    with lock:
        with lock:
            pass
        with pytest.raises(LockTimeoutError):
            _in_thread(other)
    _in_thread(other)


def _in_thread(lock: FileLock) -> None:
    """Take and give back the lock on another thread; raise here what it raised there."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            lock.acquire()
            lock.release()
        except LockTimeoutError as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(240)
    if failed:
        raise failed[0]


def test_one_object_excludes_threads_too(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "a.lock", timeout=0)
    with lock, pytest.raises(LockTimeoutError):
        _in_thread(lock)


def test_a_body_is_never_entered_unlocked(tmp_path: Path) -> None:
    holder = FileLock(tmp_path / "a.lock")
    holder.acquire()
    waiter = FileLock(tmp_path / "a.lock", timeout=0.02)
    entered: list[bool] = []

    def work() -> None:
        with pytest.raises(LockTimeoutError), waiter:
            entered.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(240)
    holder.release()
    assert entered == []


def test_the_lock_is_given_back_when_the_body_raises(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "a.lock", timeout=0)
    with pytest.raises(RuntimeError, match="body"), lock:
        raise RuntimeError("body")
    _in_thread(lock)


def test_who_waits_in_vain_is_told_who_holds_it(tmp_path: Path) -> None:
    with FileLock(tmp_path / "a.lock"), pytest.raises(LockTimeoutError) as caught:
        _in_thread(FileLock(tmp_path / "a.lock", timeout=0))
    assert "within 0 s" in caught.value.message
    assert f"this very process, thread '{threading.current_thread().name}'" in str(caught.value)
    assert caught.value.suggestions


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"host": 3}'])
def test_a_damaged_hint_is_left_out(tmp_path: Path, content: bytes) -> None:
    with FileLock(tmp_path / "a.lock"):
        (tmp_path / "a.lock.holder").write_bytes(content)
        with pytest.raises(LockTimeoutError) as caught:
            _in_thread(FileLock(tmp_path / "a.lock", timeout=0))
    assert "taken last" not in caught.value.message


def test_only_the_holder_gives_it_back(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "a.lock")
    with pytest.raises(ValidationError, match="does not hold"):
        lock.release()


@pytest.mark.parametrize("timeout", [-1, -0.5, float("nan"), "1"])
def test_an_absurd_timeout_is_refused(tmp_path: Path, timeout: Any) -> None:
    with pytest.raises(ValidationError, match="timeout"):
        FileLock(tmp_path / "a.lock", timeout=timeout)
    with pytest.raises(ValidationError, match="timeout"):
        FileLock(tmp_path / "a.lock").acquire(timeout=timeout)


def _hold(path: str, pipe: Connection) -> None:
    with FileLock(path):
        pipe.send(os.getpid())
        pipe.recv()


def test_the_system_gives_back_the_lock_of_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    here, there = spawn.Pipe()
    child = spawn.Process(target=_hold, args=(str(path), there))
    child.start()
    there.close()
    pid = here.recv()
    lock = FileLock(path, timeout=0)
    with pytest.raises(LockTimeoutError, match=f"process {pid} on .* \\(still running\\)"):
        lock.acquire()
    os.kill(pid, signal.SIGKILL)
    child.join(240)
    lock.acquire(timeout=240)
    lock.release()


def _count(path: str, rounds: int) -> None:
    lock = FileLock(f"{path}.lock", timeout=240)
    for _ in range(rounds):
        with lock:
            counted = int(Path(path).read_text())
            Path(path).write_text(str(counted + 1))


def test_processes_and_threads_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "count"
    path.write_text("0")
    children: list[Any] = [spawn.Process(target=_count, args=(str(path), 60)) for _ in range(2)]
    threads = [threading.Thread(target=_count, args=(str(path), 60)) for _ in range(2)]
    for worker in (*children, *threads):
        worker.start()
    for worker in (*children, *threads):
        worker.join(240)
    assert path.read_text() == "240"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_hold_its_parents_lock(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "a.lock", timeout=0)
    fork = multiprocessing.get_context("fork")
    receive, send = fork.Pipe(duplex=False)

    def child() -> None:
        try:
            lock.acquire()
        except LockTimeoutError:
            send.send("refused")
        else:
            send.send("entered")

    with lock:
        process = fork.Process(target=child)
        process.start()
        assert receive.poll(240)
        assert receive.recv() == "refused"
        process.join(240)
    _in_thread(lock)
