"""``tauro health``: what it says of a store that is well, absent, damaged, or not to be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tauro.mlops import MLOpsContext

from .conftest import Tauro


def test_a_store_that_is_well(tauro: Tauro, here: Path) -> None:
    """Exit code 0; a line for each check, or the report that ``GET /health`` gives."""
    with MLOpsContext() as context:
        context.experiment_tracker.start_run(name="r").end()
    called = tauro("health", "--json")
    assert called.code == 0
    report = called.json
    assert (report["is_healthy"], report["is_ready"]) == (True, True)
    checks = {check["name"]: check for check in report["checks"]}
    assert list(checks) == ["storage", "tracker", "registry", "disk", "memory"]
    assert {checks[name]["status"] for name in ("storage", "tracker", "registry")} == {"healthy"}
    assert checks["tracker"]["details"] == {"runs": 1, "experiments": 1}
    assert [name for name, check in checks.items() if not check["critical"]] == ["disk", "memory"]
    shown = tauro("health").out
    assert "can be read and written" in shown
    assert shown.endswith("readiness: OK.\n")
    assert not list((here / "mlops_data" / "_tauro" / "health").iterdir())


def test_no_store_is_not_ready_and_not_ill(tauro: Tauro, here: Path) -> None:
    """Nothing is wrong where nothing is yet; looking makes nothing."""
    called = tauro("health", "--json")
    assert called.code == 0
    found = {check["name"]: check["status"] for check in called.json["checks"]}
    # Of the whole the disk has a say, too: this machine's may be nearly full.
    assert (found["storage"], called.json["is_ready"]) == ("unknown", False)
    assert "Not Ready" in tauro("health").out
    assert list(here.iterdir()) == []


def test_a_store_that_cannot_be_opened_is_unhealthy(
    tauro: Tauro, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged mark is found by every check that opens the store; exit code 1."""
    mark = here / "mlops_data" / "_tauro" / "format.json"
    mark.parent.mkdir(parents=True)
    mark.write_text("{}")
    called = tauro("health", "--json")
    assert called.code == 1
    found = {check["name"]: check["status"] for check in called.json["checks"]}
    assert (found["storage"], found["tracker"]) == ("unhealthy", "unhealthy")
    shown = tauro("health")
    assert "format.json" in shown.out
    assert "\\n" not in shown.out, "a finding is one line, its remedy too"
    assert "Health went" not in caplog.text, "the table says it"
