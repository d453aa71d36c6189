"""The states of a run: their names, and what cannot be done in which."""

from __future__ import annotations

from tauro._internal._close import did_you_mean
from tauro.errors import ExperimentNotFoundError, RunNotActiveError, TrackingValidationError
from tauro.tracking._models import RunRecord, RunStatus


def ended_error(record: RunRecord) -> RunNotActiveError:
    """Return the error of writing to a run that has ended."""
    return RunNotActiveError(
        f"The run {record.run_id} ({record.name!r}) has ended: {record.status}.",
        context={"run_id": record.run_id, "status": record.status.value},
        suggestions=[f"tracker.resume_run({record.run_id!r}) opens it again."],
    )


def deleted_error(record: RunRecord) -> RunNotActiveError:
    """Return the error of writing to a run that is deleted."""
    return RunNotActiveError(
        f"The run {record.run_id} ({record.name!r}) is deleted.",
        context={"run_id": record.run_id},
        suggestions=[f"tracker.restore_run({record.run_id!r}) brings it back."],
    )


def experiment_deleted_error(which: str, experiment_id: str) -> ExperimentNotFoundError:
    """Return the error of writing to a run of an experiment that is deleted."""
    return ExperimentNotFoundError(
        f"The experiment {which} is deleted.",
        context={"experiment_id": experiment_id},
        suggestions=[f"tracker.restore_experiment({experiment_id!r}) brings it back."],
    )


def parse_status(status: RunStatus | str) -> RunStatus:
    """Return a status from its name in any case; ``FINISHED`` is ``COMPLETED``.

    Raises:
        TrackingValidationError: It is none.
    """
    text = status.value if isinstance(status, RunStatus) else str(status).upper()
    text = "COMPLETED" if text == "FINISHED" else text
    try:
        found = RunStatus(text)
    except ValueError as error:
        raise TrackingValidationError(
            f"{status!r} is not the status of a run.",
            suggestions=did_you_mean(text, [each.value for each in RunStatus])
            or [f"Expected one of {', '.join(RunStatus)}."],
        ) from error
    return found


def final_status(status: RunStatus | str) -> RunStatus:
    """Return a status in which a run can end, as :func:`parse_status` does.

    Raises:
        TrackingValidationError: It is none.
    """
    found = parse_status(status)
    if found in (RunStatus.RUNNING, RunStatus.SCHEDULED):
        raise TrackingValidationError(
            f"A run cannot end as {found}; expected COMPLETED, FAILED or CANCELLED."
        )
    return found
