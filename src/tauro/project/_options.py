"""What a caller may ask of a run, and what a run gives back."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from tauro._internal._close import did_you_mean
from tauro.errors import PlanningError
from tauro.pipeline import NodeResult

EXECUTORS: Final = ("threads", "processes")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run a pipeline.

    Attributes:
        nodes: These nodes and no others.
        from_nodes: These and what waits for them.
        to_nodes: These and what they wait for.
        tags: Nodes with at least one of these.
        only_missing: Leave out nodes whose outputs exist and whose successors need not run.
        params: Parameters above those of the nodes.
        start_date: For functions that take ``start_date``, ``YYYY-MM-DD``.
        end_date: For functions that take ``end_date``.
        executor: ``threads``, ``processes``, or any ``concurrent.futures`` executor whose workers
            have the project's files; None is ``threads``.
        max_workers: How many nodes run at once; None is one for threads left to themselves, else
            one for each core.
        keep_going: Whether branches that do not depend on a failed node go on.
        resume: Run whose finished nodes are not repeated; ``"last"`` is the newest.
    """

    nodes: tuple[str, ...] = ()
    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    only_missing: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)
    start_date: date | str | None = None
    end_date: date | str | None = None
    executor: str | Executor | None = None
    max_workers: int | None = None
    keep_going: bool = False
    resume: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.executor, str) and self.executor not in EXECUTORS:
            raise PlanningError(
                f"There is no executor {self.executor!r}.",
                suggestions=did_you_mean(self.executor, EXECUTORS)
                or [f"Executors: {', '.join(EXECUTORS)}."],
            )
        if self.max_workers is not None and self.max_workers < 1:
            raise PlanningError(f"max_workers must be at least 1, got {self.max_workers}.")
        dates = self.dates
        if len(dates) == 2 and dates["end_date"] < dates["start_date"]:
            raise PlanningError(
                f"end_date {dates['end_date']} lies before start_date {dates['start_date']}."
            )

    @property
    def is_narrowed(self) -> bool:
        """Whether part of the pipeline was asked for."""
        return self.only_missing or self.chooses_nodes

    @property
    def chooses_nodes(self) -> bool:
        """Whether nodes were chosen by name or tag."""
        return bool(self.nodes or self.from_nodes or self.to_nodes or self.tags)

    @property
    def dates(self) -> dict[str, str]:
        """The dates that are given, as ISO text."""
        given = {"start_date": self.start_date, "end_date": self.end_date}
        return {name: _iso(name, value) for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What came of a run of a pipeline.

    Attributes:
        success: Whether every node succeeded.
        pipeline: The pipeline's name.
        run_id: Id of the run and its record.
        status: ``succeeded``, ``failed`` or ``interrupted``.
        nodes: What became of each node, in the order of the plan.
        outputs: What each node returned, by its name; a declared output by its name, too.
        duration: Seconds.
        run_ids: Tracking runs that the nodes opened.
    """

    success: bool
    pipeline: str
    run_id: str
    status: str
    nodes: Mapping[str, NodeResult]
    outputs: Mapping[str, Any]
    duration: float
    run_ids: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values; what nodes returned is kept where JSON can hold it."""
        return {
            "success": self.success,
            "pipeline": self.pipeline,
            "run_id": self.run_id,
            "status": self.status,
            "duration": round(self.duration, 6),
            "nodes": [
                {
                    "name": node.name,
                    "status": str(node.status),
                    "duration": round(node.duration, 6),
                    "attempts": node.attempts,
                    "value": plain_value(node.value),
                    "error": None if node.error is None else str(node.error),
                    "reason": node.reason,
                    "run_ids": list(node.run_ids),
                }
                for node in self.nodes.values()
            ],
            "run_ids": list(self.run_ids),
        }


def plain_value(value: Any) -> Any:
    """Return a value where JSON holds it as it is, else a short description of it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping) and len(value) <= 1000:
        return {str(key): plain_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple) and len(value) <= 1000:
        return [plain_value(inner) for inner in value]
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return plain_value(item())  # a numpy scalar
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return f"<{kind} {'x'.join(map(str, shape))}>" if isinstance(shape, tuple) else f"<{kind}>"


def _iso(name: str, value: date | str) -> str:
    text = value if isinstance(value, str) else value.isoformat()
    try:
        date.fromisoformat(text[:10])
    except ValueError as error:
        raise PlanningError(
            f"{name} must be a date, got {text!r}.", suggestions=["Write it as YYYY-MM-DD."]
        ) from error
    return text
