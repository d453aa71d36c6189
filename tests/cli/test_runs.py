"""``tauro runs`` and ``tauro store`` on a real store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tauro.tracking import ExperimentTracker

from .conftest import Tauro


@pytest.fixture
def store(here: Path) -> list[str]:
    """Make the default store with three runs; return their ids, oldest first."""
    ids = []
    with ExperimentTracker("mlops_data") as tracker:
        tracker.create_experiment("demo")
        for number in range(3):
            with tracker.start_run(name=f"r{number}", parameters={"n": number}) as run:
                for step in range(3):
                    run.log_metric("loss", 1 / (1 + number + step), step=step)
                run.log_text("text", "a.txt")
            ids.append(run.run_id)
    return ids


def test_list(tauro: Tauro, store: list[str]) -> None:
    """A table, newest first; one JSON document with the fields' names."""
    called = tauro("runs", "list")
    assert called.code == 0
    lines = called.out.splitlines()
    assert lines[0].split() == ["Run", "Name", "Status", "Started", "Took", "loss"]
    assert [line.split()[1] for line in lines[1:]] == ["r2", "r1", "r0"]
    found = tauro("runs", "list", "--json", "--limit", 2).json
    assert [run["name"] for run in found] == ["r2", "r1"]
    assert found[0]["parameters"] == {"n": 2}
    assert tauro("runs", "list", "-e", "demo", "--status", "failed").out == "Nothing found.\n"


def test_search(tauro: Tauro, store: list[str]) -> None:
    """The filter language, ordered; a wrong text is shown with a caret, exit code 2."""
    called = tauro("runs", "search", "metrics.loss < 0.3", "-o", "params.n DESC", "--json")
    assert [run["name"] for run in called.json] == ["r2", "r1"]
    wrong = tauro("runs", "search", "metrics.loss ><")
    assert wrong.code == 2
    assert "metrics.loss ><\n" in wrong.err
    assert "^" in wrong.err


def test_show_and_compare(tauro: Tauro, store: list[str]) -> None:
    """One run in full, and several side by side."""
    shown = tauro("runs", "show", store[0]).out
    for part in ("r0", "COMPLETED", "Parameters", "loss", "0.333333", "a.txt"):
        assert part in shown
    document = tauro("runs", "show", store[0], "--json").json
    assert document["files"] == [{"path": "a.txt", "size": 4}]
    assert document["is_abandoned"] is False
    compared = tauro("runs", "compare", *store).out
    assert "params.n" in compared
    rows = tauro("runs", "compare", *store, "--values", "max", "--json").json
    assert [row["metrics.loss"] for row in rows] == [1.0, 0.5, pytest.approx(1 / 3)]


def test_history_and_watch(tauro: Tauro, store: list[str]) -> None:
    """The points of a metric; an unknown one names those there are."""
    rows = tauro("runs", "history", store[0], "loss", "--json").json
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert "it has loss" in tauro("runs", "history", store[0], "los").out
    watched = tauro("runs", "watch", store[0], "--json").out.splitlines()
    assert [json.loads(line)["value"] for line in watched] == [1.0, 0.5, pytest.approx(1 / 3)]


def test_delete_and_restore(tauro: Tauro, store: list[str]) -> None:
    """A deleted run is not listed, and comes back."""
    assert tauro("runs", "delete", store[0], store[1]).code == 0
    assert [run["name"] for run in tauro("runs", "list", "--json").json] == ["r2"]
    assert len(tauro("runs", "list", "--deleted", "--json").json) == 3
    restored = tauro("runs", "restore", store[0], "--json").json
    assert restored == {"runs": [store[0]], "experiments": []}
    assert len(tauro("runs", "list", "--json").json) == 2


def test_a_whole_experiment_is_deleted_and_restored(tauro: Tauro, store: list[str]) -> None:
    """By name; its runs go and come with it, and it is listed only on request meanwhile."""
    [listed] = tauro("runs", "experiments", "--json").json
    assert listed["runs"] == 3
    gone = tauro("runs", "delete", "--experiment", listed["name"], "--json").json
    assert gone == {"runs": [], "experiments": [listed["experiment_id"]]}
    assert tauro("runs", "list", "--json").json == []
    assert tauro("runs", "experiments", "--json").json == []
    [hidden] = tauro("runs", "experiments", "--deleted", "--json").json
    assert (hidden["lifecycle"], hidden["runs"]) == ("deleted", 3)
    assert tauro("runs", "restore", "-e", listed["name"]).code == 0
    assert len(tauro("runs", "list", "--json").json) == 3
    assert listed["name"] in tauro("runs", "experiments").out
    nothing = tauro("runs", "delete")
    assert (nothing.code, "--experiment" in nothing.err) == (2, True)
    assert tauro("runs", "delete", "-e", "nope").code == 3


def test_mistakes_have_their_exit_codes(tauro: Tauro, store: list[str], here: Path) -> None:
    """Not found is 3, usage 2, storage 5; each says what to do."""
    missing = tauro("runs", "show", "nope")
    assert (missing.code, "no run 'nope'" in missing.err) == (3, True)
    document = tauro("runs", "show", "nope", "--json")
    assert (document.code, document.json["error_code"]) == (3, "RUN_NOT_FOUND")
    assert document.json["exit_code"] == 3
    unknown = tauro("runs", "list", "-e", "dem")
    assert unknown.code == 3
    assert "'demo'" in unknown.err
    assert tauro("runs", "list", "--limit", "x").code == 2
    typo = tauro("rnus", "list")
    assert typo.code == 2
    assert "Did you mean 'runs'" in typo.err
    (here / "foreign").mkdir()
    (here / "foreign" / "meta.yaml").write_text("x")
    assert tauro("runs", "list", "--store", here / "foreign").code == 5


def test_an_empty_place_has_no_runs(tauro: Tauro, here: Path) -> None:
    """Looking creates nothing."""
    assert tauro("runs", "list").out == "Nothing found.\n"
    assert tauro("store", "info", "--json").json["runs"] == 0
    assert list(here.iterdir()) == []


def test_tenants(tauro: Tauro, here: Path) -> None:
    """``--tenant`` sees its own part only."""
    with ExperimentTracker("mlops_data", tenant_id="a") as tracker:
        tracker.start_run(name="secret").end()
    assert tauro("runs", "list").out == "Nothing found.\n"
    assert "secret" in tauro("runs", "list", "--tenant", "a").out


def test_store(tauro: Tauro, store: list[str], here: Path) -> None:
    """What is in it, whether it is whole, and compacting it."""
    facts = tauro("store", "info", "--json").json
    assert (facts["experiments"], facts["runs"], facts["models"]) == (1, 3, 0)
    assert "store id" in tauro("store", "info").out
    assert tauro("store", "verify").out == "Every file is as it should be.\n"
    assert tauro("store", "compact", "--json").json["files_after"] > 0
    next(here.rglob("a.txt")).write_text("changed")
    damaged = tauro("store", "verify", "--json")
    assert damaged.code == 5
    assert [problem["path"].endswith("a.txt") for problem in damaged.json["problems"]] == [True]


def test_what_is_deleted_goes_for_good(tauro: Tauro, store: list[str], here: Path) -> None:
    """``gc`` removes what is marked; ``repair`` finds nothing to do in a whole store."""
    assert tauro("runs", "delete", store[0]).code == 0
    assert tauro("store", "gc", "--older-than-days", 1, "--json").json["runs"] == []
    assert tauro("store", "gc", "--json").json["runs"] == [store[0]]
    assert not [path for path in here.rglob("*") if store[0] in path.name]
    done = tauro("store", "repair", "--json").json
    assert done == {"registry": 0, "runs": [], "points": 0, "documents": 0, "put_aside": []}
    assert tauro("store", "verify").code == 0
