"""A process that records runs until it is told to stop, or is killed.

It acknowledges each document on a shared map, after the call that put it in place has returned:
for each thread the number of runs that were created, and the number that were ended.
"""

from __future__ import annotations

import mmap
import struct
import sys
import threading
from pathlib import Path

from tests.unit.tracking.catalogue.support import Store, make_run, seconds

from tauro.tracking._catalogue import RunCatalogue
from tauro.tracking._models import RunStatus

SLOT = struct.Struct("<QQ")


def run_id(writer: str, thread: int, number: int) -> str:
    """Return the id of the n-th run of a thread."""
    return f"{writer}-{thread}-{number:06}"


def read_acknowledged(path: Path, threads: int) -> list[tuple[int, int]]:
    """Return for each thread how many runs it created and how many it ended."""
    data = path.read_bytes()
    return [SLOT.unpack_from(data, thread * SLOT.size) for thread in range(threads)]


def _work(
    store: Store, writer: str, thread: int, acknowledged: mmap.mmap, publish_every: int, most: int
) -> None:
    for number in range(most):
        run = make_run(
            f"exp{number % 2}",
            run_id(writer, thread, number),
            start_time=seconds(number),
            metrics={"m": float(number)},
            parameters={"thread": thread},
        )
        store.put(run)
        SLOT.pack_into(acknowledged, thread * SLOT.size, number + 1, number)
        store.change(run, status=RunStatus.COMPLETED, end_time=seconds(number + 1))
        SLOT.pack_into(acknowledged, thread * SLOT.size, number + 1, number + 1)
        if publish_every and number % publish_every == publish_every - 1:
            store.catalogue.publish()


def main() -> None:
    """Run ``writer.py root name acknowledged threads publish_every most``."""
    root, writer, path, threads, publish_every, most = sys.argv[1:]
    store = Store(Path(root), RunCatalogue(root))
    with Path(path).open("r+b") as file:
        acknowledged = mmap.mmap(file.fileno(), 0)
        workers = [
            threading.Thread(
                target=_work,
                args=(store, writer, thread, acknowledged, int(publish_every), int(most)),
            )
            for thread in range(int(threads))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    store.catalogue.close()


if __name__ == "__main__":
    main()
