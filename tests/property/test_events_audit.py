"""What the audit log keeps of anything is JSON, short, and holds no secret."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tauro.events import AuditLogger, MetricsCollector
from tauro.events._audit_models import plain

anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=2000)
    | st.binary(max_size=50)
    | st.builds(object),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(max_size=20) | st.integers(), inner)
        | st.sets(st.integers())
    ),
    max_leaves=20,
)


@given(anything)
def test_whatever_is_kept_is_json(value: Any) -> None:
    json.dumps(plain(value), allow_nan=False)


@given(st.sampled_from(["password", "api_key", "DATABRICKS_TOKEN", "client_secret"]), anything)
def test_what_stands_under_a_secrets_name_is_not_kept(name: str, value: Any) -> None:
    assert plain({name: value}) == {name: "***"}


@given(st.dictionaries(st.text(max_size=20), anything, max_size=5))
def test_any_details_can_be_logged_and_asked_for(details: dict[str, Any]) -> None:
    audit = AuditLogger()
    audit.log("x.y", details=details)
    assert len(audit.query(action="x.*")) == 1


names = st.text(min_size=1, max_size=8)
tags = st.dictionaries(names, names, max_size=2)


@given(st.lists(st.tuples(names, tags, st.integers(0, 5)), max_size=6))
def test_the_prometheus_page_has_no_sample_twice_and_loses_no_count(
    added: list[tuple[str, dict[str, str], int]],
) -> None:
    metrics = MetricsCollector()
    for name, labels, value in added:
        metrics.increment(name, value, tags=labels)
        metrics.gauge(name, value, tags=labels)
        metrics.observe(name, value, tags=labels)
    lines = metrics.to_prometheus().split("\n")
    samples = [line.rpartition(" ")[0] for line in lines if line and not line.startswith("#")]
    assert len(samples) == len(set(samples))
    families = [line for line in lines if line.startswith("# TYPE")]
    assert len(families) == len({line.split(" ")[2] for line in families})
    user = [line for line in lines if line.startswith("tauro_user_") and "_total" in line]
    counted = sum(float(line.rpartition(" ")[2]) for line in user if "_seconds" not in line)
    assert counted >= sum(value for _, _, value in added)
