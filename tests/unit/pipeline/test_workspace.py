"""The workspace: outputs split, sources resolved, errors that name the user's line."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from tauro.errors import DatasetNotFoundError, NodeExecutionError
from tauro.pipeline import (
    Available,
    Datasets,
    Node,
    Service,
    Workspace,
    bind_node,
    node_error,
    split_outputs,
)


class Dictionary(Datasets):
    """Datasets in a dictionary."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def load(self, name: str) -> Any:
        if name not in self.values:
            raise DatasetNotFoundError(
                f"Dataset {name!r} has no data.", suggestions=["Run the node that makes it."]
            )
        return self.values[name]

    def save(self, name: str, value: Any) -> None:
        self.values[name] = value


def node(function: Any = None, **fields: Any) -> Node:
    return Node(name="n", function=function or (lambda: None), **fields)


def workspace(datasets: Dictionary | None = None, **fields: Any) -> Workspace:
    return Workspace(
        datasets=datasets or Dictionary(),
        memory=fields.pop("memory", ()),
        provide=lambda service, node: f"{service} for {node.name}",
        **fields,
    )


@pytest.mark.parametrize(
    ("outputs", "value", "expected"),
    [
        ((), 1, {}),
        (("a",), (1, 2), {"a": (1, 2)}),
        (("a", "b"), (1, 2), {"a": 1, "b": 2}),
        (("a", "b"), [1, 2], {"a": 1, "b": 2}),
        (("a", "b"), {"b": 2, "a": 1, "c": 3}, {"a": 1, "b": 2}),
    ],
)
def test_a_returned_value_is_split_over_the_outputs(
    outputs: tuple[str, ...], value: Any, expected: dict[str, Any]
) -> None:
    assert split_outputs(node(outputs=outputs), value) == expected


@pytest.mark.parametrize("value", [1, (1,), (1, 2, 3), {"a": 1}, None, "ab"])
def test_a_value_that_does_not_fit_two_outputs_is_refused(value: Any) -> None:
    with pytest.raises(NodeExecutionError, match="declares 2 outputs"):
        split_outputs(node(outputs=("a", "b")), value)


def test_outputs_by_key_name_what_is_missing() -> None:
    keyed = node(outputs=("x", "y"), output_keys={"first": "x", "second": "y"})
    assert split_outputs(keyed, {"first": 1, "second": 2, "z": 3}) == {"x": 1, "y": 2}
    with pytest.raises(NodeExecutionError, match="has 'second' too"):
        split_outputs(keyed, {"first": 1})


def test_every_kind_of_source_reaches_its_parameter() -> None:
    def function(
        table: Any, held: Any, up: Any, start_date: str, params: Any, hyperparams: Any, alpha: int
    ) -> Any:
        return table, held, up, start_date, params, hyperparams, alpha

    given = node(
        function,
        inputs={"table": "table", "held": "held"},
        dependencies=("up",),
        params={"alpha": 1},
        hyperparams={"depth": 3},
    )
    available = Available(
        datasets={"table", "held"}, nodes={"up"}, params={"alpha": 2}, dates={"start_date"}
    )
    space = workspace(
        Dictionary(table="T"),
        memory={"held"},
        params={"alpha": 2, "depth": 4},
        dates={"start_date": "2026-01-01"},
        values={"up": "U"},
    )
    maker = bind_node(node(lambda: "H", outputs=("held",)), Available())
    assert space.execute(maker) == "H"
    assert space.execute(bind_node(given, available)) == (
        "T",
        "H",
        "U",
        "2026-01-01",
        {"depth": 4, "alpha": 2},
        {"depth": 4},
        2,
    )


def test_services_come_after_the_data() -> None:
    order: list[str] = []

    class Recording(Dictionary):
        def load(self, name: str) -> Any:
            order.append(name)
            return name

    def provide(service: Service, node: Node) -> str:
        order.append(service)
        return service

    def function(tracker: Any, table: Any) -> Any:
        return tracker, table

    tracker_type = type("ExperimentTracker", (), {"__module__": "tauro.tracking"})
    function.__annotations__ = {"tracker": tracker_type}
    binding = bind_node(node(function, inputs={"table": "table"}), Available(datasets={"table"}))
    space = Workspace(datasets=Recording(), memory=(), provide=provide)
    seen: dict[str, Any] = {}
    assert space.execute(binding, seen) == ("ExperimentTracker", "table")
    assert order == ["table", "ExperimentTracker"]
    assert seen == {"table": "table"}


def test_a_load_that_fails_keeps_the_datasets_advice() -> None:
    def function(table: Any) -> Any:
        return table

    binding = bind_node(node(function, inputs={"table": "t"}), Available(datasets={"t"}))
    with pytest.raises(NodeExecutionError) as raised:
        workspace(pipeline="p", run_id="r").execute(binding)
    assert "Dataset 't' has no data." in raised.value.message
    assert raised.value.suggestions == ("Run the node that makes it.",)
    details = raised.value.context.details
    assert (details["node"], details["pipeline"], details["run_id"]) == ("n", "p", "r")
    assert details["type"] == "DatasetNotFoundError"


def test_an_error_names_the_users_line_and_survives_a_pickle() -> None:
    def function() -> None:
        raise KeyError("column")

    with pytest.raises(NodeExecutionError) as raised:
        workspace().execute(bind_node(node(function, location="nodes.yaml:3"), Available()))
    again = pickle.loads(pickle.dumps(raised.value))
    for error in (raised.value, again):
        assert f"{__file__}:" in error.message
        assert "Node 'n' (nodes.yaml:3) failed at" in error.message
        assert "KeyError: 'column'" in error.message
        assert "in function" in error.context.details["traceback"]


def test_an_error_that_has_named_its_node_is_not_wrapped_again() -> None:
    inner = NodeExecutionError("Node 'x' failed.")
    assert node_error(node(), inner) is inner


def test_a_failed_node_leaves_no_value_and_no_output() -> None:
    datasets = Dictionary()

    def function() -> Any:
        return (1,)

    space = workspace(datasets)
    binding = bind_node(node(function, outputs=("a", "b")), Available())
    with pytest.raises(NodeExecutionError):
        space.execute(binding)
    assert datasets.values == {}
    assert space.values == {}
