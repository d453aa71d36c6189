"""Requests that meet in an engine: taken together, bounded, given up, never mixed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from tauro.errors import ServingError, SignatureMismatchError
from tauro.serving._caller import Caller
from tauro.serving._engine import Engine
from tauro.serving._errors import DeadlineExceededError, ModelFailedError, QueueFullError
from tauro.serving._limits import Limits
from tauro.serving._pace import Pace
from tauro.serving._reader import Rows


class Doubler(Caller):
    """Doubles its only column; ``gate`` holds every call that meets a number of ``held``."""

    path = "test"

    def __init__(self, *, quick: bool = False) -> None:
        self.is_quick = quick
        self.calls: list[int] = []
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.held: set[int] = set()
        self.raised: set[int] = set()
        self.answer: Callable[[Any], Any] = lambda values: [2 * value for value in values]

    def predict_columns(self, columns: Sequence[Sequence[Any]]) -> Any:
        values = list(columns[0])
        self.calls.append(len(values))
        if self.held.intersection(values):
            self.entered.set()
            assert self.gate.wait(240)
        if self.raised.intersection(values):
            raise ZeroDivisionError("division by zero")
        return self.answer(values)

    def predict_data(self, data: Any) -> Any:
        return self.predict_columns([data])


def rows(*values: int) -> Rows:
    return Rows(len(values), [list(values)])


def engine_of(caller: Caller, **limits: Any) -> Engine:
    return Engine(caller, "Version 1 of 'm'", Limits(**limits))


async def held_up(engine: Engine, caller: Doubler, value: int = 0) -> asyncio.Task[Any]:
    """Let a call hang at the gate, so that what comes now waits."""
    caller.held.add(value)
    caller.entered.clear()
    task = asyncio.create_task(engine.predict(rows(value)))
    assert await asyncio.to_thread(caller.entered.wait, 240)
    return task


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time passes when it is told to."""

    passed = 0.0

    def time(self) -> float:
        return super().time() + self.passed


def run_timed(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(work())


def let_pass(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    loop.passed += seconds


async def no_more_stuck(engine: Engine) -> None:
    while engine.stuck:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("quick", [True, False])
def test_many_requests_at_once_get_their_own_answers(quick: bool) -> None:
    caller = Doubler(quick=quick)

    async def work() -> list[Any]:
        engine = engine_of(caller)
        found = await asyncio.gather(*[engine.predict(rows(n, n + 1)) for n in range(200)])
        engine.retire()
        return found

    assert asyncio.run(work()) == [[2 * n, 2 * n + 2] for n in range(200)]
    assert len(caller.calls) < 200


def test_requests_that_wait_are_taken_together_up_to_the_limit() -> None:
    caller = Doubler()

    async def work() -> list[Any]:
        engine = engine_of(caller, max_batch=10)
        first = await held_up(engine, caller)
        others = [asyncio.create_task(engine.predict(rows(n, n, n))) for n in range(1, 8)]
        await asyncio.sleep(0)
        caller.gate.set()
        found = await asyncio.gather(first, *others)
        engine.retire()
        return found

    assert asyncio.run(work()) == [[0], *([2 * n] * 3 for n in range(1, 8))]
    assert caller.calls == [1, 9, 9, 3]


@pytest.mark.parametrize("quick", [True, False])
def test_one_bad_request_in_a_batch_fails_alone(quick: bool) -> None:
    caller = Doubler(quick=quick)
    caller.raised = {3}

    async def work() -> list[Any]:
        engine = engine_of(caller)
        asked = [engine.predict(rows(n)) for n in range(6)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        engine.retire()
        return found

    found = asyncio.run(work())
    assert isinstance(found[3], ModelFailedError)
    assert "ZeroDivisionError: division by zero" in str(found[3])
    assert [value for n, value in enumerate(found) if n != 3] == [[0], [2], [4], [8], [10]]


def test_a_result_that_is_not_a_row_each_is_never_cut() -> None:
    caller = Doubler(quick=True)
    caller.answer = lambda values: {"sum": [sum(values)]}

    async def work() -> list[Any]:
        engine = engine_of(caller)
        return await asyncio.gather(*[engine.predict(rows(n, n)) for n in range(3)])

    assert asyncio.run(work()) == [{"sum": [0]}, {"sum": [2]}, {"sum": [4]}]


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    caller = Doubler()

    async def work() -> Any:
        engine = engine_of(caller, max_queue=3)
        tasks = [await held_up(engine, caller)]
        tasks += [asyncio.create_task(engine.predict(rows(n))) for n in (1, 2)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await engine.predict(rows(3))
        caller.gate.set()
        await asyncio.gather(*tasks)
        assert engine.pending == 0
        return await engine.predict(rows(4))

    assert asyncio.run(work()) == [8]


def test_a_call_that_hangs_gets_a_deadline_and_the_others_go_on() -> None:
    caller = Doubler()

    async def work() -> None:
        engine = engine_of(caller, deadline=1000)
        first = await held_up(engine, caller)
        let_pass(1000)
        with pytest.raises(DeadlineExceededError):
            await first
        assert engine.stuck == 1
        assert await engine.predict(rows(5)) == [10]
        caller.gate.set()
        await no_more_stuck(engine)
        engine.retire()

    run_timed(work)


def test_a_model_that_hangs_again_and_again_gets_no_more_requests() -> None:
    caller = Doubler()

    async def work() -> None:
        engine = engine_of(caller, deadline=1000)
        for number in range(4):
            assert not engine.hangs
            task = await held_up(engine, caller, number)
            let_pass(1000)
            with pytest.raises(DeadlineExceededError):
                await task
        assert engine.hangs
        with pytest.raises(ServingError, match="hangs"):
            await engine.predict(rows(500))
        caller.gate.set()
        await no_more_stuck(engine)
        assert await engine.predict(rows(1000)) == [2000]

    run_timed(work)


def test_a_mismatch_that_the_model_finds_is_the_requests_own_error() -> None:
    caller = Doubler()

    def refuse(values: Any) -> Any:
        raise SignatureMismatchError("no")

    caller.answer = refuse

    async def work() -> None:
        engine = engine_of(caller)
        with pytest.raises(SignatureMismatchError):
            await engine.predict(Rows(1, None, [1]))

    asyncio.run(work())


def test_a_version_that_was_replaced_answers_what_it_has_and_ends() -> None:
    caller = Doubler()

    async def work() -> None:
        engine = engine_of(caller)
        with engine.lease():
            task = await held_up(engine, caller)
            worker = engine._worker
            engine.retire()
            caller.gate.set()
            assert await task == [0]
            assert await engine.predict(rows(2)) == [4]
        assert worker is not None
        await asyncio.to_thread(worker.join, 60)
        assert not worker.is_alive()

    asyncio.run(work())


def test_batching_stops_where_it_does_not_pay_and_is_tried_again() -> None:
    pace = Pace(100)
    for _ in range(10):
        pace.record(1, 0.001)
        pace.record(10, 0.010)
    assert [pace.is_batching, {pace.next_rows() for _ in range(1000)}] == [False, {1}]
    assert pace.is_batching
    assert max(pace.next_rows() for _ in range(3)) == 100


def test_batching_goes_on_where_it_pays() -> None:
    pace = Pace(100)
    for _ in range(100):
        pace.record(1, 0.001)
        pace.record(10, 0.0012)
    assert pace.is_batching
    assert {pace.next_rows() for _ in range(200)} == {1, 100}
