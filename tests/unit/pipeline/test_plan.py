"""The plan: what is refused before anything starts, and which part runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tauro.errors import PlanningError
from tauro.pipeline import (
    Node,
    Pipeline,
    Plan,
    Selection,
    check_process_boundary,
    check_timeouts,
    lost_values,
    make_plan,
    missing_nodes,
    narrow_plan,
)


def one() -> int:
    return 1


def take(x: Any) -> Any:
    return x


def node(name: str, function: Callable[..., Any] = one, **fields: Any) -> Node:
    return Node(name=name, function=function, **fields)


# a writes the dataset `kept`, b reads it and hands its value to c, d reads `held`, in memory.
NODES = (
    node("a", outputs=("kept", "held")),
    node("b", take, inputs={"x": "kept"}),
    node("c", take, inputs={"x": "b"}, outputs=("last",)),
    node("d", take, inputs={"x": "held"}, outputs=("other",)),
)
DATASETS = ("kept", "last", "other")


def plan(**selection: Any) -> Plan:
    reusable = selection.pop("reusable", ())
    return make_plan(
        Pipeline("p", NODES),
        datasets=DATASETS,
        selection=Selection(**selection),
        reusable=reusable,
    )


def test_undeclared_datasets_between_nodes_are_in_memory() -> None:
    assert plan().memory == {"held"}


def test_an_output_that_nobody_declares_or_reads_is_refused() -> None:
    with pytest.raises(PlanningError, match="'kep' is no dataset") as raised:
        make_plan(Pipeline("p", (node("a", outputs=("kep",)),)), datasets=["kept"])
    assert "Did you mean 'kept'?" in str(raised.value)


def test_edges_to_nodes_that_do_not_run_are_not_waited_for() -> None:
    part = plan(nodes=("b", "c"))
    assert part.order == ("b", "c")
    assert part.waits == {"b": frozenset(), "c": {"b"}}


@pytest.mark.parametrize(("chosen", "needed", "producer"), [("c", "b", "b"), ("d", "held", "a")])
def test_a_selection_without_the_only_source_of_a_value_is_refused(
    chosen: str, needed: str, producer: str
) -> None:
    with pytest.raises(PlanningError, match=f"needs '{needed}', which only node '{producer}'"):
        plan(nodes=(chosen,))


def test_a_value_at_hand_replaces_its_node() -> None:
    assert plan(nodes=("c",), reusable=("b",)).order == ("c",)


def test_values_in_memory_do_not_cross_processes() -> None:
    with pytest.raises(PlanningError, match="'b' -> 'c', 'held' -> 'd'"):
        check_process_boundary(plan())
    check_process_boundary(plan(nodes=("a", "b")))


def test_timeouts_that_cannot_be_kept_are_refused_by_name() -> None:
    timed = make_plan(Pipeline("p", (node("slow", timeout=3.0), node("fine"))))
    with pytest.raises(PlanningError, match=r"The threads executor cannot end .* 'slow'"):
        check_timeouts(timed, "threads")


def test_lost_values_go_back_as_far_as_they_must() -> None:
    whole = plan()
    assert lost_values(whole, {"a", "b"}) == {"a", "b"}, "d needs `held`, c needs b"
    assert lost_values(whole, {"a", "b"}, kept={"b"}) == {"a"}
    assert lost_values(whole, {"a", "b", "d"}) == {"b"}, "b reads `kept` from disk"
    assert lost_values(whole, set(whole.order)) == set()


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"kept", "last", "other"}, set()),
        # `other` needs `held`, which only a makes. What a writes besides is there already.
        ({"kept", "last"}, {"a", "d"}),
        ({"kept", "other"}, {"b", "c"}),
        (set(), {"a", "b", "c", "d"}),
    ],
)
def test_only_missing_runs_what_makes_the_missing_data(there: set[str], expected: set[str]) -> None:
    assert missing_nodes(plan(), there.__contains__) == expected


def test_a_node_that_leaves_nothing_behind_always_runs() -> None:
    made = make_plan(Pipeline("p", (node("effect"), node("after", dependencies=("effect",)))))
    assert missing_nodes(made, lambda name: True) == {"effect", "after"}


def test_a_narrowed_plan_keeps_order_and_edges() -> None:
    part = narrow_plan(plan(), {"d", "a"})
    assert part.order == ("a", "d")
    assert part.waits == {"a": frozenset(), "d": {"a"}}
    assert set(part.bindings) == {"a", "d"}
