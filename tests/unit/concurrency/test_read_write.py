"""Many readers or one writer."""

from __future__ import annotations

import multiprocessing
import random
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tauro.concurrency import ReadWriteLock
from tauro.errors import LockTimeoutError, ValidationError

spawn = multiprocessing.get_context("spawn")


@pytest.fixture(params=["threads", "files"])
def lock(request: pytest.FixtureRequest, tmp_path: Path) -> ReadWriteLock:
    return ReadWriteLock(tmp_path / "rw" if request.param == "files" else None, timeout=240)


def _on_thread(work: Callable[[], None]) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except (LockTimeoutError, ValidationError) as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(240)
    if failed:
        raise failed[0]


def _try(lock: ReadWriteLock, verb: str) -> None:
    """Enter at once, or hardly later; only for what is to be refused."""
    with getattr(lock, verb)(timeout=0.05):
        pass


def _enter(lock: ReadWriteLock, verb: str) -> None:
    with getattr(lock, verb)():
        pass


def test_readers_read_together(lock: ReadWriteLock) -> None:
    together = threading.Barrier(4, timeout=240)

    def read() -> None:
        with lock.read():
            together.wait()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert not together.broken


@pytest.mark.parametrize(
    ("held", "wanted"), [("read", "write"), ("write", "read"), ("write", "write")]
)
def test_a_writer_is_alone(lock: ReadWriteLock, held: str, wanted: str) -> None:
    with getattr(lock, held)(), pytest.raises(LockTimeoutError):
        _on_thread(lambda: _try(lock, wanted))
    _on_thread(lambda: _enter(lock, wanted))


def test_a_thread_reads_again_and_a_writer_does_both(lock: ReadWriteLock) -> None:
    with lock.read(), lock.read():
        pass
    with lock.write(), lock.write(), lock.read(), pytest.raises(LockTimeoutError):
        _on_thread(lambda: _try(lock, "read"))
    _on_thread(lambda: _enter(lock, "write"))


def test_a_reader_that_wants_to_write_is_refused(lock: ReadWriteLock) -> None:
    with lock.read(), pytest.raises(ValidationError, match="reads and wants to write"):
        _try(lock, "write")
    _on_thread(lambda: _enter(lock, "write"))


def test_a_body_that_raises_gives_it_back(lock: ReadWriteLock) -> None:
    with pytest.raises(RuntimeError), lock.write():
        raise RuntimeError
    with pytest.raises(RuntimeError), lock.read():
        raise RuntimeError
    _on_thread(lambda: _enter(lock, "write"))


def test_a_waiting_writer_goes_before_later_readers() -> None:
    lock = ReadWriteLock(timeout=240)
    order: list[str] = []
    waits = threading.Event()

    def write() -> None:
        waits.set()
        with lock.write():
            order.append("writer")

    def read() -> None:
        with lock.read():
            order.append("reader")

    writer, reader = threading.Thread(target=write), threading.Thread(target=read)
    with lock.read():
        writer.start()
        waits.wait(240)
        while not lock._queue:
            threading.Event().wait(0.001)
        reader.start()
        with pytest.raises(LockTimeoutError, match="2 others waiting"):
            _on_thread(lambda: _try(lock, "read"))
    writer.join(240)
    reader.join(240)
    assert order == ["writer", "reader"]


def test_a_reader_among_writers_has_its_turn() -> None:
    """Two writers that always come again would otherwise hand the lock to each other for ever."""
    lock = ReadWriteLock(timeout=240)
    read_once = threading.Event()
    waiting = threading.Barrier(2, timeout=240)

    def write() -> None:
        waiting.wait()
        while not read_once.is_set():
            with lock.write():
                # Gives it back only once the other waits, so that somebody waits at any moment.
                while not lock._queue and not read_once.is_set():
                    threading.Event().wait(0.001)

    def read() -> None:
        with lock.read():
            read_once.set()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        _on_thread(read)
    finally:
        read_once.set()
    for writer in writers:
        writer.join(240)
    assert not any(writer.is_alive() for writer in writers)


def test_turns_come_in_the_order_of_asking() -> None:
    lock = ReadWriteLock(timeout=240)
    order: list[str] = []

    def enter(name: str, verb: str) -> None:
        with getattr(lock, verb)():
            order.append(name)

    plan = [("a", "write"), ("b", "read"), ("c", "write"), ("d", "read"), ("e", "write")]
    threads = [threading.Thread(target=enter, args=one) for one in plan]
    with lock.write():
        for waiting, thread in enumerate(threads):
            thread.start()
            while len(lock._queue) <= waiting:
                threading.Event().wait(0.001)
    for thread in threads:
        thread.join(240)
    assert order == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("timeout", [-1, float("nan"), "1"])
def test_a_timeout_is_a_number_of_seconds(lock: ReadWriteLock, timeout: Any) -> None:
    with pytest.raises(ValidationError, match="seconds from 0"):
        ReadWriteLock(timeout=timeout)
    for verb in ("read", "write"):
        with (
            pytest.raises(ValidationError, match="seconds from 0"),
            getattr(lock, verb)(timeout=timeout),
        ):
            pass
    _enter(lock, "write")


def test_after_a_writer_gave_up_readers_go_on() -> None:
    lock = ReadWriteLock(timeout=240)
    with lock.read():
        with pytest.raises(LockTimeoutError):
            _on_thread(lambda: _try(lock, "write"))
        _on_thread(lambda: _enter(lock, "read"))


def test_no_mixture_of_threads_sees_a_half_done_write(lock: ReadWriteLock) -> None:
    pair = [0, 0]
    torn: list[tuple[int, int]] = []
    rng = random.Random(5)
    plans = [[rng.random() < 0.2 for _ in range(60)] for _ in range(6)]

    def work(plan: list[bool]) -> None:
        for writes in plan:
            if writes:
                with lock.write():
                    pair[0] += 1
                    pair[1] += 1
            else:
                with lock.read():
                    if pair[0] != pair[1]:
                        torn.append((pair[0], pair[1]))

    threads = [threading.Thread(target=work, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert torn == []
    assert pair[0] == sum(map(sum, plans))


def _hold(path: str, verb: str, pipe: Connection) -> None:
    with getattr(ReadWriteLock(path, timeout=240), verb)():
        pipe.send("held")
        pipe.recv()


@pytest.mark.parametrize(("verb", "readers"), [("read", "enter"), ("write", "wait")])
def test_it_spans_processes(tmp_path: Path, verb: str, readers: str) -> None:
    here, there = spawn.Pipe()
    child = spawn.Process(target=_hold, args=(str(tmp_path / "rw"), verb, there))
    child.start()
    assert here.recv() == "held"
    lock = ReadWriteLock(tmp_path / "rw", timeout=0)
    with pytest.raises(LockTimeoutError), lock.write():
        pass
    if readers == "enter":
        with lock.read(timeout=240):
            pass
    else:
        with pytest.raises(LockTimeoutError), lock.read():
            pass
    here.send("leave")
    child.join(240)
    with lock.write(timeout=240):
        pass


def test_seventeen_readers_of_files_wait_for_one_to_leave(tmp_path: Path) -> None:
    lock = ReadWriteLock(tmp_path / "rw", timeout=240)
    full = threading.Barrier(17, timeout=240)
    leave = threading.Event()

    def read() -> None:
        with lock.read():
            full.wait()
            leave.wait(240)

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    full.wait()
    with pytest.raises(LockTimeoutError, match="All 16 places"), lock.read(timeout=0):
        pass
    leave.set()
    with lock.read():
        pass
    for thread in threads:
        thread.join(240)
