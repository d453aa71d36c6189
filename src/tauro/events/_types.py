"""The names of events and hooks, and how a user's spelling of one becomes the member."""

from __future__ import annotations

import enum
import re
from datetime import datetime
from typing import Any

import msgspec

from tauro._internal._clock import from_ns
from tauro._internal._close import did_you_mean
from tauro.errors import ValidationError


class EventType(enum.StrEnum):
    """What can happen. Own types are dotted lower-case texts of another family: ``shop.sold``."""

    EXPERIMENT_CREATED = "experiment.created"
    EXPERIMENT_UPDATED = "experiment.updated"
    EXPERIMENT_DELETED = "experiment.deleted"
    EXPERIMENT_RESTORED = "experiment.restored"
    EXPERIMENT_REMOVED = "experiment.removed"
    RUN_STARTED = "run.started"
    RUN_RESUMED = "run.resumed"
    RUN_UPDATED = "run.updated"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    RUN_DELETED = "run.deleted"
    RUN_RESTORED = "run.restored"
    RUN_REMOVED = "run.removed"
    PARAM_LOGGED = "param.logged"
    METRIC_LOGGED = "metric.logged"
    """Points are many, so only listeners that name this type get it, never those of ``"*"``, and
    the history does not keep it."""
    METRIC_BATCH_LOGGED = "metric.batch_logged"
    """Whole columns of points; to whom it goes is as of ``METRIC_LOGGED``."""
    TAG_SET = "tag.set"
    ARTIFACT_LOGGED = "artifact.logged"
    INPUT_LOGGED = "input.logged"
    MODEL_LOGGED = "model.logged"
    MODEL_REGISTERED = "model.registered"
    MODEL_PROMOTED = "model.promoted"
    MODEL_ROLLED_BACK = "model.rolled_back"
    MODEL_UPDATED = "model.updated"
    MODEL_DELETED = "model.deleted"
    MODEL_RESTORED = "model.restored"
    MODEL_VERSION_DELETED = "model_version.deleted"
    MODEL_VERSION_RESTORED = "model_version.restored"
    MODEL_VERSION_REMOVED = "model_version.removed"
    ALIAS_SET = "alias.set"
    ALIAS_DELETED = "alias.deleted"
    PIPELINE_STARTED = "pipeline.started"
    PIPELINE_COMPLETED = "pipeline.completed"
    PIPELINE_FAILED = "pipeline.failed"
    NODE_STARTED = "node.started"
    NODE_COMPLETED = "node.completed"
    NODE_FAILED = "node.failed"
    NODE_SKIPPED = "node.skipped"
    DATASET_LOADED = "dataset.loaded"
    DATASET_SAVED = "dataset.saved"
    DEPLOYMENT_CREATED = "deployment.created"
    DEPLOYMENT_UPDATED = "deployment.updated"
    DEPLOYMENT_ROLLED_BACK = "deployment.rolled_back"
    DRIFT_DETECTED = "drift.detected"
    ALERT_RAISED = "alert.raised"
    ALERT_RESOLVED = "alert.resolved"
    HEALTH_CHANGED = "health.changed"
    STORE_COMPACTED = "store.compacted"
    STORE_EXPORTED = "store.exported"
    STORE_IMPORTED = "store.imported"
    STORE_MIGRATED = "store.migrated"
    STORE_REPAIRED = "store.repaired"


class HookType(enum.StrEnum):
    """The moments at which a hook can be called: before and after each operation."""

    PRE_EXPERIMENT_CREATE = "pre_experiment_create"
    POST_EXPERIMENT_CREATE = "post_experiment_create"
    PRE_EXPERIMENT_UPDATE = "pre_experiment_update"
    POST_EXPERIMENT_UPDATE = "post_experiment_update"
    PRE_EXPERIMENT_DELETE = "pre_experiment_delete"
    POST_EXPERIMENT_DELETE = "post_experiment_delete"
    PRE_EXPERIMENT_RESTORE = "pre_experiment_restore"
    POST_EXPERIMENT_RESTORE = "post_experiment_restore"
    PRE_EXPERIMENT_REMOVE = "pre_experiment_remove"
    POST_EXPERIMENT_REMOVE = "post_experiment_remove"
    PRE_RUN_START = "pre_run_start"
    POST_RUN_START = "post_run_start"
    PRE_RUN_RESUME = "pre_run_resume"
    POST_RUN_RESUME = "post_run_resume"
    PRE_RUN_UPDATE = "pre_run_update"
    POST_RUN_UPDATE = "post_run_update"
    PRE_RUN_END = "pre_run_end"
    POST_RUN_END = "post_run_end"
    PRE_RUN_DELETE = "pre_run_delete"
    POST_RUN_DELETE = "post_run_delete"
    PRE_RUN_RESTORE = "pre_run_restore"
    POST_RUN_RESTORE = "post_run_restore"
    PRE_RUN_REMOVE = "pre_run_remove"
    POST_RUN_REMOVE = "post_run_remove"
    PRE_PARAM_LOG = "pre_param_log"
    POST_PARAM_LOG = "post_param_log"
    PRE_METRIC_LOG = "pre_metric_log"
    POST_METRIC_LOG = "post_metric_log"
    PRE_METRIC_LOG_BATCH = "pre_metric_log_batch"
    POST_METRIC_LOG_BATCH = "post_metric_log_batch"
    PRE_TAG_SET = "pre_tag_set"
    POST_TAG_SET = "post_tag_set"
    PRE_ARTIFACT_LOG = "pre_artifact_log"
    POST_ARTIFACT_LOG = "post_artifact_log"
    PRE_INPUT_LOG = "pre_input_log"
    POST_INPUT_LOG = "post_input_log"
    PRE_MODEL_LOG = "pre_model_log"
    POST_MODEL_LOG = "post_model_log"
    PRE_MODEL_REGISTER = "pre_model_register"
    POST_MODEL_REGISTER = "post_model_register"
    PRE_MODEL_PROMOTE = "pre_model_promote"
    POST_MODEL_PROMOTE = "post_model_promote"
    PRE_MODEL_ROLLBACK = "pre_model_rollback"
    POST_MODEL_ROLLBACK = "post_model_rollback"
    PRE_MODEL_UPDATE = "pre_model_update"
    POST_MODEL_UPDATE = "post_model_update"
    PRE_MODEL_DELETE = "pre_model_delete"
    POST_MODEL_DELETE = "post_model_delete"
    PRE_MODEL_RESTORE = "pre_model_restore"
    POST_MODEL_RESTORE = "post_model_restore"
    PRE_MODEL_VERSION_DELETE = "pre_model_version_delete"
    POST_MODEL_VERSION_DELETE = "post_model_version_delete"
    PRE_MODEL_VERSION_RESTORE = "pre_model_version_restore"
    POST_MODEL_VERSION_RESTORE = "post_model_version_restore"
    PRE_MODEL_VERSION_REMOVE = "pre_model_version_remove"
    POST_MODEL_VERSION_REMOVE = "post_model_version_remove"
    PRE_ALIAS_SET = "pre_alias_set"
    POST_ALIAS_SET = "post_alias_set"
    PRE_ALIAS_DELETE = "pre_alias_delete"
    POST_ALIAS_DELETE = "post_alias_delete"
    PRE_PIPELINE_RUN = "pre_pipeline_run"
    POST_PIPELINE_RUN = "post_pipeline_run"
    PRE_NODE_RUN = "pre_node_run"
    POST_NODE_RUN = "post_node_run"
    PRE_DATASET_LOAD = "pre_dataset_load"
    POST_DATASET_LOAD = "post_dataset_load"
    PRE_DATASET_SAVE = "pre_dataset_save"
    POST_DATASET_SAVE = "post_dataset_save"
    PRE_DEPLOYMENT_CREATE = "pre_deployment_create"
    POST_DEPLOYMENT_CREATE = "post_deployment_create"
    PRE_DEPLOYMENT_UPDATE = "pre_deployment_update"
    POST_DEPLOYMENT_UPDATE = "post_deployment_update"
    PRE_DEPLOYMENT_ROLLBACK = "pre_deployment_rollback"
    POST_DEPLOYMENT_ROLLBACK = "post_deployment_rollback"
    PRE_STORE_COMPACT = "pre_store_compact"
    POST_STORE_COMPACT = "post_store_compact"
    PRE_STORE_EXPORT = "pre_store_export"
    POST_STORE_EXPORT = "post_store_export"
    PRE_STORE_IMPORT = "pre_store_import"
    POST_STORE_IMPORT = "post_store_import"
    PRE_STORE_MIGRATE = "pre_store_migrate"
    POST_STORE_MIGRATE = "post_store_migrate"
    PRE_STORE_REPAIR = "pre_store_repair"
    POST_STORE_REPAIR = "post_store_repair"

    @property
    def is_pre(self) -> bool:
        """Whether the hook runs before its operation and may stop it."""
        return self.value.startswith("pre_")


class Event(msgspec.Struct, frozen=True):
    """Something that happened.

    Attributes:
        event_type: A member of :class:`EventType`, or the text of an own type.
        data: What it is about. One mapping for all listeners and the history: read it only.
        timestamp_ns: When, in nanoseconds since the epoch.
        sequence: Rises with every event of one emitter.
        source: The component that emitted it, such as ``registry``; "" when a user did.
    """

    event_type: EventType | str
    data: dict[str, Any]
    timestamp_ns: int
    sequence: int
    source: str = ""

    @property
    def timestamp(self) -> datetime:
        """When it happened, an aware datetime in UTC."""
        return from_ns(self.timestamp_ns)

    def to_dict(self) -> dict[str, Any]:
        """Return the event as a plain mapping, for sinks that write it somewhere."""
        return {
            "event_type": str(self.event_type),
            "data": dict(self.data),
            "timestamp": from_ns(self.timestamp_ns).isoformat(),
            "sequence": self.sequence,
            "source": self.source,
        }


ALL_EVENTS = "*"
_OWN_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_EVENTS: dict[str, EventType] = {
    text: member for member in EventType for text in (member.name, member.value)
}
_FAMILIES = frozenset(member.value.partition(".")[0] for member in EventType)
_HOOKS: dict[str, HookType] = {
    text: member for member in HookType for text in (member.name, member.value)
}


def to_event_type(value: object) -> EventType | str:
    """Return the event type that a member, its value, its name or an own type's text means.

    Raises:
        ValidationError: The text names nothing, or an unknown event of a family of Tauro's own.
    """
    if type(value) is EventType:
        return value
    found = _EVENTS.get(value) if isinstance(value, str) else None
    if found is not None:
        return found
    if (
        isinstance(value, str)
        and _OWN_TYPE.fullmatch(value)
        and value.partition(".")[0] not in _FAMILIES
    ):
        return value
    raise ValidationError(
        f"{value!r} is no event type.",
        suggestions=[
            *did_you_mean(str(value), _EVENTS),
            "Give an EventType, its value or its name, or an own type: 'shop.order_placed'.",
        ],
    )


def to_hook_type(value: object) -> HookType:
    """Return the hook type that a member, its value or its name means.

    Raises:
        ValidationError: The text names none.
    """
    found = _HOOKS.get(value) if isinstance(value, str) else None
    if found is None:
        raise ValidationError(
            f"{value!r} is no hook type.",
            suggestions=[
                *did_you_mean(str(value), _HOOKS),
                "Hook types are PRE_ or POST_ and an operation: HookType.PRE_MODEL_REGISTER.",
            ],
        )
    return found
