"""The graph: edges from data and from dependencies, a stable order, and errors that name nodes."""

from __future__ import annotations

from typing import Any

import pytest

from tauro.errors import PlanningError
from tauro.pipeline import Node, Pipeline, build_graph, select_nodes


def node(name: str, **fields: Any) -> Node:
    return Node(name=name, function=lambda: None, **fields)


def pipeline(*nodes: Node) -> Pipeline:
    return Pipeline("p", nodes)


DIAMOND = pipeline(
    node("join", inputs={"a": "left", "b": "right"}),
    node("make_left", inputs={"raw": "raw"}, outputs=("left",), tags=frozenset({"fast"})),
    node("make_right", inputs={"raw": "raw"}, outputs=("right",)),
    node("load", outputs=("raw",), tags=frozenset({"io"})),
    node("report", dependencies=("join",)),
)


def test_nodes_run_after_those_that_produce_their_inputs() -> None:
    assert list(build_graph(DIAMOND).nodes) == ["load", "make_left", "make_right", "join", "report"]


def test_nodes_without_edges_keep_the_declared_order() -> None:
    graph = build_graph(pipeline(node("c"), node("a"), node("b")))
    assert list(graph.nodes) == ["c", "a", "b"]


def test_an_input_may_name_a_node() -> None:
    graph = build_graph(pipeline(node("use", inputs={"x": "make"}), node("make")))
    assert graph.upstream["use"] == {"make"}


def test_a_dataset_comes_before_a_node_of_the_same_name() -> None:
    graph = build_graph(pipeline(node("customers", inputs={"x": "customers"})), {"customers"})
    assert graph.upstream["customers"] == frozenset()


def test_an_unknown_dependency_is_named_with_the_nearest_node() -> None:
    with pytest.raises(PlanningError, match=r"'b' depends on 'laod'") as raised:
        build_graph(pipeline(node("load"), node("b", dependencies=("laod",))))
    assert "Did you mean 'load'?" in str(raised.value)


def test_two_producers_of_a_dataset_are_both_named() -> None:
    with pytest.raises(PlanningError, match=r"'a' .nodes.yaml:3. and 'b' both write .* 'd'"):
        build_graph(
            pipeline(
                node("a", outputs=("d",), location="nodes.yaml:3"),
                node("b", outputs=("d",)),
            )
        )


def test_a_cycle_is_shown_in_the_direction_of_the_data() -> None:
    with pytest.raises(PlanningError, match="cycle: a -> b -> c -> a") as raised:
        build_graph(
            pipeline(
                node("start", outputs=("s",)),
                node("a", inputs={"s": "s", "z": "z"}, outputs=("x",)),
                node("b", inputs={"x": "x"}, outputs=("y",)),
                node("c", inputs={"y": "y"}, outputs=("z",)),
                node("after", dependencies=("c",)),
            )
        )
    assert "start" not in raised.value.message
    assert "after" not in raised.value.message


def test_a_node_that_reads_its_own_output_is_a_cycle() -> None:
    with pytest.raises(PlanningError, match="cycle: a -> a"):
        build_graph(pipeline(node("a", inputs={"x": "x"}, outputs=("x",))))


def test_names_are_unique_within_a_pipeline() -> None:
    with pytest.raises(PlanningError, match="two nodes named 'a'"):
        pipeline(node("a"), node("a"))


def test_an_unknown_node_of_a_pipeline_is_an_error_with_close_matches() -> None:
    with pytest.raises(PlanningError, match="Did you mean 'make_left'"):
        DIAMOND["make_lft"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, {"load", "make_left", "make_right", "join", "report"}),
        ({"only": ["join", "load"]}, {"join", "load"}),
        ({"from_nodes": ["make_left"]}, {"make_left", "join", "report"}),
        ({"to_nodes": ["make_left"]}, {"make_left", "load"}),
        ({"from_nodes": ["make_left"], "to_nodes": ["join"]}, {"make_left", "join"}),
        ({"tags": ["fast", "io"]}, {"make_left", "load"}),
        ({"tags": ["fast"], "to_nodes": ["join"]}, {"make_left"}),
    ],
)
def test_conditions_select_and_narrow_each_other(
    conditions: dict[str, list[str]], expected: set[str]
) -> None:
    assert select_nodes(build_graph(DIAMOND), **conditions) == expected


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"only": ["jion"]}, "Did you mean 'join'"),
        ({"from_nodes": ["x"]}, "no node 'x'"),
        ({"tags": ["fats"]}, "Did you mean 'fast'"),
        ({"only": ["load"], "tags": ["fast"]}, "No node is left"),
    ],
)
def test_a_selection_that_cannot_be_is_refused(
    conditions: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(PlanningError, match=message):
        select_nodes(build_graph(DIAMOND), **conditions)
