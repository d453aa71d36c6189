"""Where the nodes of a run find inputs and leave outputs, and the boundary around their code."""

from __future__ import annotations

import concurrent.futures
import os
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tauro.errors import NodeExecutionError, TauroError
from tauro.events import Operation, get_observers
from tauro.pipeline._binding import Binding, Bound, SourceKind
from tauro.pipeline._hints import Service
from tauro.pipeline._models import Node, join_names

_LONGEST: Final = 2000
"""Characters of an exception's text in the message of a node's error; its context has all."""
_NOT_THE_USERS: Final = (
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ""),
    os.path.join(os.path.dirname(concurrent.futures.__file__), ""),
    "<",
)
"""Files of Tauro, of the executors that call it, and what is no file."""


class Datasets(Protocol):
    """Loads and saves by name. Used from any thread; what it returns belongs to the caller."""

    def load(self, name: str) -> Any:
        """Return the value of a dataset."""

    def save(self, name: str, value: Any) -> Any:
        """Put a value in a dataset."""


Provider = Callable[[Service, Node], Any]
"""Gives a node the service that it asks for by type hint."""


@dataclass(slots=True)
class Workspace:
    """What the nodes of one run share within a process.

    Attributes:
        datasets: The catalog.
        memory: Datasets that live here only.
        provide: Gives services.
        params: Parameters of the run, above those of the nodes.
        dates: The run's dates.
        pipeline: Its name, for errors.
        run_id: Its id, for errors.
        values: What each node returned.
    """

    datasets: Datasets
    memory: Collection[str]
    provide: Provider
    params: Mapping[str, Any] = field(default_factory=dict)
    dates: Mapping[str, Any] = field(default_factory=dict)
    pipeline: str = ""
    run_id: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    _held: dict[str, Any] = field(default_factory=dict)

    def execute(self, binding: Binding, seen: dict[str, Any] | None = None) -> Any:
        """Load a node's inputs, call its function, save its outputs, return what it returned.

        Args:
            binding: The node.
            seen: Filled with the datasets that were loaded, before the function is called.

        Raises:
            NodeExecutionError: Any of it failed; the cause is chained.
        """
        node = binding.node
        try:
            value = binding.call(lambda item: self._value(item, node, seen))
            self._save(node, value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the boundary around the user's code, also sys.exit()
            raise node_error(node, error, pipeline=self.pipeline, run_id=self.run_id) from error
        self.values[node.name] = value
        return value

    def _value(self, item: Bound, node: Node, seen: dict[str, Any] | None) -> Any:
        match item.kind:
            case SourceKind.DATASET:
                value = self._load(item.key, node)
                if seen is not None:
                    seen[item.key] = value
                return value
            case SourceKind.NODE:
                return self.values[item.key]
            case SourceKind.SERVICE:
                return self.provide(Service(item.key), node)
            case SourceKind.DATE:
                return self.dates[item.key]
            case SourceKind.PARAMETER:
                return node.parameters(self.params)[item.key]
            case SourceKind.ALL_PARAMETERS:
                return node.parameters(self.params)
            case SourceKind.HYPERPARAMETERS:
                return {key: node.parameters(self.params)[key] for key in node.hyperparams}

    def _load(self, name: str, node: Node) -> Any:
        if name in self._held:
            return self._held[name]
        about = self._about(name, node)
        return get_observers().perform(
            Operation.DATASET_LOAD, about, lambda _: self.datasets.load(name), lambda _: about
        )

    def _about(self, dataset: str, node: Node) -> dict[str, Any]:
        return {
            "dataset": dataset,
            "node": node.name,
            "pipeline": self.pipeline,
            "run_id": self.run_id,
        }

    def _save(self, node: Node, value: Any) -> None:
        for name, part in split_outputs(node, value).items():
            if name in self.memory:
                self._held[name] = part
            else:
                self._save_dataset(name, part, node)

    def _save_dataset(self, name: str, data: Any, node: Node) -> None:
        about = self._about(name, node)
        # Hooks before it see the data and may replace it; events do not hold on to it.
        get_observers().perform(
            Operation.DATASET_SAVE,
            {**about, "data": data},
            lambda given: self.datasets.save(name, given["data"]),
            lambda _: about,
        )


def split_outputs(node: Node, value: Any) -> dict[str, Any]:
    """Return the value of each declared output of a node.

    Raises:
        NodeExecutionError: The node declares several outputs and did not return as many values.
    """
    names = node.outputs
    if node.output_keys:
        return _by_key(node, value)
    if len(names) <= 1:
        return dict.fromkeys(names, value)
    if isinstance(value, Mapping) and set(names) <= set(value):
        return {name: value[name] for name in names}
    if isinstance(value, tuple | list) and len(value) == len(names):
        return dict(zip(names, value, strict=True))
    got = f"{len(value)} values" if isinstance(value, tuple | list) else type(value).__name__
    raise NodeExecutionError(
        f"Node {node.where} declares {len(names)} outputs ({', '.join(names)}) and returned {got}.",
        suggestions=["Return a tuple in that order, or a mapping with those keys."],
    )


def _by_key(node: Node, value: Any) -> dict[str, Any]:
    keys = list(value) if isinstance(value, Mapping) else []
    missing = [key for key in node.output_keys if key not in keys]
    if missing:
        got = f"the keys {join_names(keys)}" if isinstance(value, Mapping) else type(value).__name__
        raise NodeExecutionError(
            f"Node {node.where} declares the outputs {join_names(node.output_keys)} and "
            f"returned {got}.",
            suggestions=[f"Return a mapping that has {join_names(missing)} too."],
        )
    return {dataset: value[key] for key, dataset in node.output_keys.items()}


def node_error(
    node: Node, error: BaseException, *, pipeline: str = "", run_id: str = ""
) -> NodeExecutionError:
    """Return the error of a node: what was raised, where in the user's code, in which run."""
    if isinstance(error, NodeExecutionError):
        return error
    kind = type(error).__name__
    message = _message_of(error)
    place = _user_line(error)
    shown = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"
    hints = error.suggestions if isinstance(error, TauroError) else ()
    if isinstance(error, SystemExit):
        hints = ("Return from a node, or raise an error; sys.exit() would end the whole run.",)
    return NodeExecutionError(
        f"Node {node.where} failed{f' at {place}' if place else ''}: {kind}: {shown}",
        context={
            "node": node.name,
            "pipeline": pipeline,
            "run_id": run_id,
            "type": kind,
            "message": message,
            "place": place,
            "traceback": "".join(traceback.format_exception(error)),
        },
        suggestions=hints,
    )


def _message_of(error: BaseException) -> str:
    if isinstance(error, TauroError):
        return error.message
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001 - the user's own __str__
        return f"(its text raised {type(problem).__name__})"


def _user_line(error: BaseException) -> str:
    """Return ``file:line`` of the first frame outside Tauro: the user's own code, if any ran."""
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith(_NOT_THE_USERS):
            return f"{frame.filename}:{frame.lineno}"
    return ""
