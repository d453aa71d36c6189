"""What each parameter of a node's function gets, settled before anything runs.

In this order: an input of that name, an input that reads the dataset of that name, an upstream
node of that name; a service asked for by type hint; then ``start_date``, ``end_date``, ``params``
and single parameters by name. What is left must have a default.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tauro._internal._close import did_you_mean
from tauro.errors import PlanningError
from tauro.pipeline._function import parameters_of, resolve_function
from tauro.pipeline._hints import Service, service_of
from tauro.pipeline._models import Node, join_names

DATE_PARAMETERS = ("start_date", "end_date")


class SourceKind(enum.Enum):
    """Where a bound value comes from."""

    DATASET = "dataset"
    NODE = "node"
    SERVICE = "service"
    DATE = "date"
    PARAMETER = "parameter"
    ALL_PARAMETERS = "params"
    HYPERPARAMETERS = "hyperparams"


@dataclass(frozen=True, slots=True)
class Bound:
    """A parameter and its source.

    Attributes:
        parameter: The function's parameter.
        kind: Where the value comes from.
        key: The dataset, node, service, date or parameter.
        optional: Whether None is an accepted value.
        positional: Whether it can only be passed by position.
        convert: Applied to the value, None for as it is.
    """

    parameter: str
    kind: SourceKind
    key: str
    optional: bool = False
    positional: bool = False
    convert: Callable[[str], Any] | None = None

    @property
    def is_service(self) -> bool:
        """Whether it is asked for by type hint."""
        return self.kind is SourceKind.SERVICE


@dataclass(frozen=True, slots=True)
class Binding:
    """A node's function with a source for each of its parameters."""

    node: Node
    function: Callable[..., Any]
    bound: tuple[Bound, ...]

    @property
    def services(self) -> frozenset[Service]:
        """The services it asks for."""
        return frozenset(
            Service(item.key) for item in self.bound if item.kind is SourceKind.SERVICE
        )

    def call(self, values: Callable[[Bound], Any]) -> Any:
        """Call the function, each parameter given what ``values`` answers for it."""
        positional: list[Any] = []
        named: dict[str, Any] = {}
        # Services come last: a run that opens for the node then knows the data the node got.
        resolved = {item.parameter: values(item) for item in self.bound if not item.is_service}
        for item in self.bound:
            value = values(item) if item.is_service else resolved[item.parameter]
            if item.convert is not None and isinstance(value, str):
                value = item.convert(value)
            if item.positional:
                positional.append(value)
            else:
                named[item.parameter] = value
        return self.function(*positional, **named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """What parameters can be bound to.

    Attributes:
        datasets: Names that are datasets, wherever they come from.
        nodes: Names of the pipeline's nodes.
        params: Parameters of this run, above those of the nodes.
        dates: Which of ``start_date`` and ``end_date`` this run gives.
    """

    datasets: Collection[str] = ()
    nodes: Collection[str] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    dates: Collection[str] = ()


def bind_node(node: Node, available: Available) -> Binding:
    """Return the binding of a node.

    Raises:
        PlanningError: The function cannot be found, a parameter cannot be bound, or an input is
            one that the function does not take.
    """
    function = resolve_function(node)
    parameters = parameters_of(function, node)
    _check_inputs(node, parameters)
    if node.requires_dates:
        _check_dates(node, available)
    bound: list[Bound] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            taken = {item.parameter for item in bound}
            bound.extend(
                _from_input(node, name, source, available)
                for name, source in node.inputs.items()
                if name not in taken
            )
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            found = _find(node, parameter, function, available)
            if found is not None:
                bound.append(found)
            elif parameter.default is parameter.empty:
                raise _unbound(node, parameter, available)
    return Binding(node, function, tuple(bound))


def _find(
    node: Node,
    parameter: inspect.Parameter,
    function: Callable[..., Any],
    available: Available,
) -> Bound | None:
    name, dates = parameter.name, available.dates
    positional = parameter.kind is parameter.POSITIONAL_ONLY
    if name in node.inputs:
        return _from_input(node, name, node.inputs[name], available, positional=positional)
    if name in node.inputs.values():
        return _from_input(node, name, name, available, positional=positional)
    if name in node.dependencies:
        return Bound(name, SourceKind.NODE, name, positional=positional)
    service, optional = service_of(parameter.annotation, function)
    if service is not None:
        return Bound(name, SourceKind.SERVICE, service.value, optional, positional)
    if name in DATE_PARAMETERS and (name in dates or parameter.default is parameter.empty):
        if name not in dates and not _is_given(name, node, available):
            raise _missing_date(node, [name])
        kind = SourceKind.DATE if name in dates else SourceKind.PARAMETER
        convert = _date_converter(parameter.annotation)
        return Bound(name, kind, name, positional=positional, convert=convert)
    if _is_given(name, node, available):
        return Bound(name, SourceKind.PARAMETER, name, positional=positional)
    if name == "params":
        return Bound(name, SourceKind.ALL_PARAMETERS, name, positional=positional)
    if name == "hyperparams" and node.hyperparams:
        return Bound(name, SourceKind.HYPERPARAMETERS, name, positional=positional)
    return None


def _from_input(
    node: Node,
    parameter: str,
    source: str,
    available: Available,
    *,
    positional: bool = False,
) -> Bound:
    if source in available.datasets:
        return Bound(parameter, SourceKind.DATASET, source, positional=positional)
    if source in available.nodes:
        return Bound(parameter, SourceKind.NODE, source, positional=positional)
    raise PlanningError(
        f"Node {node.where}: the input {source!r} is no dataset, and no node produces it.",
        suggestions=did_you_mean(source, {*available.datasets, *available.nodes})
        or ["Declare it in the input configuration, or as an output of a node."],
    )


def _date_converter(annotation: Any) -> Callable[[str], Any] | None:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    if text.endswith("datetime"):
        return datetime.fromisoformat
    return date.fromisoformat if text.endswith("date") else None


def _check_inputs(node: Node, parameters: tuple[inspect.Parameter, ...]) -> None:
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    names = {parameter.name for parameter in parameters}
    for name, source in node.inputs.items():
        if name not in names and source not in names:
            raise PlanningError(
                f"Node {node.where}: {node.function_name}() takes no parameter {name!r} for the "
                f"input {source!r}; its parameters: {join_names(names)}.",
                suggestions=did_you_mean(name, names)
                or [f"Write the input as 'parameter: {source}'."],
            )


def _is_given(name: str, node: Node, available: Available) -> bool:
    return name in node.params or name in node.hyperparams or name in available.params


def _check_dates(node: Node, available: Available) -> None:
    missing = [name for name in DATE_PARAMETERS if name not in available.dates]
    if missing:
        raise _missing_date(node, missing)


def _missing_date(node: Node, missing: list[str]) -> PlanningError:
    flags = " and ".join(f"--{name.replace('_', '-')}" for name in missing)
    return PlanningError(
        f"Node {node.where} needs {' and '.join(missing)}.",
        suggestions=[f"Give {flags} as YYYY-MM-DD."],
    )


def _unbound(node: Node, parameter: inspect.Parameter, available: Available) -> PlanningError:
    name = parameter.name
    given = node.parameters(available.params)
    at_hand = [
        f"inputs {join_names(node.inputs)}",
        f"upstream nodes {join_names(node.dependencies)}",
        f"params {join_names(given)}",
    ]
    hints = did_you_mean(name, {*node.inputs, *node.inputs.values(), *node.dependencies, *given})
    if name in available.datasets:
        hints.append(f"There is a dataset of this name: add it to the node's inputs ({name}).")
    elif name in available.nodes:
        hints.append(f"There is a node of this name: add it to the node's dependencies ({name}).")
    return PlanningError(
        f"Node {node.where}: the parameter {name!r} of {node.function_name}() cannot be bound; "
        f"available: {'; '.join(at_hand)}.",
        suggestions=hints or ["Name it in the node's inputs or params, or give it a default."],
    )
