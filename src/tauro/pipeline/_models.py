"""The records of a pipeline: what is to run, and what came of it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tauro._internal._close import did_you_mean
from tauro.errors import PlanningError
from tauro.resilience import RetryConfig

Function = str | Callable[..., Any]
"""A callable, or ``"module.attribute"`` that names one."""


NO_RETRY: Final = RetryConfig(max_attempts=1, retry_on=(Exception,))
"""A failure is final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step of a pipeline: a function, what it reads and what it writes.

    Attributes:
        name: Unique within the pipeline.
        function: The callable, or ``"module.attribute"``, imported when the node is bound.
        inputs: Parameter to the dataset, or the node, whose value it gets.
        outputs: Datasets that the returned value is saved to, in order.
        output_keys: Key of a returned mapping to the dataset its value is saved to; empty where
            the outputs are taken by position.
        dependencies: Nodes that must finish first; their values may be bound by name.
        params: Values for parameters of the same name, and for one called ``params``.
        hyperparams: Parameters of a model: bound like ``params``, and as a whole to a parameter
            called ``hyperparams``.
        retry: After which failures, how often and after what pauses it is tried again.
        timeout: Seconds after which a try is ended; None is no limit.
        tags: Labels by which nodes are selected.
        type: The kind the user gave, such as ``ml_training``.
        requires_dates: Whether the node cannot run without a start and an end date.
        description: For people.
        location: Where it was written, printed as ``file:line`` in errors.
        function_location: Where its function is named, which may be in another layer's file.
        hints: Keys of its configuration that speak of ML (``ml``, ``mlops``, ``hyperparams``, …).
    """

    name: str
    function: Function
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    output_keys: Mapping[str, str] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    hyperparams: Mapping[str, Any] = field(default_factory=dict)
    retry: RetryConfig = NO_RETRY
    timeout: float | None = None
    tags: frozenset[str] = frozenset()
    type: str = ""
    requires_dates: bool = False
    description: str = ""
    location: object = ""
    function_location: object = ""
    hints: frozenset[str] = frozenset()

    def parameters(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Return its parameters: hyperparameters, then its own, then those of the run."""
        return {**self.hyperparams, **self.params, **run}

    @property
    def function_name(self) -> str:
        """The reference of the function, for people."""
        if isinstance(self.function, str):
            return self.function
        module = getattr(self.function, "__module__", "")
        name = getattr(self.function, "__qualname__", type(self.function).__qualname__)
        return f"{module}.{name}" if module else name

    @property
    def where(self) -> str:
        """The name, with the place it was written when that is known."""
        return f"{self.name!r} ({self.location})" if self.location else repr(self.name)

    @property
    def where_function(self) -> str:
        """The name, with the place where its function is named when that is known."""
        found = self.function_location or self.location
        return f"{self.name!r} ({found})" if found else repr(self.name)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Named nodes in the order they were declared.

    Attributes:
        name: The pipeline's name.
        nodes: Its nodes; every name once.
        description: For people.
    """

    name: str
    nodes: tuple[Node, ...]
    description: str = ""

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for node in self.nodes:
            if node.name in seen:
                raise PlanningError(
                    f"Pipeline {self.name!r} has two nodes named {node.name!r}.",
                    suggestions=["Give each node a name of its own."],
                )
            seen.add(node.name)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise PlanningError(
            f"Pipeline {self.name!r} has no node {name!r}.",
            suggestions=did_you_mean(name, [node.name for node in self.nodes])
            or [f"Its nodes: {join_names(node.name for node in self.nodes)}."],
        )


class NodeStatus(enum.StrEnum):
    """What became of a node in a run."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not started, because something it needs failed or the run stopped."""
    INTERRUPTED = "interrupted"
    REUSED = "reused"
    """Not started, because an earlier run finished it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResult:
    """What became of one node.

    Attributes:
        name: The node.
        status: How it ended.
        value: What its function returned; None in place of a value that stayed in a worker.
        error: The exception of the last try.
        reason: Why it was skipped, for people.
        duration: Seconds of the last try.
        attempts: How often it was started.
        started_at: Nanoseconds since the epoch, 0 when it was not started.
        run_ids: Tracking runs that it opened.
    """

    name: str
    status: NodeStatus
    value: Any = None
    error: BaseException | None = None
    reason: str = ""
    duration: float = 0.0
    attempts: int = 0
    started_at: int = 0
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeReturn:
    """What executing a node hands back through the executor.

    Attributes:
        value: What the function returned.
        run_ids: Tracking runs that it opened.
    """

    value: Any
    run_ids: tuple[str, ...] = ()


def join_names(names: Sequence[str] | Iterator[str] | Any, *, limit: int = 12) -> str:
    """Return names quoted and joined for a message, cut where they are many."""
    listed = [repr(name) for name in names]
    shown = ", ".join(listed[:limit])
    return f"{shown} and {len(listed) - limit} more" if len(listed) > limit else shown or "none"
