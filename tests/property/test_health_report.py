"""What the whole says of its parts, for any parts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro.health import CheckResult, HealthReport, HealthStatus
from tauro.health._check import to_finding
from tauro.health._system import _judge

statuses = st.sampled_from(HealthStatus)
parts = st.lists(st.tuples(statuses, st.booleans(), st.booleans()), max_size=6)
WORSE = [
    HealthStatus.HEALTHY,
    HealthStatus.UNKNOWN,
    HealthStatus.DEGRADED,
    HealthStatus.UNHEALTHY,
]


def _report(found: list[tuple[HealthStatus, bool, bool]]) -> HealthReport:
    from tauro._internal._clock import now

    return HealthReport(
        tuple(
            CheckResult(str(number), status, "", {}, 0.0, now(), critical, readiness)
            for number, (status, critical, readiness) in enumerate(found)
        ),
        now(),
        0.0,
    )


@given(parts)
def test_it_is_unhealthy_exactly_when_a_critical_part_is(
    found: list[tuple[HealthStatus, bool, bool]],
) -> None:
    report = _report(found)
    critical = any(
        status is HealthStatus.UNHEALTHY and is_critical for status, is_critical, _ in found
    )
    assert (report.overall_status is HealthStatus.UNHEALTHY) == critical
    assert report.is_healthy == (not critical)
    assert not (report.is_ready and not report.is_healthy)
    json.dumps(report.to_dict())


@given(parts, st.integers(0, 5), statuses)
def test_a_part_that_gets_worse_never_makes_the_whole_better(
    found: list[tuple[HealthStatus, bool, bool]], index: int, status: HealthStatus
) -> None:
    if index >= len(found) or WORSE.index(status) < WORSE.index(found[index][0]):
        return
    worse = [*found]
    worse[index] = (status, *found[index][1:])
    before, after = _report(found), _report(worse)
    assert WORSE.index(after.overall_status) >= WORSE.index(before.overall_status)
    assert before.is_ready or not after.is_ready or status is HealthStatus.DEGRADED


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(1, 1000))
def test_thresholds_part_the_used_fraction(used: int, one: int, other: int) -> None:
    warning, critical = sorted((one / 1000, other / 1000))
    status = _judge("disk", used, 1000, warning, critical).status
    assert (status is HealthStatus.UNHEALTHY) == (used / 1000 >= critical)
    assert (status is HealthStatus.HEALTHY) == (used / 1000 < warning)


@given(st.dictionaries(st.sampled_from(["status", "message", "lag"]), st.text() | statuses))
def test_any_answer_is_read_or_refused_by_name(answer: dict[str, Any]) -> None:
    from tauro.errors import ValidationError

    understood = str(answer.get("status", "")).lower() in set(HealthStatus)
    if understood:
        assert to_finding(answer).status in HealthStatus
    else:
        with pytest.raises(ValidationError, match="says nothing about health"):
            to_finding(answer)
