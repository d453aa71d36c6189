"""The operations that hooks surround, events announce, counters count and the audit log keeps."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from tauro.events._types import EventType, HookType


@dataclass(frozen=True, slots=True)
class Effect:
    """What an ended operation tells the world.

    Attributes:
        event: Emitted with the operation's payload.
        counter: The system series that rises by one; "" for none.
        active: The system series of what is open now; "" for none.
        change: By how much ``active`` changes.
    """

    event: EventType | None = None
    counter: str = ""
    active: str = ""
    change: int = 0


_NOTHING = Effect()


@dataclass(frozen=True, slots=True)
class Spec:
    """The observable side of an operation.

    Attributes:
        success: The effect where the action returns.
        by_status: Effects that stand in for ``success`` by the payload's ``status``.
        failure: The effect where the action raises.
        started: Emitted after the PRE hooks, before the action.
        audited: Whether the audit log keeps the operation.
    """

    success: Effect
    by_status: Mapping[str, Effect] = field(default_factory=dict)
    failure: Effect = _NOTHING
    started: EventType | None = None
    audited: bool = True


_E = EventType
_SPECS: dict[str, Spec] = {
    "experiment.create": Spec(Effect(_E.EXPERIMENT_CREATED, "experiments_created")),
    "experiment.update": Spec(Effect(_E.EXPERIMENT_UPDATED)),
    "experiment.delete": Spec(Effect(_E.EXPERIMENT_DELETED, "experiments_deleted")),
    "experiment.restore": Spec(Effect(_E.EXPERIMENT_RESTORED)),
    "experiment.remove": Spec(Effect(_E.EXPERIMENT_REMOVED, "experiments_removed")),
    "run.start": Spec(Effect(_E.RUN_STARTED, "runs_started", "active_runs", 1)),
    "run.resume": Spec(Effect(_E.RUN_RESUMED, "runs_resumed", "active_runs", 1)),
    "run.update": Spec(Effect(_E.RUN_UPDATED)),
    "run.end": Spec(
        Effect(_E.RUN_COMPLETED, "runs_completed", "active_runs", -1),
        by_status={
            "FAILED": Effect(_E.RUN_FAILED, "runs_failed", "active_runs", -1),
            "CANCELLED": Effect(_E.RUN_CANCELLED, "runs_cancelled", "active_runs", -1),
        },
    ),
    "run.delete": Spec(Effect(_E.RUN_DELETED, "runs_deleted")),
    "run.restore": Spec(Effect(_E.RUN_RESTORED)),
    "run.remove": Spec(Effect(_E.RUN_REMOVED, "runs_removed")),
    # A run's own document says who logged its parameters and points.
    "param.log": Spec(Effect(_E.PARAM_LOGGED), audited=False),
    "metric.log": Spec(Effect(_E.METRIC_LOGGED), audited=False),
    "metric.log_batch": Spec(Effect(_E.METRIC_BATCH_LOGGED), audited=False),
    "tag.set": Spec(Effect(_E.TAG_SET)),
    "artifact.log": Spec(Effect(_E.ARTIFACT_LOGGED, "artifacts_logged")),
    "input.log": Spec(Effect(_E.INPUT_LOGGED)),
    "model.log": Spec(Effect(_E.MODEL_LOGGED, "models_logged")),
    "model.register": Spec(Effect(_E.MODEL_REGISTERED, "models_registered")),
    "model.promote": Spec(Effect(_E.MODEL_PROMOTED, "models_promoted")),
    "model.rollback": Spec(Effect(_E.MODEL_ROLLED_BACK, "models_rolled_back")),
    "model.update": Spec(Effect(_E.MODEL_UPDATED)),
    "model.delete": Spec(Effect(_E.MODEL_DELETED, "models_deleted")),
    "model.restore": Spec(Effect(_E.MODEL_RESTORED)),
    "model_version.delete": Spec(Effect(_E.MODEL_VERSION_DELETED, "model_versions_deleted")),
    "model_version.restore": Spec(Effect(_E.MODEL_VERSION_RESTORED)),
    "model_version.remove": Spec(Effect(_E.MODEL_VERSION_REMOVED, "model_versions_removed")),
    "alias.set": Spec(Effect(_E.ALIAS_SET)),
    "alias.delete": Spec(Effect(_E.ALIAS_DELETED)),
    "pipeline.run": Spec(
        Effect(_E.PIPELINE_COMPLETED, "pipelines_completed"),
        failure=Effect(_E.PIPELINE_FAILED, "pipelines_failed"),
        started=_E.PIPELINE_STARTED,
    ),
    "node.run": Spec(
        Effect(_E.NODE_COMPLETED, "nodes_completed"),
        failure=Effect(_E.NODE_FAILED, "nodes_failed"),
        started=_E.NODE_STARTED,
        audited=False,
    ),
    "dataset.load": Spec(Effect(_E.DATASET_LOADED), audited=False),
    "dataset.save": Spec(Effect(_E.DATASET_SAVED), audited=False),
    "deployment.create": Spec(Effect(_E.DEPLOYMENT_CREATED, "deployments_created")),
    "deployment.update": Spec(Effect(_E.DEPLOYMENT_UPDATED)),
    "deployment.rollback": Spec(Effect(_E.DEPLOYMENT_ROLLED_BACK, "deployments_rolled_back")),
    "store.compact": Spec(Effect(_E.STORE_COMPACTED)),
    "store.export": Spec(Effect(_E.STORE_EXPORTED)),
    "store.import": Spec(Effect(_E.STORE_IMPORTED)),
    "store.migrate": Spec(Effect(_E.STORE_MIGRATED)),
    "store.repair": Spec(Effect(_E.STORE_REPAIRED)),
}

_TAKES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            *("experiment.delete", "experiment.restore", "experiment.remove"),
            *("run.resume", "run.delete", "run.restore", "run.remove"),
            *("artifact.log", "input.log", "model.log", "pipeline.run", "node.run", "dataset.load"),
            *("store.compact", "store.export", "store.import", "store.migrate", "store.repair"),
        ),
        frozenset(),
    ),
    "experiment.update": frozenset({"name", "tags"}),
    "run.update": frozenset({"key", "note"}),
    "run.end": frozenset({"status"}),
    "param.log": frozenset({"parameters"}),
    "metric.log": frozenset({"key", "value", "step"}),
    "metric.log_batch": frozenset({"columns", "steps", "timestamps"}),
    "tag.set": frozenset({"tags"}),
    "dataset.save": frozenset({"data"}),
}
"""What of their data PRE hooks may replace, of the operations where that is not all of it."""

SYSTEM_SERIES: frozenset[str] = frozenset(
    name
    for spec in _SPECS.values()
    for effect in (spec.success, spec.failure, *spec.by_status.values())
    for name in (effect.counter, effect.active)
    if name
)
"""The names of the series that the system keeps."""

_COMPONENTS = {
    "model": "registry",
    "model_version": "registry",
    "alias": "registry",
    "pipeline": "pipeline",
    "node": "pipeline",
    "dataset": "pipeline",
    "deployment": "deployment",
    "store": "store",
}


class Operation(enum.Enum):
    """A verb that changes something. Its value is its name in the audit log.

    Attributes:
        pre: The hook before it, which may replace the data or stop it.
        post: The hook after it.
        component: The part it belongs to.
        spec: Its events, its counters, and whether the audit log keeps it.
        takes: What of its data PRE hooks may replace, None for all. The rest says what it is done
            to; a hook that changes that is refused.
    """

    EXPERIMENT_CREATE = "experiment.create"
    EXPERIMENT_UPDATE = "experiment.update"
    EXPERIMENT_DELETE = "experiment.delete"
    EXPERIMENT_RESTORE = "experiment.restore"
    EXPERIMENT_REMOVE = "experiment.remove"
    """For good, by ``gc``, as opposed to marked as deleted."""
    RUN_START = "run.start"
    RUN_RESUME = "run.resume"
    RUN_UPDATE = "run.update"
    RUN_END = "run.end"
    RUN_DELETE = "run.delete"
    RUN_RESTORE = "run.restore"
    RUN_REMOVE = "run.remove"
    """For good, by ``gc``."""
    PARAM_LOG = "param.log"
    METRIC_LOG = "metric.log"
    METRIC_LOG_BATCH = "metric.log_batch"
    """Whole columns at once, one call for all of them."""
    TAG_SET = "tag.set"
    ARTIFACT_LOG = "artifact.log"
    INPUT_LOG = "input.log"
    MODEL_LOG = "model.log"
    """A model saved to a run, as opposed to registered."""
    MODEL_REGISTER = "model.register"
    MODEL_PROMOTE = "model.promote"
    MODEL_ROLLBACK = "model.rollback"
    MODEL_UPDATE = "model.update"
    MODEL_DELETE = "model.delete"
    MODEL_RESTORE = "model.restore"
    MODEL_VERSION_DELETE = "model_version.delete"
    MODEL_VERSION_RESTORE = "model_version.restore"
    MODEL_VERSION_REMOVE = "model_version.remove"
    """The files of a version, for good, by ``gc``; its number and history stay."""
    ALIAS_SET = "alias.set"
    ALIAS_DELETE = "alias.delete"
    PIPELINE_RUN = "pipeline.run"
    NODE_RUN = "node.run"
    DATASET_LOAD = "dataset.load"
    DATASET_SAVE = "dataset.save"
    DEPLOYMENT_CREATE = "deployment.create"
    DEPLOYMENT_UPDATE = "deployment.update"
    DEPLOYMENT_ROLLBACK = "deployment.rollback"
    STORE_COMPACT = "store.compact"
    """Asked for, as opposed to the compaction of one experiment in the background."""
    STORE_EXPORT = "store.export"
    STORE_IMPORT = "store.import"
    """Another store taken into this one, as a whole: its runs and versions are not told each."""
    STORE_MIGRATE = "store.migrate"
    STORE_REPAIR = "store.repair"

    pre: HookType
    post: HookType
    component: str
    spec: Spec
    takes: frozenset[str] | None

    def __init__(self, text: str) -> None:
        family, _, verb = text.partition(".")
        self.pre = HookType(f"pre_{family}_{verb}")
        self.post = HookType(f"post_{family}_{verb}")
        self.component = _COMPONENTS.get(family, "tracking")
        self.spec = _SPECS[text]
        self.takes = _TAKES.get(text)
