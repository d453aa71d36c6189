"""What is recorded of an ML node by itself. Loaded only when a run has an ML node.

The node's own runs are the truth where it starts any: they get tags that say where they come from,
and the data the node read. Where it starts none, one run is opened when the node ends, named after
pipeline and node, with its parameters, the scalars and models it returned, and how it ended.
"""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tauro._internal._active import run_scope
from tauro._internal._secrets import mask_secrets
from tauro.catalog import Catalog
from tauro.errors import (
    ErrorContext,
    FlavorError,
    NodeExecutionError,
    RunNotFoundError,
    TrackingValidationError,
)
from tauro.events import Event, EventType, HookType
from tauro.pipeline import Binding, NodeReturn, Workspace
from tauro.project._recorder import kept_value

if TYPE_CHECKING:
    from tauro.tracking import ExperimentTracker, Run

_log = logging.getLogger("tauro.project")
_MOST_METRICS: Final = 200
_FIRST: Final = 1000
"""Priority of the hook that names runs: the user's own hooks see the name."""

_current: contextvars.ContextVar[NodeRecording | None] = contextvars.ContextVar(
    "tauro_node_recording", default=None
)


@dataclass(slots=True, kw_only=True)
class NodeRecording:
    """The tracking side of one try of one ML node.

    Attributes:
        tracker: The project's tracker.
        catalog: Says where datasets lie.
        binding: The node.
        pipeline: The pipeline's name.
        pipeline_run: The id of the pipeline's run.
        auto_log: Whether anything is recorded that the node does not record itself.
        parameters: The node's parameters in this run.
        run: The run that was opened because the node asks for one by type hint.
        run_ids: Runs that the node opened, in order.
    """

    tracker: ExperimentTracker
    catalog: Catalog
    binding: Binding
    pipeline: str
    pipeline_run: str
    auto_log: bool
    parameters: Mapping[str, Any] = field(default_factory=dict)
    run: Run | None = None
    run_ids: list[str] = field(default_factory=list)
    _read: dict[str, Any] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """What runs are called that the node does not name."""
        return f"{self.pipeline}.{self.binding.node.name}"

    def execute(self, workspace: Workspace) -> NodeReturn:
        """Run the node and record what it does not record itself.

        Raises:
            NodeExecutionError: The node failed; its context names the runs.
        """
        # A context of its own: a run that the node leaves open is not the next node's active run.
        return contextvars.copy_context().run(self._execute, workspace)

    def _execute(self, workspace: Workspace) -> NodeReturn:
        _current.set(self)
        run_scope.set(f"{self.pipeline_run}/{self.binding.node.name}")
        with self._noticing():
            try:
                value = workspace.execute(self.binding, self._read)
            except NodeExecutionError as error:
                cause = error.__cause__  # a node that calls sys.exit(0) failed all the same
                self._close(error=cause if isinstance(cause, Exception) else error)
                details = {**error.context.details, "run_ids": list(self.run_ids)}
                error.context = ErrorContext(details=details)
                raise
            except BaseException as error:
                self._close(error=error)
                raise
            self._close(value=value)
        return NodeReturn(value, tuple(self.run_ids))

    def open_run(self) -> Run:
        """Return the run that a node gets by type hint; it ends with the node."""
        if self.run is None:
            self.run = self.tracker.start_run(parameters=self._parameters())
        return self.run

    # What the node's own runs get

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        observers = self.tracker.observers
        observers.hooks.register(HookType.PRE_RUN_START, self._describe, priority=_FIRST)
        observers.emitter.subscribe(EventType.RUN_STARTED, self._notice)
        try:
            yield
        finally:
            observers.hooks.unregister(HookType.PRE_RUN_START, self._describe)
            observers.emitter.unsubscribe(EventType.RUN_STARTED, self._notice)

    def _describe(self, data: dict[str, Any]) -> dict[str, Any] | None:
        if _current.get() is not self:
            return None
        tags = {
            "tauro.pipeline": self.pipeline,
            "tauro.node": self.binding.node.name,
            "tauro.pipeline_run": self.pipeline_run,
        }
        return {**data, "name": data["name"] or self.name, "tags": {**tags, **data["tags"]}}

    def _notice(self, event: Event) -> None:
        if _current.get() is not self:
            return
        run_id = event.data["run_id"]
        self.run_ids.append(run_id)
        if self.auto_log and len(self.run_ids) == 1:
            self._log_inputs(run_id)

    # The end of the node

    def _close(self, *, value: Any = None, error: BaseException | None = None) -> None:
        """End what the node left open; where it opened nothing, record it."""
        try:
            own = any(not self.tracker.opened_by_itself(each) for each in self.run_ids)
            own = own and self.run is None
            if not own and self.auto_log:
                self._record(value, error)
            for run_id in reversed(self.run_ids):  # nested runs end before those around them
                self._end(run_id, error)
        except Exception:  # noqa: BLE001 - the node's work is done and must not be lost for this
            _log.warning("The run of node %r was not recorded.", self.name, exc_info=True)

    def _end(self, run_id: str, error: BaseException | None) -> None:
        try:
            run = self.tracker.get_run(run_id)
        except RunNotFoundError:
            return  # of another tracker, which the node brought itself
        if run.is_active:
            run.__exit__(type(error) if error is not None else None, error, None)

    def _record(self, value: Any, error: BaseException | None) -> None:
        run = self._automatic_run()
        if not run.is_active:
            return  # the node ended the run it was given: it said all there is to say
        run.log_metric("duration_seconds", time.monotonic() - self._started)
        if error is not None:
            return
        with contextlib.suppress(TrackingValidationError):
            run.log_metrics(scalars_of(value, self.binding.node.name))
        for path, model in models_of(value).items():
            try:
                run.log_model(model, artifact_path=path)
            except Exception:  # noqa: BLE001 - a framework's own code writes the model
                _log.warning("Model %r of %r was not recorded.", path, self.name, exc_info=True)

    def _automatic_run(self) -> Run:
        """Return the run of a node that starts none: the one that a verb opened, or a new one."""
        for run_id in self.run_ids:
            if self.tracker.opened_by_itself(run_id):
                run = self.tracker.get_run(run_id)
                run.log_params(self._parameters())
                return run
        return self.open_run()

    def _parameters(self) -> dict[str, Any]:
        bound = {item.parameter for item in self.binding.bound}
        defaults = {
            parameter.name: parameter.default
            for parameter in inspect.signature(self.binding.function).parameters.values()
            if parameter.default is not parameter.empty and parameter.name not in bound
        }
        given = {**defaults, **self.parameters}
        plain = {key: item for key, item in given.items() if kept_value(item) is not None}
        masked: dict[str, Any] = mask_secrets(plain)
        return {key: item for key, item in masked.items() if item is not None}

    def _log_inputs(self, run_id: str) -> None:
        for name, data in self._read.items():
            spec = self.catalog.get_spec(name) if name in self.catalog else None
            path = os.path.join(self.catalog.root, spec.path) if spec and spec.path else ""
            # The file cannot have been changed by the node; a frame can.
            source: Any = path if os.path.isfile(path) else data
            try:
                self.tracker.log_input(source, name, source=path, run_id=run_id)
            except (TrackingValidationError, OSError):
                _log.debug("Dataset %r has no fingerprint.", name, exc_info=True)


def open_run() -> Run:
    """Return the run of the node that is running here."""
    recording = _current.get()
    assert recording is not None
    return recording.open_run()


def recorded_run_id() -> str | None:
    """Return the run that what the node makes comes from: its own first one, else one opened now.

    None where no node is running here, or where it is not recorded.
    """
    recording = _current.get()
    if recording is None:
        return None
    if recording.run_ids:
        return recording.run_ids[0]
    return recording.open_run().run_id if recording.auto_log else None


def scalars_of(value: Any, name: str) -> dict[str, float]:
    """Return the numbers in what a node returned: by key, nested ones with dots."""
    found: dict[str, float] = {}
    _collect(value, "", found)
    if "" in found:
        found[name] = found.pop("")
    return found


def _collect(value: Any, key: str, found: dict[str, float]) -> None:
    if len(found) >= _MOST_METRICS:
        return
    if isinstance(value, Mapping):
        for part, inner in value.items():
            _collect(inner, f"{key}.{part}" if key else str(part), found)
        return
    plain = (
        value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
    )
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        found[key] = float(plain)


def models_of(value: Any) -> dict[str, Any]:
    """Return the models in what a node returned, by the artifact path each gets."""
    if isinstance(value, Mapping):
        return {str(key): inner for key, inner in value.items() if is_model(inner)}
    if isinstance(value, tuple | list) and len(value) <= _MOST_METRICS:
        models = [inner for inner in value if is_model(inner)]
        if len(models) == 1:
            return {"model": models[0]}
        return {f"model_{number}": model for number, model in enumerate(models, 1)}
    return {"model": value} if is_model(value) else {}


def is_model(value: Any) -> bool:
    """Tell whether a value is a model of a framework that Tauro has a flavor for."""
    from tauro.flavors import flavor_of

    if value is None or isinstance(value, str | int | float | type | os.PathLike):
        return False
    if not (hasattr(value, "predict") or hasattr(value, "forward")):
        return False
    try:
        return flavor_of(value).name not in ("python", "files")
    except FlavorError:
        return False
