"""What looks after a store passes hooks, events and the audit log, as every verb does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tauro.errors import StoreFormatError, ValidationError
from tauro.events import Event, FileAuditSink, HookType, Observers
from tauro.mlops import (
    MLOpsContext,
    collect_garbage,
    compact_store,
    export_store,
    import_store,
    migrate_store,
    repair_store,
)
from tauro.storage import LocalStorageBackend

Verb = Callable[[MLOpsContext, Path], object]
VERBS: dict[str, Verb] = {
    "compact": lambda context, _: compact_store(context),
    "export": lambda context, folder: export_store(context, folder / "copy.tar"),
    "import": lambda context, folder: import_store(context, folder / "other"),
    "repair": lambda context, _: repair_store(context),
}


@pytest.fixture
def observers(tmp_path: Path) -> Observers:
    own = Observers()
    sink = FileAuditSink(tmp_path / "store" / "audit")
    return dataclasses.replace(own, audit=type(own.audit)(sink))


@pytest.fixture
def context(tmp_path: Path, observers: Observers) -> MLOpsContext:
    with MLOpsContext(storage_path=str(tmp_path / "other")) as other:
        other.experiment_tracker.start_run(name="r").end()
    context = MLOpsContext(storage_path=str(tmp_path / "store"), observers=observers)
    with context.experiment_tracker.start_run(name="r") as run:
        run.log_metric("m", 1.0)
    return context


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_told_once(
    context: MLOpsContext, observers: Observers, tmp_path: Path, name: str
) -> None:
    """Before, after, to listeners, and to the audit log: who did what to which store."""
    events: list[Event] = []
    calls: list[str] = []
    for moment in ("pre", "post"):
        kind = HookType(f"{moment}_store_{name}")
        observers.hooks.register(kind, lambda data, moment=moment: calls.append(moment))
    observers.emitter.on("*", events.append)
    VERBS[name](context, tmp_path)
    assert calls == ["pre", "post"]
    told = [event for event in events if event.source == "store"]
    assert [str(event.event_type) for event in told] == [
        {"compact": "store.compacted", "repair": "store.repaired"}.get(name, f"store.{name}ed")
    ]
    [record] = observers.audit.query(action=f"store.{name}")
    assert record.outcome == "success"
    place = "other" if name == "import" else "store"
    assert record.subject.endswith(str(tmp_path / place)), record


@pytest.mark.parametrize("name", VERBS)
def test_a_hook_stops_a_verb_before_anything_is_done(
    context: MLOpsContext, observers: Observers, tmp_path: Path, name: str
) -> None:
    def refuse(data: object) -> None:
        raise PermissionError("not now")

    observers.hooks.register(HookType(f"pre_store_{name}"), refuse)
    before = {path for path in tmp_path.rglob("*") if "audit" not in path.parts}
    with pytest.raises(PermissionError, match="not now"):
        VERBS[name](context, tmp_path)
    assert {path for path in tmp_path.rglob("*") if "audit" not in path.parts} == before
    [record] = observers.audit.query(action=f"store.{name}")
    assert record.outcome == "refused"


def test_a_hook_sends_no_export_elsewhere(
    context: MLOpsContext, observers: Observers, tmp_path: Path
) -> None:
    """It may look, or raise: the copy is where the caller says, or nowhere."""
    elsewhere = str(tmp_path / "elsewhere")
    observers.hooks.register(
        HookType.PRE_STORE_EXPORT, lambda data: {**data, "destination": elsewhere}
    )
    with pytest.raises(ValidationError, match="changed destination"):
        export_store(context, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("verb", [migrate_store, lambda store: export_store(store, "copy")])
def test_a_place_without_a_store_gets_no_record(
    tmp_path: Path, verb: Callable[[object], object]
) -> None:
    context = MLOpsContext(storage_path=str(tmp_path / "none"))
    with pytest.raises(StoreFormatError):
        verb(context)
    assert not (tmp_path / "none").exists()


def test_only_a_migration_that_did_something_is_told(
    context: MLOpsContext, observers: Observers
) -> None:
    migrate_store(context)
    assert observers.audit.query(action="store.migrate") == []


def test_a_bare_storage_will_do(context: MLOpsContext, tmp_path: Path) -> None:
    """Then the hooks and listeners are the process's."""
    facts = export_store(LocalStorageBackend(tmp_path / "store"), tmp_path / "copy")
    assert facts["runs"] == 1


@pytest.mark.parametrize("days", ["x", None, -1, float("nan"), float("inf")], ids=repr)
def test_what_is_no_number_of_days_removes_nothing(context: MLOpsContext, days: Any) -> None:
    """Text as well as a number out of range."""
    [run] = context.experiment_tracker.list_runs()
    context.experiment_tracker.delete_run(run["run_id"])
    with pytest.raises(ValidationError, match="days from 0"):
        collect_garbage(context, older_than_days=days)
    assert context.experiment_tracker.count_runs(include_deleted=True) == 1
