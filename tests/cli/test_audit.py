"""``tauro audit``: what a store remembers of who did what."""

from __future__ import annotations

import errno
import os
import platform
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.events import HookType, acting_as, get_hooks_manager
from tauro.mlops import MLOpsContext

from .conftest import Tauro


@pytest.fixture
def store(here: Path) -> None:
    """Do some things as two people; one is refused."""
    (here / "model.bin").write_bytes(b"weights")
    with MLOpsContext() as context:
        registry = context.model_registry
        with acting_as("ada"):
            registry.register_model("fraud", here / "model.bin")
            context.experiment_tracker.start_run(name="r", parameters={"api_key": "hidden"}).end()
        with acting_as("bob"):
            registry.promote_model("fraud", 1, "Production", reason="better")

            def refuse(data: dict[str, object]) -> None:
                raise ValueError("not on Fridays")

            hooks = get_hooks_manager()
            hooks.register(HookType.PRE_MODEL_PROMOTE)(refuse)
            try:
                with pytest.raises(ValueError, match="Fridays"):
                    registry.promote_model("fraud", 1, "Archived")
            finally:
                hooks.unregister(HookType.PRE_MODEL_PROMOTE, refuse)


def test_the_log_outlives_the_process_that_wrote_it(tauro: Tauro, store: None, here: Path) -> None:
    """Another context finds every verb with its actor and outcome; secrets are not in it."""
    rows = tauro("audit", "--json").json
    told = [(row["actor"], row["action"], row["outcome"]) for row in rows]
    assert ("ada", "model.register", "success") in told
    assert ("ada", "run.start", "success") in told
    assert ("bob", "model.promote", "success") in told
    assert ("bob", "model.promote", "refused") in told
    for file in (here / "mlops_data" / "audit").iterdir():
        assert "hidden" not in file.read_text()
    only = tauro("audit", "--actor", "bob", "--outcome", "refused", "--json").json
    assert [row["error"] for row in only] == ["ValueError: not on Fridays"]
    assert tauro("audit", "--until", "2020-01-01", "--json").json == []
    assert len(tauro("audit", "--until", "2120-01-01", "--json").json) == len(rows)
    assert f"{os.getpid()} on {platform.node()}" in tauro("audit", "--actor", "bob").out
    shown = tauro("audit", "--action", "model.*").out
    assert "fraud" in shown
    assert "run.start" not in shown


def test_a_time_is_read_as_it_is_shown(tauro: Tauro, store: None) -> None:
    """What a table or a document says can be asked for; a zone is kept."""
    rows = tauro("audit", "--json").json
    third = rows[2]["timestamp"]
    later = [row["timestamp"] for row in rows[2:]]
    for moment in (third, third.replace("T", " "), third.replace("+00:00", "Z")):
        found = tauro("audit", "--since", moment, "--json").json
        assert [row["timestamp"] for row in found] == later
    assert tauro("audit", "--until", "2120-01-01T00:00:00+02:00", "--json").json == rows
    shown = tauro("audit").out.splitlines()[1][:25]
    assert tauro("audit", "--since", shown).code == 0
    assert tauro("audit", "--since", "yesterday").code == 2
    assert tauro("audit", "--limit", 0).code == 2


def test_a_log_that_may_not_be_read_says_which_and_what_to_do(
    tauro: Tauro, store: None, here: Path
) -> None:
    def refuse(operation: str, path: str) -> None:
        if operation == "list" and path == str(here / "mlops_data" / "audit"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    _fs.set_fault_hook(refuse)
    try:
        called = tauro("audit")
    finally:
        _fs.set_fault_hook(None)
    assert called.code == 5
    assert "mlops_data/audit: Permission denied" in called.err
    assert "permissions" in called.err


def test_an_empty_place_has_no_log(tauro: Tauro, here: Path) -> None:
    """Asking creates nothing, and says that there is nothing to ask."""
    asked = tauro("audit", "--store", "typo")
    assert asked.out == "Nothing was recorded.\n"
    assert "typo holds no store yet" in asked.err
    assert list(here.iterdir()) == []
