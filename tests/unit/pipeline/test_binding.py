"""Binding: the order of DESIGN 5, by name and by type hint, and errors that say what was there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tauro.errors import PlanningError
from tauro.pipeline import Available, Node, Service, SourceKind, bind_node


def node(function: Callable[..., Any] | str, **fields: Any) -> Node:
    return Node(name="n", function=function, **fields)


def sources(node: Node, **available: Any) -> Mapping[str, tuple[SourceKind, str]]:
    binding = bind_node(node, Available(**available))
    return {item.parameter: (item.kind, item.key) for item in binding.bound}


def test_an_input_is_bound_by_parameter_name_and_by_dataset_key() -> None:
    def function(training_data: Any, raw_customers: Any) -> None: ...

    found = sources(
        node(function, inputs={"training_data": "customers", "second": "raw_customers"}),
        datasets={"customers", "raw_customers"},
    )
    assert found == {
        "training_data": (SourceKind.DATASET, "customers"),
        "raw_customers": (SourceKind.DATASET, "raw_customers"),
    }


def test_an_upstream_node_is_bound_by_its_name_or_as_an_input() -> None:
    def function(load: Any, cleaned: Any) -> None: ...

    found = sources(
        node(function, dependencies=("load",), inputs={"cleaned": "clean"}),
        nodes={"load", "clean"},
    )
    assert found == {"load": (SourceKind.NODE, "load"), "cleaned": (SourceKind.NODE, "clean")}


def test_an_input_wins_over_an_upstream_node_and_over_params() -> None:
    def function(load: Any) -> None: ...

    found = sources(
        node(function, dependencies=("load",), inputs={"load": "table"}, params={"load": 1}),
        datasets={"table"},
        nodes={"load"},
    )
    assert found == {"load": (SourceKind.DATASET, "table")}


def test_params_are_bound_as_a_whole_and_one_by_one() -> None:
    def function(params: dict[str, Any], alpha: float, beta: float = 2.0) -> None: ...

    assert sources(node(function, params={"alpha": 1.0})) == {
        "params": (SourceKind.ALL_PARAMETERS, "params"),
        "alpha": (SourceKind.PARAMETER, "alpha"),
    }


def test_params_of_the_run_are_enough() -> None:
    def function(alpha: float) -> None: ...

    assert sources(node(function), params={"alpha": 3}) == {
        "alpha": (SourceKind.PARAMETER, "alpha")
    }


def test_dates_go_only_to_functions_that_take_them() -> None:
    def takes(start_date: str, end_date: str | None = None) -> None: ...
    def does_not() -> None: ...

    assert sources(node(takes), dates={"start_date"}) == {
        "start_date": (SourceKind.DATE, "start_date")
    }
    assert sources(node(does_not), dates={"start_date", "end_date"}) == {}


def test_dates_are_converted_where_the_hint_asks_for_it() -> None:
    def function(start_date: date, end_date: datetime) -> Any:
        return start_date, end_date

    binding = bind_node(node(function), Available(dates={"start_date", "end_date"}))
    assert binding.call(lambda item: "2026-01-02") == (date(2026, 1, 2), datetime(2026, 1, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("requires", "given", "missing"),
    [(True, set(), "start_date and end_date"), (True, {"start_date"}, "end_date")],
)
def test_required_dates_are_asked_for(requires: bool, given: set[str], missing: str) -> None:
    with pytest.raises(PlanningError, match=f"needs {missing}"):
        bind_node(node(lambda: None, requires_dates=requires), Available(dates=given))


def test_a_date_parameter_without_default_is_asked_for_by_its_flag() -> None:
    def function(start_date: str) -> None: ...

    with pytest.raises(PlanningError, match="Give --start-date as YYYY-MM-DD"):
        bind_node(node(function), Available())


def test_what_cannot_be_bound_is_named_with_what_was_available() -> None:
    def function(customer: Any) -> None: ...

    with pytest.raises(PlanningError) as raised:
        bind_node(
            node(function, inputs={"customers": "customer_table", "customer_": "x"}),
            Available(datasets={"customer_table", "x"}),
        )
    text = str(raised.value)
    assert "takes no parameter 'customers'" in text
    assert "Did you mean 'customer'?" in text


def test_an_unbound_parameter_lists_inputs_nodes_and_params() -> None:
    def function(df: Any, alpa: float) -> None: ...

    with pytest.raises(PlanningError) as raised:
        bind_node(
            node(function, inputs={"df": "table"}, dependencies=("up",), params={"alpha": 1}),
            Available(datasets={"table"}, nodes={"up"}),
        )
    text = str(raised.value)
    assert "the parameter 'alpa'" in text
    assert "inputs 'df'; upstream nodes 'up'; params 'alpha'" in text
    assert "Did you mean 'alpha'?" in text


def test_an_unbound_parameter_named_like_a_dataset_is_told_to_declare_it() -> None:
    def function(customers: Any) -> None: ...

    with pytest.raises(PlanningError, match="add it to the node's inputs"):
        bind_node(node(function), Available(datasets={"customers"}))


def test_an_unbound_parameter_named_like_a_node_is_told_to_depend_on_it() -> None:
    def function(load: Any) -> None: ...

    with pytest.raises(PlanningError, match="add it to the node's dependencies"):
        bind_node(node(function), Available(nodes={"load"}))


def test_an_input_that_nothing_gives_is_refused() -> None:
    def function(df: Any) -> None: ...

    with pytest.raises(PlanningError, match="'custmers' is no dataset") as raised:
        bind_node(node(function, inputs={"df": "custmers"}), Available(datasets={"customers"}))
    assert "Did you mean 'customers'?" in str(raised.value)


def test_keyword_arguments_collect_the_inputs_that_are_left() -> None:
    def function(first: Any, /, *args: Any, second: Any, **rest: Any) -> Any:
        return first, args, second, rest

    binding = bind_node(
        node(function, inputs={"first": "a", "second": "b", "third": "c"}),
        Available(datasets={"a", "b", "c"}),
    )
    assert binding.call(lambda item: item.key) == ("a", (), "b", {"third": "c"})


def test_a_builtin_that_hides_its_parameters_is_refused() -> None:
    with pytest.raises(PlanningError, match="does not say which parameters"):
        bind_node(node(dict.update), Available())


# References


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(name: str, text: str) -> None:
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


Write = Callable[[str, str], None]


def test_a_reference_is_imported(module: Write) -> None:
    module(
        "pack_a.steps", "def go(): return 7\nclass K:\n    @staticmethod\n    def run(): return 8"
    )
    assert bind_node(node("pack_a.steps.go"), Available()).call(lambda item: None) == 7
    assert bind_node(node("pack_a.steps:go"), Available()).call(lambda item: None) == 7
    assert bind_node(node("pack_a.steps.K.run"), Available()).call(lambda item: None) == 8


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("go", "names no module"),
        ("pack_b.steps.gone", "has no function 'gone'"),
        ("pack_b.stepz.go", "there is no module 'pack_b.stepz'"),
        ("pack_b.steps.VALUE", "cannot be called"),
        ("pack_b.broken.go", r"raised ZeroDivisionError: division by zero \(.*broken.py:2\)"),
        ("pack_b.needs.go", "importing 'pack_b.needs' raised ModuleNotFoundError"),
        ("pack_b.syntax.go", "raised SyntaxError"),
    ],
)
def test_a_reference_that_leads_nowhere_says_what_is_missing(
    module: Write, reference: str, message: str
) -> None:
    module("pack_b.steps", "VALUE = 1\ndef goner(): ...")
    module("pack_b.broken", "x = 0\n1 / x")
    module("pack_b.needs", "import a_package_that_is_not_installed")
    module("pack_b.syntax", "def go(:")
    with pytest.raises(PlanningError, match=message) as raised:
        bind_node(node(reference, location="nodes.yaml:4"), Available())
    assert "nodes.yaml:4" in raised.value.message


def test_a_misspelt_reference_gets_close_matches(module: Write) -> None:
    module("pack_c.steps", "def clean_data(): ...")
    with pytest.raises(PlanningError, match="Did you mean 'clean_data'"):
        bind_node(node("pack_c.steps.clean_dat"), Available())
    with pytest.raises(PlanningError, match="Did you mean 'steps'"):
        bind_node(node("pack_c.step.clean_data"), Available())


# Type hints

HINTS = """
from __future__ import annotations
from typing import TYPE_CHECKING, Annotated, Optional, Union
if TYPE_CHECKING:
    from tauro.mlops import ExperimentTracker, ModelRegistry as MR, Run
    from elsewhere import Context
    import tauro.mlops as m
class MLOpsContext: "The user's own class."
def plain(t: ExperimentTracker): ...
def quoted(t: 'ExperimentTracker'): ...
def optional(t: Optional[ExperimentTracker] = None): ...
def union(t: ExperimentTracker | None): ...
def renamed(t: MR): ...
def dotted(t: m.ExperimentTracker): ...
def run(t: Run): ...
def foreign(t: Context = 1): ...
def own(t: MLOpsContext = 1): ...
"""


@pytest.mark.parametrize(
    ("name", "service", "optional"),
    [
        ("plain", Service.TRACKER, False),
        ("quoted", Service.TRACKER, False),
        ("optional", Service.TRACKER, True),
        ("union", Service.TRACKER, True),
        ("renamed", Service.REGISTRY, False),
        ("dotted", Service.TRACKER, False),
        ("run", Service.RUN, False),
        ("foreign", None, False),
        ("own", None, False),
    ],
)
def test_services_are_found_in_text_that_only_type_checkers_can_resolve(
    module: Write, name: str, service: Service | None, optional: bool
) -> None:
    module("hinted", HINTS)
    binding = bind_node(node(f"hinted.{name}"), Available())
    assert binding.services == ({service} if service else frozenset())
    assert [item.optional for item in binding.bound] == ([optional] if service else [])


def _tauro_class(name: str) -> type:
    return type(name, (), {"__module__": "tauro.somewhere._inside"})


def test_services_are_found_in_real_classes_unions_and_subclasses() -> None:
    tracker, registry = _tauro_class("ExperimentTracker"), _tauro_class("ModelRegistry")
    child = type("MyTracker", (tracker,), {"__module__": "mine"})

    def function(a: Any, b: Any, c: Any) -> None: ...

    function.__annotations__ = {"a": tracker, "b": registry | None, "c": child}
    binding = bind_node(node(function), Available())
    assert [(item.key, item.optional) for item in binding.bound] == [
        ("ExperimentTracker", False),
        ("ModelRegistry", True),
        ("ExperimentTracker", False),
    ]


def test_an_input_is_bound_before_a_type_hint() -> None:
    def function(run: Any) -> None: ...

    function.__annotations__ = {"run": _tauro_class("Run")}
    assert sources(node(function, inputs={"run": "runs"}), datasets={"runs"}) == {
        "run": (SourceKind.DATASET, "runs")
    }


def test_a_partial_and_a_wrapped_function_keep_their_hints(module: Write) -> None:
    module(
        "wrapped",
        "from __future__ import annotations\nimport functools\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from tauro.mlops import ExperimentTracker\n"
        "def deco(f):\n    @functools.wraps(f)\n    def inner(*a, **k): return f(*a, **k)\n"
        "    return inner\n"
        "@deco\ndef go(tracker: ExperimentTracker, n: int): return tracker, n\n"
        "fixed = functools.partial(go, n=3)\n",
    )
    for name, params in (("go", {"n": 3}), ("fixed", {})):
        binding = bind_node(node(f"wrapped.{name}", params=params), Available())
        assert binding.services == {Service.TRACKER}
        assert binding.call(lambda item: {"tracker": "t", "n": 3}[item.parameter]) == ("t", 3)
