"""What the catalogue answers, whether runs are published, journalled or both."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from tests.unit.tracking.catalogue.support import DAY, Store, make_run, seconds

from tauro.errors import FilterSyntaxError, TrackingValidationError
from tauro.tracking._models import ExperimentRecord, RunStatus


@pytest.fixture(params=["journalled", "published", "half"])
def filled(request: pytest.FixtureRequest, store: Store) -> Store:
    """Return a store of nine runs in three experiments; ``acc`` of run k is k / 10."""
    for number in range(9):
        store.put(
            make_run(
                f"exp{number % 3}",
                f"run{number}",
                name=f"run {number}",
                start_time=seconds(number),
                end_time=seconds(number * 2) if number % 2 else None,
                status=RunStatus.COMPLETED if number % 2 else RunStatus.RUNNING,
                metrics={"acc": number / 10},
                parameters={"depth": number, "kind": "tree" if number < 5 else "linear"},
                tags={"team": f"ds{number % 2}"},
                parent_run_id="run0" if number in (3, 6) else None,
            )
        )
        if request.param == "half" and number == 4:
            store.catalogue.publish()
    if request.param == "published":
        store.catalogue.publish()
    return store.fresh()


def test_filter_order_and_limit(filled: Store) -> None:
    page = filled.catalogue.query(
        filter="metrics.acc >= 0.2 and params.kind = 'tree'", order_by=["metrics.acc DESC"], limit=2
    )
    assert page.run_ids == [run.run_id for run in page.runs] == ["run4", "run3"]
    assert page.total == 3
    assert len(page) == 2
    assert page.next_page_token is not None


def test_the_newest_comes_first_by_default(filled: Store) -> None:
    assert filled.ids() == [f"run{number}" for number in reversed(range(9))]


def test_pages_join_to_the_whole(filled: Store) -> None:
    order = ["status", "metrics.acc DESC"]
    whole = filled.ids(order_by=order, limit=None)
    assert len(whole) == 9
    for limit in (1, 2, 4, 9):
        assert filled.ids(order_by=order, limit=limit) == whole


def test_runs_of_some_experiments(filled: Store) -> None:
    assert filled.ids(experiment_ids=["exp1"]) == ["run7", "run4", "run1"]
    assert filled.ids(experiment_ids=["exp0", "exp1"], order_by=["run_id"], limit=1) == [
        "run0", "run1", "run3", "run4", "run6", "run7",
    ]  # fmt: skip
    assert filled.ids(experiment_ids=["nowhere"]) == []
    assert filled.ids(experiment_ids=[]) == []


def test_count(filled: Store) -> None:
    assert filled.catalogue.count() == 9
    assert filled.catalogue.count(filter="end_time is null") == 5
    assert filled.catalogue.count(experiment_ids=["exp0"], filter="metrics.acc > 0.2") == 2


def test_find(filled: Store) -> None:
    assert filled.catalogue.find("run4") == "exp1"
    assert filled.catalogue.find("run9") is None
    assert sorted(filled.ids(filter="parent_run_id = 'run0'")) == ["run3", "run6"]
    assert filled.ids(filter="parent_run_id = 'run1'") == []


def test_records_are_the_documents(filled: Store) -> None:
    for record in filled.catalogue.query().records:
        assert record == filled.read(record)


def test_rows_have_the_fields_as_keys_and_attributes(filled: Store) -> None:
    row = filled.catalogue.query(filter="run_id = 'run3'").runs[0]
    assert row["metrics"] == row.metrics == {"acc": 0.3}
    assert row.parameters == {"depth": 3, "kind": "tree"}
    assert row.status == "COMPLETED"
    assert row.start_time == seconds(3)
    with pytest.raises(AttributeError, match="no field 'stauts'"):
        _ = row.stauts


def test_a_projection_holds_only_what_was_asked_for(filled: Store) -> None:
    fields = ["run_id", "metrics.acc", "params.depth", "tags.none", "duration"]
    page = filled.catalogue.query(fields=fields, order_by=["run_id"], limit=2)
    first = {"run_id": "run0", "metrics.acc": 0.0, "params.depth": 0, "tags.none": None}
    assert page.runs[0] == {**first, "duration": None}
    assert page.runs[1]["duration"] == 1.0
    assert list(page.to_pandas().columns) == fields


def test_a_frame_has_flat_typed_columns(filled: Store) -> None:
    frame = filled.catalogue.query(order_by=["run_id"]).to_pandas()
    assert list(frame["run_id"]) == [f"run{number}" for number in range(9)]
    assert frame["metrics.acc"].dtype == "float64"
    assert list(frame["params.depth"]) == list(range(9))
    assert frame["params.depth"].dtype == "int64"
    assert frame["start_time"][3].to_pydatetime() == seconds(3)
    assert frame["end_time"].isna().sum() == 5
    assert set(frame["tags.team"]) == {"ds0", "ds1"}


def test_a_token_belongs_to_its_query(filled: Store) -> None:
    token = filled.catalogue.query(order_by=["name"], limit=2).next_page_token
    assert token is not None
    page = filled.catalogue.query(order_by=["name"], limit=5, page_token=token)
    assert [run.name for run in page.runs] == [f"run {number}" for number in range(2, 7)]
    with pytest.raises(TrackingValidationError, match="another query"):
        filled.catalogue.query(order_by=["status"], page_token=token)
    with pytest.raises(TrackingValidationError, match="another query"):
        filled.catalogue.query(order_by=["name"], filter="name = 'x'", page_token=token)


@pytest.mark.parametrize(
    "value",
    ["x", True, [1], {}, {"a": 1}, {"float": "x"}, {"float": 5}, 10**18 * 10, 1.5, 7],
    ids=repr,
)
@pytest.mark.parametrize(
    "order", [["metrics.acc"], ["name"], ["params.kind"], ["start_time"]], ids=str
)
def test_a_token_whose_values_were_tampered_with_is_refused(
    filled: Store, order: list[str], value: Any
) -> None:
    """It comes from anywhere; what does not fit the order is told apart from what does."""
    token = filled.catalogue.query(order_by=order, limit=2).next_page_token
    assert token is not None
    parts = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    parts[2] = [value]
    forged = base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")
    numeric = order[0] in ("metrics.acc", "start_time")
    if type(value) in ((int, float) if numeric else (str,)) and value != 10**19:
        filled.catalogue.query(order_by=order, page_token=forged)
    else:
        with pytest.raises(TrackingValidationError, match="not a page token"):
            filled.catalogue.query(order_by=order, page_token=forged)


def test_a_text_that_looks_like_a_number_of_a_token_is_a_text(store: Store) -> None:
    name = "{'float': 'nan'}"
    for number in range(4):
        store.put(make_run(run_id=f"r{number}", name=name))
    assert store.ids(order_by=["name"], limit=1) == ["r0", "r1", "r2", "r3"]


NESTED = pytest.param(base64.urlsafe_b64encode(b"[" * 99_999).decode(), id="nested")


@pytest.mark.parametrize("token", ["garbage", "!!!", "W10", "WzIsIiIsW10sIiJd", "é", NESTED])
def test_what_is_no_token_is_refused(store: Store, token: str) -> None:
    with pytest.raises(TrackingValidationError, match="page_token"):
        store.catalogue.query(page_token=token)


def test_wrong_texts_are_refused(store: Store) -> None:
    with pytest.raises(FilterSyntaxError):
        store.catalogue.query(filter="stats = 1")
    with pytest.raises(FilterSyntaxError):
        store.catalogue.query(order_by=["stats"])
    with pytest.raises(FilterSyntaxError):
        store.catalogue.query(fields=["stats"])
    with pytest.raises(TrackingValidationError, match="limit is -1"):
        store.catalogue.query(limit=-1)


def test_an_empty_store_answers(store: Store) -> None:
    page = store.catalogue.query(filter="metrics.a > 1 or params.b = 'x'", order_by=["tags.c"])
    assert (page.runs, page.total, page.next_page_token) == ([], 0, None)
    assert page.to_pandas().empty
    assert store.catalogue.count() == 0
    assert store.catalogue.experiments() == []


def test_soft_deleted_runs_are_left_out_unless_asked_for(store: Store) -> None:
    run = make_run(run_id="a")
    store.put(run, make_run(run_id="b", parent_run_id="a"))
    deleted = store.change(run, lifecycle="deleted")
    assert store.ids() == ["b"]
    assert store.catalogue.count() == 1
    assert sorted(store.ids(include_deleted=True)) == ["a", "b"]
    assert store.ids(include_deleted=True, filter="lifecycle = 'deleted'") == ["a"]
    assert store.catalogue.find("a") == "exp"
    store.change(deleted, lifecycle="active")
    assert store.ids() == ["a", "b"]


def test_removed_runs_are_gone(store: Store) -> None:
    run, other = make_run(run_id="a"), make_run(run_id="b")
    store.put(run, other)
    store.catalogue.publish()
    store.remove(run)
    for each in (store, store.fresh()):
        assert each.ids(include_deleted=True) == ["b"]
        assert each.catalogue.find("a") is None
    store.catalogue.publish()
    assert store.fresh().ids(include_deleted=True) == ["b"]


def test_odd_values_survive_publication(store: Store) -> None:
    run = make_run(
        run_id="a",
        name="Größe\n\t'\"",
        metrics={"nan": "NaN", "inf": "-Infinity", "with space": 1},
        parameters={"huge": 2**70, "nested": {"a": [1, None]}, "none": None, "": "empty key"},
        tags={"tab\t": "line\nbreak"},
    )
    store.put(run)
    store.catalogue.publish()
    fresh = store.fresh()
    assert fresh.catalogue.query().records == [run]
    assert fresh.ids(filter="metrics.nan = nan and metrics.inf = -inf") == ["a"]
    assert fresh.ids(filter="metrics.`with space` = 1 and params.huge > 1e20") == ["a"]
    assert fresh.ids(filter="""params.nested = '{"a":[1,null]}'""") == ["a"]
    assert fresh.ids(filter="params.none is null and params.`` = 'empty key'") == ["a"]


def test_experiments(store: Store) -> None:
    for number, kind in enumerate(["classification", "regression", "classification"]):
        store.put_experiment(
            ExperimentRecord(
                experiment_id=f"e{number}",
                name=f"experiment {number}",
                created_at=seconds(-number),
                tags={"model_type": kind},
                lifecycle="deleted" if number == 2 else "active",
            )
        )
    for each in (store, store.fresh()):
        found = each.catalogue.experiments(filter="model_type='classification'")
        assert [record.experiment_id for record in found] == ["e0"]
        everything = each.catalogue.experiments(include_deleted=True, order_by=["created_at"])
        assert [record.experiment_id for record in everything] == ["e2", "e1", "e0"]
        each.catalogue.publish()
    assert store.catalogue.experiments(filter=f"created_at >= '{DAY.isoformat()}'")
    with pytest.raises(FilterSyntaxError):
        store.catalogue.experiments(filter="= 'x'")
