"""The process executor with real processes: results, deaths, ends, and nothing left behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import psutil
import pytest
from tests.integration.pipeline import calls

from tauro.pipeline._process import ProcessExecutor, WorkerDiedError


@pytest.fixture
def executor() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(2) as made:
        yield made


def wait_for(path: Path) -> str:
    """Return the text of a file as soon as it is there."""
    deadline = time.monotonic() + 240
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)
    return path.read_text()


def assert_gone(pid: int) -> None:
    """Wait until a process has ended; a zombie of another parent has."""
    deadline = time.monotonic() + 240
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


def test_calls_run_elsewhere_and_a_worker_is_used_again(executor: ProcessExecutor) -> None:
    first, parent = executor.submit(calls.pid_and_parent).result(240)
    second, _ = executor.submit(calls.pid_and_parent).result(240)
    assert first != os.getpid()
    assert parent == os.getpid()
    assert second == first


def test_more_calls_than_workers_all_get_their_results(executor: ProcessExecutor) -> None:
    assert list(executor.map(calls.identity, range(50), timeout=240)) == list(range(50))


def test_an_exception_comes_back_as_it_is_or_as_its_text(executor: ProcessExecutor) -> None:
    with pytest.raises(ValueError, match="plain"):
        executor.submit(calls.fail, "plain").result(240)
    with pytest.raises(RuntimeError, match="AwkwardError: ab"):
        executor.submit(calls.fail, "awkward").result(240)
    with pytest.raises(RuntimeError, match="LocalError: only here"):
        executor.submit(calls.fail, "local").result(240)


def test_a_result_that_cannot_travel_is_an_error(executor: ProcessExecutor) -> None:
    with pytest.raises(Exception, match=r"local object[\s\S]*pickled on its way"):
        executor.submit(calls.unpicklable).result(240)
    assert executor.submit(calls.identity, 1).result(240) == 1


def test_a_worker_that_dies_fails_its_call_and_is_replaced(executor: ProcessExecutor) -> None:
    with pytest.raises(WorkerDiedError, match="by SIGKILL"):
        executor.submit(calls.die, signal.SIGKILL).result(240)
    assert executor.submit(calls.identity, 1).result(240) == 1


@pytest.mark.parametrize("stubborn", [False, True])
def test_ending_a_call_ends_the_worker_and_what_it_started(
    executor: ProcessExecutor, tmp_path: Path, stubborn: bool
) -> None:
    future = executor.submit(calls.hang, str(tmp_path), stubborn=stubborn)
    worker, child = map(int, wait_for(tmp_path / "pids").split())
    executor.terminate(future)
    with pytest.raises(WorkerDiedError):
        future.result(240)
    assert_gone(worker)
    assert_gone(child)
    assert executor.submit(calls.identity, 1).result(240) == 1


def test_a_call_that_waits_is_cancelled(tmp_path: Path) -> None:
    with ProcessExecutor(1) as executor:
        running = executor.submit(calls.hang, str(tmp_path))
        waiting = executor.submit(calls.identity, 1)
        wait_for(tmp_path / "pids")
        executor.terminate(waiting)
        executor.terminate(running)
        with pytest.raises(CancelledError):
            waiting.result(240)


def test_shutting_down_ends_the_workers_and_refuses_more() -> None:
    with ProcessExecutor(2) as executor:
        pids = {executor.submit(calls.pid_and_parent).result(240)[0] for _ in range(3)}
    for pid in pids:
        assert_gone(pid)
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(calls.identity, 1)


def test_workers_and_what_they_started_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "from tauro.pipeline._process import ProcessExecutor\n"
        "from tests.integration.pipeline import calls\n"
        f"ProcessExecutor(1).submit(calls.hang, {str(tmp_path)!r}).result()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    worker, child = map(int, wait_for(tmp_path / "pids").split())
    parent.kill()
    parent.wait(240)
    assert_gone(worker)
    assert_gone(child)


def test_workers_print_where_this_process_prints(capfd: pytest.CaptureFixture[str]) -> None:
    with ProcessExecutor(1) as executor:
        executor.submit(calls.say, "from a worker").result(240)
    assert "from a worker" in capfd.readouterr().out


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import operator\n"
        "print('once')\n"
        "from tauro.pipeline._process import ProcessExecutor\n"
        "with ProcessExecutor(2) as executor:\n"
        "    print(executor.submit(operator.add, 1, 2).result())\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout == "once\n3\n"


def test_a_worker_that_was_asked_to_end_gets_no_other_call(tmp_path: Path) -> None:
    """Though it answered: the signal that insists would end the next call, which nobody meant."""
    with ProcessExecutor(1) as executor:
        stubborn = executor.submit(calls.outlive, str(tmp_path))
        wait_for(tmp_path / "here")
        executor.terminate(stubborn)
        first = stubborn.result(240)
        second, _ = executor.submit(calls.pid_and_parent).result(240)
        assert second != first
        assert_gone(first)


def test_where_no_worker_can_be_started_the_call_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """And does not wait for ever; the next one tries again."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "no more processes")

    with ProcessExecutor(1) as executor:
        with monkeypatch.context() as patched:
            patched.setattr("tauro.pipeline._process.subprocess.Popen", refuse)
            with pytest.raises(OSError, match="no more processes"):
                executor.submit(calls.identity, 1).result(60)
        assert executor.submit(calls.identity, 2).result(240) == 2
