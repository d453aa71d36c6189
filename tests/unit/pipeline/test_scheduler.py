"""The loop: order, concurrency, retries, time-outs, failures, interruptions; with real threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from tauro.errors import NodeExecutionError
from tauro.pipeline import (
    InlineExecutor,
    Node,
    NodeResult,
    NodeReturn,
    NodeStatus,
    Pipeline,
    Scheduler,
    make_plan,
)
from tauro.resilience import RetryConfig


def retry(times: int, delay: float = 0.0) -> RetryConfig:
    return RetryConfig(
        max_attempts=times + 1, initial_delay=delay, jitter=False, retry_on=(Exception,)
    )


class Spy:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int, int, int]] = []
        self.retried: list[tuple[str, int, float]] = []
        self.finished: list[str] = []
        self.waited: list[str] = []

    def node_started(self, node: Node, position: int, total: int, attempt: int) -> None:
        self.started.append((node.name, position, total, attempt))

    def node_retried(self, node: Node, attempt: int, error: BaseException, pause: float) -> None:
        self.retried.append((node.name, attempt, pause))

    def node_finished(self, result: NodeResult) -> None:
        self.finished.append(f"{result.name} {result.status}")

    def run_waits(self, nodes: Sequence[str]) -> None:
        self.waited.extend(nodes)


def node(name: str, function: Callable[[], Any] = lambda: None, **fields: Any) -> Node:
    return Node(name=name, function=function, **fields)


def scheduler(*nodes: Node, executor: Executor | None = None, **fields: Any) -> Scheduler:
    plan = make_plan(Pipeline("p", nodes))
    used = executor or InlineExecutor()

    def call(given: Node) -> NodeReturn:
        assert callable(given.function)
        return NodeReturn(given.function())

    fields.setdefault("listener", Spy())
    return Scheduler(plan=plan, submit=lambda given: used.submit(call, given), **fields)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


def fails(times: int, value: Any = "ok", error: type[Exception] = ValueError) -> Callable[[], Any]:
    left = [times]

    def function() -> Any:
        if left[0]:
            left[0] -= 1
            raise error(f"{left[0]} left")
        return value

    return function


def test_every_node_runs_once_after_those_before_it() -> None:
    ran: list[str] = []
    nodes = [
        node("c", lambda: ran.append("c"), dependencies=("a", "b")),
        node("b", lambda: ran.append("b"), dependencies=("a",)),
        node("a", lambda: ran.append("a")),
    ]
    results = scheduler(*nodes).run()
    assert ran == ["a", "b", "c"]
    assert list(results) == ["a", "b", "c"]
    assert {result.status for result in results.values()} == {NodeStatus.SUCCEEDED}


def test_an_empty_plan_ends_at_once() -> None:
    assert scheduler().run() == {}


def test_independent_nodes_run_at_once_and_never_more_than_the_workers(
    pool: ThreadPoolExecutor,
) -> None:
    both = threading.Barrier(2, timeout=240)
    lock, running, most = threading.Lock(), [0], [0]

    def function() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        both.wait()
        with lock:
            running[0] -= 1

    scheduler(*(node(f"n{i}", function) for i in range(6)), executor=pool, workers=2).run()
    assert most[0] == 2


def test_a_failed_node_is_tried_again_after_growing_pauses() -> None:
    spy = Spy()
    results = scheduler(node("a", fails(3), retry=retry(3, 0.001)), listener=spy).run()
    assert results["a"].status is NodeStatus.SUCCEEDED
    assert results["a"].attempts == 4
    assert spy.retried == [("a", 1, 0.001), ("a", 2, 0.002), ("a", 3, 0.004)]
    assert [attempt for _, _, _, attempt in spy.started] == [1, 2, 3, 4]
    assert spy.finished == ["a succeeded"]


def test_only_errors_worth_it_are_tried_again() -> None:
    picky = RetryConfig(max_attempts=5, initial_delay=0, retry_on=(ConnectionError,))
    results = scheduler(
        node("a", fails(2, error=ConnectionError), retry=picky),
        node("b", fails(2), retry=picky),
    ).run()
    assert (results["a"].status, results["a"].attempts) == (NodeStatus.SUCCEEDED, 3)
    assert (results["b"].status, results["b"].attempts) == (NodeStatus.FAILED, 1)


def test_other_nodes_run_while_one_waits_for_its_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    now = [0.0]
    monkeypatch.setattr("tauro.pipeline._scheduler.time", SimpleNamespace(monotonic=lambda: now[0]))

    def flaky() -> None:
        ran.append("a")
        if ran.count("a") == 1:
            raise ValueError

    def other() -> None:
        ran.append("b")
        now[0] += 3600

    scheduler(node("a", flaky, retry=retry(1, 3600)), node("b", other)).run()
    assert ran == ["a", "b", "a"]


def test_a_node_that_never_succeeds_fails_with_its_last_error() -> None:
    results = scheduler(node("a", fails(9), retry=retry(2))).run()
    assert results["a"].status is NodeStatus.FAILED
    assert results["a"].attempts == 3
    assert str(results["a"].error) == "6 left"


def test_the_first_failure_stops_what_has_not_started() -> None:
    results = scheduler(node("a", fails(1)), node("b"), node("c", dependencies=("a",))).run()
    assert [result.status for result in results.values()] == ["failed", "skipped", "skipped"]
    assert results["b"].reason == "the run stopped at 'a'"


def test_running_nodes_end_before_a_failed_run_does(pool: ThreadPoolExecutor) -> None:
    failed = threading.Event()

    def slow() -> str:
        assert failed.wait(240)
        return "done"

    def fail() -> None:
        raise ValueError

    class Tell(Spy):
        def node_finished(self, result: NodeResult) -> None:
            if result.name == "fail":
                failed.set()

    results = scheduler(
        node("slow", slow), node("fail", fail), executor=pool, workers=2, listener=Tell()
    ).run()
    assert results["slow"].value == "done"
    assert results["fail"].status is NodeStatus.FAILED


def test_keep_going_skips_only_descendants() -> None:
    results = scheduler(
        node("a", fails(1)),
        node("b", dependencies=("a",)),
        node("c", dependencies=("b",)),
        node("d"),
        node("e", dependencies=("d",)),
        keep_going=True,
    ).run()
    assert {name: str(result.status) for name, result in results.items()} == {
        "a": "failed",
        "b": "skipped",
        "c": "skipped",
        "d": "succeeded",
        "e": "succeeded",
    }
    assert results["c"].reason == "'a' failed"


def test_an_overdue_node_is_ended_and_says_so(pool: ThreadPoolExecutor) -> None:
    ended = threading.Event()

    def hang() -> None:
        assert ended.wait(240)
        raise RuntimeError("killed")

    results = scheduler(
        node("a", hang, timeout=0.01),
        executor=pool,
        workers=1,
        terminate=lambda given: ended.set(),
    ).run()
    assert results["a"].status is NodeStatus.FAILED
    assert isinstance(results["a"].error, NodeExecutionError)
    assert "ended after its timeout of 0.01 seconds" in str(results["a"].error)


def test_an_overdue_try_is_followed_by_a_retry(pool: ThreadPoolExecutor) -> None:
    ended, tries = threading.Event(), [0]

    def hang_once() -> str:
        tries[0] += 1
        if tries[0] == 1:
            assert ended.wait(240)
            raise RuntimeError("killed")
        return "ok"

    results = scheduler(
        node("a", hang_once, timeout=0.01, retry=retry(1)),
        executor=pool,
        terminate=lambda given: ended.set(),
    ).run()
    assert results["a"].attempts == 2
    assert results["a"].value == "ok"


def test_an_interruption_inside_a_node_gives_every_node_a_result() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    made = scheduler(node("a"), node("b", interrupt), node("c", dependencies=("b",)))
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert {name: str(result.status) for name, result in made.results.items()} == {
        "a": "succeeded",
        "b": "interrupted",
        "c": "skipped",
    }
    assert made.results["c"].reason == "the run stopped at 'b'"


def test_an_interruption_of_the_loop_waits_for_threads_and_starts_nothing_more(
    pool: ThreadPoolExecutor,
) -> None:
    interrupted, ran = threading.Event(), []

    def slow() -> str:
        assert interrupted.wait(240)
        return "whole"

    class Interrupt(Spy):
        def node_started(self, node: Node, position: int, total: int, attempt: int) -> None:
            if node.name == "second":
                interrupted.set()
                raise KeyboardInterrupt

    listener = Interrupt()
    made = scheduler(
        node("slow", slow),
        node("second"),
        node("third", lambda: ran.append(1)),
        executor=pool,
        workers=2,
        listener=listener,
    )
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert listener.waited == ["slow"]
    assert made.results["slow"].value == "whole"
    assert made.results["third"].status is NodeStatus.SKIPPED
    assert not ran


def test_a_second_interruption_leaves_what_runs_behind(pool: ThreadPoolExecutor) -> None:
    released = threading.Event()

    class Interrupt(Spy):
        def node_started(self, node: Node, position: int, total: int, attempt: int) -> None:
            if node.name == "second":
                raise KeyboardInterrupt

        def run_waits(self, nodes: Sequence[str]) -> None:
            raise KeyboardInterrupt

    made = scheduler(
        node("slow", released.wait), node("second"), executor=pool, workers=2, listener=Interrupt()
    )
    try:
        with pytest.raises(KeyboardInterrupt):
            made.run()
        assert made.results["slow"].status is NodeStatus.INTERRUPTED
        assert made.results["second"].status is NodeStatus.SKIPPED
    finally:
        released.set()


def test_an_interruption_ends_what_can_be_ended() -> None:
    ended: list[str] = []

    class Interrupt(Spy):
        def node_started(self, node: Node, position: int, total: int, attempt: int) -> None:
            if node.name == "b":
                raise KeyboardInterrupt

    listener = Interrupt()
    made = scheduler(
        node("a"),
        node("b"),
        workers=2,
        listener=listener,
        terminate=lambda given: ended.append(given.name),
    )
    never: Future[NodeReturn] = Future()
    made.submit = lambda given: never
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert ended == ["a"]
    assert not listener.waited
    assert made.results["a"].status is NodeStatus.INTERRUPTED
    assert made.results["b"].status is NodeStatus.SKIPPED


def test_a_thousand_nodes_in_a_chain_need_no_deep_stack() -> None:
    nodes = [node("n0"), *(node(f"n{i}", dependencies=(f"n{i - 1}",)) for i in range(1, 1500))]
    results = scheduler(*nodes).run()
    assert len(results) == 1500
