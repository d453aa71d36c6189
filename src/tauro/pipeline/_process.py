"""An executor of worker processes whose running calls can be ended.

``concurrent.futures.ProcessPoolExecutor`` cannot end one call: its pool breaks when a worker dies.
Here each worker is a Python process of its own session, so a call that takes too long is ended with
all that it started, and the next call gets a new worker. A worker is started with ``-m``, not
forked: locks and threads of this process do not reach it, and a script without
``if __name__ == "__main__"`` is not run again.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for_any
from typing import IO, Any, Final, ParamSpec, TypeVar

from tauro.errors import PipelineError, PlanningError

P = ParamSpec("P")
T = TypeVar("T")

GRACE: Final = 2.0
"""Seconds between the signal that asks a worker to end and the one that ends it."""


class WorkerDiedError(PipelineError):
    """A worker process ended while it ran a call: it was killed, crashed, or ran out of memory."""


@dataclass(frozen=True, slots=True)
class _Task:
    future: Future[Any]
    payload: bytes


class ProcessExecutor(Executor):
    """Run calls in worker processes.

    Functions, arguments and results are pickled, so a function is one that can be imported. A
    worker has this process's import path, environment and working directory, and ends when this
    process does. What it prints goes where this process prints, also while that is no file.

    Args:
        max_workers: How many calls run at once; a worker is started when a call needs it.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        if sys.platform == "win32":
            raise PlanningError(
                "The processes executor needs POSIX.", suggestions=["Use --executor threads."]
            )
        self._limit = max_workers or os.cpu_count() or 1
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._running: dict[Future[Any], _Worker] = {}
        self._idle = 0
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand a call to a worker."""
        task = _Task(Future(), pickle.dumps((fn, args, kwargs)))
        with self._lock:
            if self._closed:
                raise RuntimeError("This executor has been shut down.")
            self._tasks.put(task)
            if self._idle > 0:
                self._idle -= 1
            elif len(self._threads) < self._limit:
                thread = threading.Thread(target=self._serve, name="tauro-worker", daemon=True)
                self._threads.append(thread)
                thread.start()
        return task.future

    def terminate(self, future: Future[Any]) -> None:
        """End the worker that runs a call; the call's future fails. Otherwise cancel the call."""
        if future.cancel():
            return
        with self._lock:  # Until its call has come back: the next one is not to end with it.
            worker = self._running.get(future)
            if worker is not None:
                worker.end()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let workers finish what they were given, then end them."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                with contextlib.suppress(queue.Empty):
                    while (task := self._tasks.get_nowait()) is not None:
                        task.future.cancel()
            for _ in self._threads:
                self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _serve(self) -> None:
        """Feed one worker, replaced whenever it dies, until the executor is shut down."""
        worker: _Worker | None = None
        try:
            while (task := self._tasks.get()) is not None:
                if task.future.set_running_or_notify_cancel():
                    worker = self._run(worker, task)
                with self._lock:
                    self._idle += 1
        finally:
            if worker is not None:
                worker.close()

    def _run(self, worker: _Worker | None, task: _Task) -> _Worker | None:
        """Run a call in a worker, a new one where there is none; return that for the next call."""
        try:
            worker = worker or _Worker()
            with self._lock:
                self._running[task.future] = worker
            succeeded, value = worker.call(task.payload)
        except Exception as error:  # noqa: BLE001 - a future carries whatever went wrong
            succeeded, value = False, error
        with self._lock:
            self._running.pop(task.future, None)
        if worker is not None and worker.is_ending and not worker.is_dead:
            worker.close()
        if succeeded:
            task.future.set_result(value)
        else:
            task.future.set_exception(value)
        return None if worker is None or worker.is_dead else worker


class _Worker:
    """One worker process, the socket to it, and what it prints where that must come through us."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        stdout, stderr = _printed("stdout"), _printed("stderr")
        with ours, theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tauro.pipeline._worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            self._connection = Connection(ours.detach())
        pipes = {"stdout": self._process.stdout, "stderr": self._process.stderr}
        self._prints = [_Prints(name, pipe) for name, pipe in pipes.items() if pipe is not None]
        self.is_dead = False
        self.is_ending = False
        """Whether it was asked to end; its call may come back all the same."""

    def call(self, payload: bytes) -> tuple[bool, Any]:
        """Run one call; return whether it succeeded and its value, or its exception."""
        try:
            self._connection.send(sys.path)
            self._connection.send_bytes(payload)
            prints = [each.fileno() for each in self._prints]
            while self._connection not in wait_for_any([self._connection, *prints]):
                prints = [each.fileno() for each in self._prints if each.forward()]
            succeeded, data = self._connection.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise self._death() from error
        for each in self._prints:
            each.forward()  # what it printed before it answered is there already
        return succeeded, pickle.loads(data)  # noqa: S301 - from our own worker

    def end(self) -> None:
        """Ask the worker, and all it started, to end; insist after a while."""
        self.is_ending = True
        self._signal(signal.SIGTERM)
        timer = threading.Timer(GRACE, self._signal, [signal.SIGKILL])
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """Let the worker end, and wait until it has."""
        self.is_dead = True
        self._connection.close()  # the worker ends when it reads the end of the stream
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        for each in self._prints:
            each.forward()
            each.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _death(self) -> WorkerDiedError:
        code = self._process.returncode
        if code in (-signal.SIGTERM, 128 + signal.SIGTERM):
            return WorkerDiedError("The worker process was asked to end while it ran the node.")
        how = f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"({code})"
        return WorkerDiedError(
            f"The worker process ended {how} while it ran the node.",
            context={"exit_code": code},
            suggestions=["If nobody killed it, look for a crash or a lack of memory."],
        )


class _Prints:
    """What a worker prints, passed on to this process's stream of the same name."""

    def __init__(self, name: str, pipe: IO[bytes]) -> None:
        self._name = name
        self._pipe = pipe
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        os.set_blocking(pipe.fileno(), False)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._pipe.fileno()

    def forward(self) -> bool:
        """Pass on what is there, without waiting for more; return whether more can come."""
        try:
            while data := os.read(self._pipe.fileno(), 1 << 16):
                getattr(sys, self._name).write(self._decoder.decode(data))
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        """Stop listening."""
        self._pipe.close()


def _printed(name: str) -> int | None:
    """Return where a worker prints: where we do; by a pipe to us where that is no file.

    It is none under a live line, in a notebook, or where prints are kept.
    """
    stream = getattr(sys, name)
    if stream is getattr(sys, f"__{name}__"):
        return None
    with contextlib.suppress(OSError, ValueError):
        if isinstance(stream, io.TextIOWrapper):
            return stream.fileno()
    return subprocess.PIPE
