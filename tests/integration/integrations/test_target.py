"""Which run a callback logs to, and what becomes of parameters that JSON cannot hold."""

from __future__ import annotations

import copy
import functools
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tauro
from tauro.errors import RunNotActiveError
from tauro.integrations._target import RunTarget, plain_parameters
from tauro.mlops import ExperimentTracker, Run

pytestmark = pytest.mark.usefixtures("store")


def elsewhere(target: RunTarget) -> Run:
    """Ask for the run in a thread that sees no active run."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: target.run).result()


def test_making_a_callback_opens_nothing(reader: ExperimentTracker) -> None:
    RunTarget()
    assert tauro.active_run() is None
    assert reader.query_runs().runs == []


def test_the_active_run_of_the_first_use_counts() -> None:
    with tauro.start_run("when made"):
        target = RunTarget()
    with tauro.start_run("when used") as run:
        assert target.run == run


def test_another_thread_uses_the_run_that_was_active_when_it_was_made() -> None:
    with tauro.start_run() as run:
        target = RunTarget()
        assert elsewhere(target) == run


def test_another_thread_s_own_run_goes_first() -> None:
    with tauro.start_run():
        target = RunTarget()

        def work() -> bool:
            with tauro.start_run("of the thread") as own:
                return target.run == own

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(work).result()


def test_without_a_run_threads_and_verbs_share_one(reader: ExperimentTracker) -> None:
    target = RunTarget()
    run = elsewhere(target)
    tauro.log_param("depth", 3)
    run.end()
    assert reader.get_run(run.run_id).parameters == {"depth": 3}


def test_a_run_that_has_ended_is_not_used_again() -> None:
    target = RunTarget()
    with tauro.start_run() as first:
        assert target.run == first
    with tauro.start_run() as second:
        assert target.run == second


def test_a_given_run_that_has_ended_is_an_error() -> None:
    """It is not replaced in silence by another."""
    with tauro.start_run() as run:
        pass
    with tauro.start_run(), pytest.raises(RunNotActiveError, match="has ended"):
        RunTarget(run).start().log_param("depth", 3)


def test_a_training_within_a_training_does_not_move_its_run() -> None:
    with tauro.start_run() as outer:
        target = RunTarget()
        assert target.start() == outer
        with tauro.start_run(nested=True) as inner:
            assert target.run == outer
            assert RunTarget().start() == inner


def test_copies_refer_to_the_run_and_pickles_to_the_active_one() -> None:
    with tauro.start_run() as run:
        target = RunTarget(run)
    assert copy.deepcopy(target).run == run
    with tauro.start_run() as later:
        assert pickle.loads(pickle.dumps(target)).run == later


class Estimator:
    pass


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (3, 3),
        (np.float64(0.5), 0.5),
        (None, None),
        ({"a": [1, 2]}, {"a": [1, 2]}),
        (len, "len"),
        (Estimator, "Estimator"),
        ("word", "word"),
    ],
)
def test_values_stay_values_and_functions_become_names(value: Any, kept: Any) -> None:
    assert plain_parameters({"p": value}) == {"p": kept}


def test_texts_of_objects_are_the_same_in_every_process() -> None:
    """A memory address would make equal settings differ."""
    found = plain_parameters({"a": Estimator(), "b": functools.partial(sum, Estimator())})
    assert "0x" not in str(found)
    assert found["a"].endswith("Estimator>")


def test_a_long_text_is_cut_and_one_that_fits_is_not() -> None:
    class Wordy:
        def __str__(self) -> str:
            return "x" * 5000

    found = plain_parameters({"wordy": Wordy(), "text": "y" * 5000})
    assert (len(found["wordy"]), found["wordy"][-1]) == (1000, "…")
    assert found["text"] == "y" * 5000


def test_a_prefix_goes_before_each_name() -> None:
    assert plain_parameters({"C": 1}, "best_") == {"best_C": 1}
