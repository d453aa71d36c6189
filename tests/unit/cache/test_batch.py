"""Operations in batches."""

from __future__ import annotations

import logging
import multiprocessing
import subprocess
import sys
import threading
from typing import Any

import pytest

from tauro.cache import BatchOperation, BatchProcessor
from tauro.errors import MLOpsError, ValidationError


class Sink:
    """Takes batches, and fails while it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.broken = False
        self.came = threading.Event()

    def __call__(self, batch: list[int]) -> None:
        if self.broken:
            raise ConnectionError("no route")
        self.batches.append(batch)
        self.came.set()


@pytest.fixture
def sink() -> Sink:
    return Sink()


def test_operations_are_processed_when_a_batch_is_full(sink: Sink) -> None:
    processor = BatchProcessor(process_func=sink, batch_size=3)
    processor.extend([1, 2])
    assert (sink.batches, processor.pending_count) == ([], 2)
    processor.extend([3, 4])
    assert (sink.batches, processor.pending_count) == ([[1, 2, 3]], 1)


def test_a_flush_processes_what_waits_and_only_that(sink: Sink) -> None:
    processor = BatchProcessor(process_func=sink, batch_size=100, flush_interval=None)
    processor.flush()
    processor.add(1)
    processor.flush()
    processor.flush()
    assert sink.batches == [[1]]


def test_an_operation_is_a_key_a_value_and_what_to_do() -> None:
    got: list[BatchOperation] = []
    processor: BatchProcessor[BatchOperation] = BatchProcessor(process_func=got.extend)
    processor.add(BatchOperation(key="k1", value="v1", operation_type="write"))
    processor.add(BatchOperation("k2", operation_type="delete"))
    processor.flush()
    assert [(one.key, one.value, one.operation_type) for one in got] == [
        ("k1", "v1", "write"),
        ("k2", None, "delete"),
    ]


def test_an_operation_waits_no_longer_than_the_interval(sink: Sink) -> None:
    processor = BatchProcessor(process_func=sink, batch_size=100, flush_interval=0.01)
    for number in range(3):
        sink.came.clear()
        processor.add(number)
        assert sink.came.wait(240)
    processor.close()
    assert sink.batches == [[0], [1], [2]]


def test_closing_processes_the_rest_and_takes_no_more(sink: Sink) -> None:
    with BatchProcessor(process_func=sink, batch_size=2, flush_interval=60) as processor:
        processor.extend([1, 2, 3])
    assert sink.batches == [[1, 2], [3]]
    with pytest.raises(ValidationError, match="closed"):
        processor.add(4)
    processor.close()


def test_what_fails_waits_and_is_tried_again_in_order(
    sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    processor = BatchProcessor(process_func=sink, batch_size=2)
    sink.broken = True
    with caplog.at_level(logging.ERROR, "tauro.cache"):
        processor.extend([1, 2, 3])
    assert processor.pending_count == 3
    assert repr(processor.last_error) == "ConnectionError('no route')"
    assert "no route" in caplog.text
    with pytest.raises(ConnectionError, match="no route"):
        processor.flush()
    sink.broken = False
    processor.add(4)
    assert sink.batches == [[1, 2], [3, 4]]
    assert processor.last_error is None
    assert processor.pending_count == 0


def test_with_ten_batches_waiting_nothing_more_is_taken(sink: Sink) -> None:
    processor = BatchProcessor(process_func=sink, batch_size=2)
    sink.broken = True
    processor.extend(range(20))
    with pytest.raises(MLOpsError, match="20 operations wait") as caught:
        processor.add(20)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert processor.pending_count == 20
    sink.broken = False
    processor.flush()
    processor.add(20)
    processor.flush()
    assert [number for batch in sink.batches for number in batch] == list(range(21))


def test_the_interval_goes_on_after_a_failure(sink: Sink) -> None:
    failed = threading.Event()

    def process(batch: list[int]) -> None:
        if not failed.is_set():
            failed.set()
            raise ConnectionError("no route")
        sink(batch)

    processor = BatchProcessor(process_func=process, flush_interval=0.01)
    processor.add(1)
    assert sink.came.wait(240)
    processor.close()
    assert sink.batches == [[1]]


def test_the_batch_is_the_functions_own(sink: Sink) -> None:
    def destroy(batch: list[int]) -> None:
        sink(list(batch))
        batch.clear()

    processor = BatchProcessor(process_func=destroy, batch_size=2)
    processor.extend([1, 2, 3, 4])
    assert sink.batches == [[1, 2], [3, 4]]
    assert processor.pending_count == 0


def test_the_function_may_add_to_its_processor(sink: Sink) -> None:
    def process(batch: list[int]) -> None:
        sink(batch)
        if batch[0] < 3:
            processor.add(batch[0] + 1)
            processor.flush()

    processor: BatchProcessor[int] = BatchProcessor(process_func=process, batch_size=1)
    processor.add(1)
    assert sink.batches == [[1], [2], [3]]


def test_threads_lose_and_double_nothing_and_each_keeps_its_order(sink: Sink) -> None:
    processor = BatchProcessor(process_func=sink, batch_size=7, flush_interval=0.005)

    def work(start: int) -> None:
        for number in range(start, start + 200):
            processor.add(number)

    threads = [threading.Thread(target=work, args=(1000 * part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    processor.close()
    got = [number for batch in sink.batches for number in batch]
    assert sorted(got) == [1000 * part + number for part in range(4) for number in range(200)]
    assert max(map(len, sink.batches)) <= 7
    for part in range(4):
        mine = [number for number in got if number // 1000 == part]
        assert mine == sorted(mine)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"flush_interval": 0}])
def test_absurd_settings_are_refused(sink: Sink, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(options))):
        BatchProcessor(process_func=sink, **options)


def test_what_waits_is_processed_at_the_interpreters_exit() -> None:
    code = (
        "from tauro.cache import BatchProcessor\n"
        "processor = BatchProcessor(process_func=lambda batch: print(batch))\n"
        "processor.add(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240
    )
    assert done.stdout == "[1]\n"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_leaves_what_waits_to_its_parent(sink: Sink) -> None:
    processor = BatchProcessor(process_func=sink, batch_size=100, flush_interval=60)
    processor.add(1)
    fork = multiprocessing.get_context("fork")
    receive, send = fork.Pipe(duplex=False)

    def child() -> None:
        processor.add(2)
        processor.flush()
        send.send(sink.batches)

    process = fork.Process(target=child)
    process.start()
    assert receive.poll(240)
    assert receive.recv() == [[2]]
    process.join(240)
    processor.close()
    assert sink.batches == [[1]]


def test_what_cannot_be_processed_at_the_interpreters_exit_is_logged() -> None:
    code = (
        "import logging\n"
        "from tauro.cache import BatchProcessor\n"
        "logging.basicConfig()\n"
        "def fail(batch): raise OSError('no network')\n"
        "broken, sound = BatchProcessor(fail), BatchProcessor(print)\n"
        "broken.add(1)\n"
        "sound.add(2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240
    )
    assert done.stdout == "[2]\n"
    assert "no network" in done.stderr
    assert "1 operations wait" in done.stderr


def test_one_batch_is_processed_at_a_time_whoever_asks() -> None:
    entered, go_on, both = threading.Event(), threading.Event(), threading.Event()
    batches: list[list[int]] = []

    def slow(batch: list[int]) -> None:
        if entered.is_set():
            both.set()
        entered.set()
        assert go_on.wait(240)
        batches.append(batch)

    processor = BatchProcessor(process_func=slow, batch_size=2)
    processor.add(1)
    threads = [threading.Thread(target=processor.flush) for _ in range(3)]
    threads[0].start()
    assert entered.wait(240)
    for thread in threads[1:]:
        thread.start()
    assert not both.wait(0.05)  # time for another to come in, were it let in
    go_on.set()
    for thread in threads:
        thread.join(240)
    assert batches == [[1]]
    assert processor.pending_count == 0
