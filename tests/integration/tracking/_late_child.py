"""A process that does everything to runs, its own and those of others, until it is killed.

Run as ``python _late_child.py STORE LOGS NAME THREADS SEED``. Before and after each change a thread
appends a line to its own file in LOGS, which outlives the process as the store does:

- ``run ID``: a run was started.
- ``tag ID KEY``: it has this tag, which nothing takes away.
- ``rev ID REV``: it is at least at this revision.
- ``doom ID``: it is about to be deleted; from now on it may be removed for good.
- ``gone ID``: it was removed for good.
- ``error ...``: something failed that must not.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from tauro.errors import RunNotActiveError, RunNotFoundError, StorageError
from tauro.mlops import ExperimentTracker, export_store
from tauro.mlops._verify import verify_around
from tauro.mlops._verify_documents import bring_back_documents
from tauro.storage import LocalStorageBackend
from tauro.tracking._catalogue import _writer
from tauro.types import Durability

EXPERIMENTS = ("one", "two")
LOST = (RunNotFoundError, RunNotActiveError)
"""What a change may say where others ended or removed the run meanwhile."""


def records(logs: Path) -> Iterator[list[str]]:
    """Yield the whole lines of all threads, each thread's in order."""
    for file in sorted(logs.iterdir()):
        data = file.read_bytes()
        for line in data[: data.rfind(b"\n") + 1].decode().splitlines():
            yield line.split(" ", 2)


class Worker:
    """One thread: it draws one change after the other, and keeps what it was told."""

    def __init__(self, tracker: ExperimentTracker, logs: Path, name: str, seed: int) -> None:
        self._tracker = tracker
        self._logs = logs
        self._name = name
        self._draw = random.Random(seed)
        self._file = os.open(logs / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._number = 0
        self._mine: list[str] = []

    def tell(self, *words: object) -> None:
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())

    def work(self) -> None:
        chances: list[tuple[int, Callable[[], None]]] = [
            (6, self.start),
            (12, self.change_mine),
            (6, self.change_any),
            (6, self.end_mine),
            (2, self.end_any),
            (3, self.resume),
            (2, self.delete),
            (2, self.remove),
            (2, self.take_over),
            (1, self.restore),
            (1, self.collect),
            (2, self.upkeep),
            (2, self.look),
        ]
        weights = [weight for weight, _ in chances]
        while True:
            (_, do) = self._draw.choices(chances, weights)[0]
            try:
                do()
            except LOST:
                continue
            except Exception as error:  # noqa: BLE001 - all others are what is looked for
                if isinstance(error, StorageError) and "closed" in error.message:
                    continue  # Another thread closed the tracker: not acknowledged.
                self.tell("error", do.__name__, traceback.format_exc().replace("\n", " | "))

    def start(self) -> None:
        run = self._tracker.start_run(experiment_name=self._draw.choice(EXPERIMENTS))
        self.tell("run", run.run_id)
        self._mine.append(run.run_id)

    def any(self, last: int = 40) -> str:
        """Return a run of anybody, mostly one of the last."""
        found = [words[1] for words in records(self._logs) if words[0] == "run"]
        if not found:
            raise RunNotFoundError("There is none yet.")
        return self._draw.choice(sorted(found)[-last:])

    def own(self) -> str:
        if not self._mine:
            self.start()
        return self._draw.choice(self._mine)

    def change(self, run_id: str) -> None:
        key = f"{self._name}-{self._number}"
        self._number += 1
        if self._draw.random() < 0.5:
            self._tracker.set_tag(run_id, key, "x")
        else:
            self._tracker.log_params({key: "x"}, run_id=run_id)
            self._tracker.log_metric(run_id, "m", self._number)
        self.tell("tag", run_id, key)
        run = self._tracker.get_run(run_id)
        if key not in {**run.tags, **run.parameters}:
            self.tell("error", "stale", f"{run_id} has no {key} right after it was set")

    def change_mine(self) -> None:
        self.change(self.own())

    def change_any(self) -> None:
        self.change(self.any())

    def end(self, run_id: str) -> None:
        self.tell("rev", run_id, self._tracker.end_run(run_id)._record.rev)

    def end_mine(self) -> None:
        run_id = self.own()
        self._mine.remove(run_id)
        self.end(run_id)

    def end_any(self) -> None:
        self.end(self.any())

    def resume(self) -> None:
        run = self._tracker.resume_run(self.any())
        self.tell("rev", run.run_id, run._record.rev)
        self._mine.append(run.run_id)

    def delete(self) -> None:
        run_id = self.any()
        self.tell("doom", run_id)
        self.tell("rev", run_id, self._tracker.delete_run(run_id)._record.rev)
        if self._draw.random() < 0.5:
            self.collect()

    def remove(self) -> None:
        """Remove one that its process has just begun, and whose document waits."""
        run_id = self.any(last=3)
        self.tell("doom", run_id)
        with contextlib.suppress(RunNotActiveError):
            self.end(run_id)
        self.tell("rev", run_id, self._tracker.delete_run(run_id)._record.rev)
        self.collect()

    def take_over(self) -> None:
        run_id = self.any(last=3)
        self.end(run_id)
        self.tell("rev", run_id, self._tracker.resume_run(run_id)._record.rev)
        self._mine.append(run_id)
        self.change(run_id)

    def restore(self) -> None:
        run_id = self.any()
        self.tell("rev", run_id, self._tracker.restore_run(run_id)._record.rev)

    def collect(self) -> None:
        for run_id in self._tracker.gc()["runs"]:
            self.tell("gone", run_id)

    def upkeep(self) -> None:
        store = LocalStorageBackend(self._logs.parent / "store")
        match self._draw.randrange(5):
            case 0:
                self._tracker.compact()
            case 1:
                self._tracker.close()
            case 2:
                brought_back, _ = bring_back_documents(store)
                if brought_back:
                    self.tell("error", "repair", "took a run that is gone for one that was lost")
                self._tracker.repair()
            case 3:
                damages = [*self._tracker.verify(), *verify_around(store)]
                if damages:
                    self.tell("error", "verify", damages)
            case 4:
                copy = self._logs.parent / f"copy-{self._name}"
                shutil.rmtree(copy, ignore_errors=True)
                export_store(store, copy)

    def look(self) -> None:
        before = [words for words in records(self._logs) if words[0] in ("run", "gone")]
        found = self._tracker.query_runs(include_deleted=True, limit=100_000).run_ids
        doomed = {words[1] for words in records(self._logs) if words[0] == "doom"}
        if len(found) != len(set(found)):
            self.tell("error", "twice", "a search found a run twice")
        missing = {words[1] for words in before if words[0] == "run"} - set(found) - doomed
        back = {words[1] for words in before if words[0] == "gone"} & set(found)
        if missing or back:
            self.tell("error", "search", f"misses {missing}, has removed {back}")


def main() -> None:
    """Work in threads until killed."""
    store, logs, name, threads, seed = sys.argv[1:]
    _writer._MAX_BYTES = 50_000  # type: ignore[misc]  # so that journals are full now and then
    durability: Durability = "disk" if int(seed) % 4 == 0 else "process"
    tracker = ExperimentTracker(store, durability=durability)
    for each in EXPERIMENTS:
        tracker.create_experiment(each)
    workers = [
        Worker(tracker, Path(logs), f"{name}.{number}", int(seed) * 31 + number)
        for number in range(int(threads))
    ]
    started = [threading.Thread(target=each.work) for each in workers]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


if __name__ == "__main__":
    main()
