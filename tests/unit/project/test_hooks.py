"""Hooks and events around pipelines, nodes and datasets, registered in code and by entry points."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.project.conftest import Make

from tauro.errors import PipelineExecutionError, PlanningError
from tauro.events import Event, EventType, HookType, Observers, get_observers, set_observers

CODE = """
def read(raw): return raw.upper()
def fail(): raise ValueError("no")
"""


@pytest.fixture(autouse=True)
def observers() -> Iterator[Observers]:
    """A bundle of this test's own."""
    before = set_observers(Observers())
    yield get_observers()
    set_observers(before)


def make(project: Make, root: Path) -> Any:
    (root / "raw.txt").write_text("text")
    return project(
        code=CODE,
        nodes={
            "read": {"function": "steps.read", "inputs": {"raw": "raw"}, "output": "loud"},
            "fail": {"function": "steps.fail"},
        },
        pipelines={"main": {"nodes": ["read"]}, "bad": {"nodes": ["fail"]}},
        inputs={"raw": {"path": "raw.txt"}},
        outputs={"loud": {"path": "loud.txt"}},
    )


def test_hooks_run_around_pipeline_node_and_datasets_in_order(
    project: Make, tmp_path: Path, observers: Observers
) -> None:
    seen: list[tuple[str, str]] = []
    kinds = ("PIPELINE_RUN", "NODE_RUN", "DATASET_LOAD", "DATASET_SAVE")
    for kind in kinds:
        for moment in ("PRE", "POST"):
            name = f"{moment}_{kind}"
            observers.hooks.register(
                name,
                lambda data, name=name: seen.append(
                    (name, data.get("dataset") or data.get("node") or data["pipeline"])
                ),
            )
    run_id = make(project, tmp_path).run_pipeline("main").run_id
    assert seen == [
        ("PRE_PIPELINE_RUN", "main"),
        ("PRE_NODE_RUN", "read"),
        ("PRE_DATASET_LOAD", "raw"),
        ("POST_DATASET_LOAD", "raw"),
        ("PRE_DATASET_SAVE", "loud"),
        ("POST_DATASET_SAVE", "loud"),
        ("POST_NODE_RUN", "read"),
        ("POST_PIPELINE_RUN", "main"),
    ]
    assert run_id


def test_a_hook_that_raises_before_a_pipeline_stops_it_with_its_own_exception(
    project: Make, tmp_path: Path, observers: Observers
) -> None:
    class BudgetError(Exception):
        pass

    def refuse(data: dict[str, Any]) -> None:
        raise BudgetError

    observers.hooks.register(HookType.PRE_PIPELINE_RUN, refuse)
    with pytest.raises(BudgetError) as raised:
        make(project, tmp_path).run_pipeline("main")
    assert any("PRE_PIPELINE_RUN" in note for note in raised.value.__notes__)
    assert not (tmp_path / ".tauro").exists()
    assert not (tmp_path / "loud.txt").exists()


@pytest.mark.parametrize("kind", ["PRE_NODE_RUN", "PRE_DATASET_LOAD", "PRE_DATASET_SAVE"])
def test_a_hook_that_raises_before_a_node_or_its_data_fails_the_node(
    project: Make, tmp_path: Path, observers: Observers, kind: str
) -> None:
    def refuse(data: dict[str, Any]) -> None:
        raise PermissionError("not today")

    observers.hooks.register(kind, refuse)
    with pytest.raises(PipelineExecutionError, match=r"Node 'read' .* not today"):
        make(project, tmp_path).run_pipeline("main")
    assert not (tmp_path / "loud.txt").exists()


def test_a_hook_may_replace_the_data_that_is_saved(
    project: Make, tmp_path: Path, observers: Observers
) -> None:
    observers.hooks.register(
        HookType.PRE_DATASET_SAVE, lambda data: {**data, "data": data["data"] + "!"}
    )
    make(project, tmp_path).run_pipeline("main")
    assert (tmp_path / "loud.txt").read_text() == "TEXT!"


def test_events_tell_what_happened_and_hold_no_data(
    project: Make, tmp_path: Path, observers: Observers
) -> None:
    seen: list[Event] = []
    observers.emitter.subscribe("*", seen.append)
    executor = make(project, tmp_path)
    result = executor.run_pipeline("main")
    assert [event.event_type for event in seen] == [
        EventType.PIPELINE_STARTED,
        EventType.NODE_STARTED,
        EventType.DATASET_LOADED,
        EventType.DATASET_SAVED,
        EventType.NODE_COMPLETED,
        EventType.PIPELINE_COMPLETED,
    ]
    assert {event.data["run_id"] for event in seen} == {result.run_id}
    assert all("data" not in event.data for event in seen)
    seen.clear()
    with pytest.raises(PipelineExecutionError):
        executor.run_pipeline("bad")
    assert [event.event_type for event in seen][-2:] == [
        EventType.NODE_FAILED,
        EventType.PIPELINE_FAILED,
    ]
    assert "ValueError: no" in seen[-1].data["error"]


def install(root: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an installed package with an entry point on Python's path."""
    site = root / "site"
    info = site / "tauro_budget-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tauro-budget\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tauro.hooks]\nbudget = tauro_budget:install\n")
    (site / "tauro_budget.py").write_text(code)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "tauro_budget", raising=False)
    importlib.invalidate_caches()


def test_an_installed_package_brings_its_hooks_once(
    project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "calls = []\n"
        "def install(hooks):\n"
        "    hooks.register('PRE_NODE_RUN', lambda data: calls.append(data['node']))\n"
    )
    install(tmp_path, code, monkeypatch)
    executor = make(project, tmp_path)
    executor.run_pipeline("main")
    executor.run_pipeline("main")
    assert sys.modules["tauro_budget"].calls == ["read", "read"]


def test_a_package_whose_hooks_cannot_be_installed_is_named(
    project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "def install(hooks): raise RuntimeError('old version')", monkeypatch)
    with pytest.raises(PlanningError, match=r"'tauro_budget:install'.*RuntimeError: old version"):
        make(project, tmp_path).run_pipeline("main")
