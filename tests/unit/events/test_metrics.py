"""Counters, gauges and timers."""

from __future__ import annotations

import logging
import multiprocessing
import re
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro.errors import ValidationError
from tauro.events import MetricsCollector, Observers, Operation
from tauro.events import _metrics as module


@pytest.fixture
def metrics() -> MetricsCollector:
    return MetricsCollector()


def test_a_counter_rises_and_falls(metrics: MetricsCollector) -> None:
    metrics.increment("models_trained")
    metrics.increment("models_trained", 2.5)
    metrics.decrement("models_trained")
    assert metrics.get_counter("models_trained") == 2.5
    assert metrics.get_counter("never") == 0


def test_tags_make_series_and_without_them_all_are_summed(metrics: MetricsCollector) -> None:
    metrics.increment("api_requests", tags={"endpoint": "/models", "method": "GET"})
    metrics.increment("api_requests", tags={"method": "GET", "endpoint": "/models"})
    metrics.increment("api_requests", tags={"endpoint": "/runs"})
    assert metrics.get_counter("api_requests") == 3
    assert metrics.get_counter("api_requests", {"endpoint": "/runs"}) == 1
    assert metrics.get_summary()["counters"] == {
        'api_requests{endpoint="/models",method="GET"}': 2,
        'api_requests{endpoint="/runs"}': 1,
    }


def test_the_systems_series_cannot_be_clobbered(metrics: MetricsCollector) -> None:
    """The documents' examples count models_registered and set active_runs by themselves."""
    metrics.add_system("models_registered")
    metrics.add_system("active_runs", 2)
    metrics.increment("models_registered", 40)
    metrics.gauge("active_runs", 5)
    assert metrics.get_counter("models_registered") == 1
    assert metrics.get_counter("active_runs") == 2
    assert metrics.get_gauge("active_runs") == 5
    summary = metrics.get_summary()
    assert summary["counters"]["models_registered"] == 40
    assert summary["gauges"]["active_runs"] == 5
    assert summary["system"]["models_registered"] == 1
    assert summary["system"]["active_runs"] == 2


def test_what_is_open_never_falls_below_zero(metrics: MetricsCollector) -> None:
    """A run may be ended by another process than the one that started it."""
    metrics.add_system("active_runs", -1)
    assert metrics.get_counter("active_runs") == 0


def test_the_system_counts_operations_by_itself() -> None:
    observers = Observers()
    observers.perform(Operation.EXPERIMENT_CREATE, {"name": "e"}, lambda data: None)
    assert observers.metrics.get_summary()["system"]["experiments_created"] == 1


def test_a_gauge_keeps_its_last_value(metrics: MetricsCollector) -> None:
    assert metrics.get_gauge("queue") is None
    metrics.gauge("queue", 3)
    metrics.gauge("queue", 1.5)
    assert metrics.get_gauge("queue") == 1.5


def test_a_timer_times_blocks_and_functions_also_when_they_raise(
    metrics: MetricsCollector,
) -> None:
    with metrics.timer("training"):
        pass

    @metrics.timer("training")
    def train() -> int:
        return 3

    with pytest.raises(RuntimeError), metrics.timer("training"):
        raise RuntimeError
    assert train() == 3
    assert metrics.get_timer_stats("training")["count"] == 3
    assert metrics.get_timer_stats("never") == {}


def test_a_timers_figures(metrics: MetricsCollector) -> None:
    for value in range(100, 0, -1):
        metrics.observe("t", value)
    assert metrics.get_timer_stats("t") == {
        "count": 100,
        "min": 1,
        "max": 100,
        "mean": 50.5,
        "p50": 50,
        "p95": 95,
        "p99": 99,
    }
    assert metrics.get_summary()["timers"]["t"]["p99"] == 99


def test_one_duration_is_every_percentile(metrics: MetricsCollector) -> None:
    metrics.observe("t", 2.0)
    stats = metrics.get_timer_stats("t")
    assert stats["p50"] == stats["p95"] == stats["p99"] == 2.0


def test_percentiles_are_of_the_latest_and_memory_is_bounded(metrics: MetricsCollector) -> None:
    for value in [1000.0] * 2000 + [1.0] * 1024:
        metrics.observe("t", value)
    stats = metrics.get_timer_stats("t")
    assert (stats["count"], stats["max"], stats["p99"]) == (3024, 1000, 1)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "3", None, True])
def test_what_is_no_number_is_refused(metrics: MetricsCollector, wrong: Any) -> None:
    for verb in (metrics.increment, metrics.gauge, metrics.observe, metrics.decrement):
        with pytest.raises(ValidationError, match="'m' got"):
            verb("m", wrong)
    assert metrics.get_summary()["counters"] == {}


@pytest.mark.parametrize("wrong", ["", None, 3])
def test_what_is_no_name_is_refused(metrics: MetricsCollector, wrong: Any) -> None:
    with pytest.raises(ValidationError, match="name must be a text"):
        metrics.increment(wrong)


def test_too_many_series_are_dropped_with_one_warning(
    metrics: MetricsCollector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_MAX_SERIES", 3)
    with caplog.at_level(logging.WARNING, "tauro.events"):
        for number in range(10):
            metrics.increment("hits", tags={"user": str(number)})
        metrics.increment("hits", tags={"user": "0"})
        metrics.gauge("g", 1)
    assert metrics.get_counter("hits") == 4
    assert metrics.get_gauge("g") is None
    assert len(caplog.records) == 1
    assert "not for ids" in caplog.text


def test_threads_lose_no_increment(metrics: MetricsCollector) -> None:
    def work() -> None:
        for _ in range(1000):
            metrics.increment("n")
            metrics.add_system("runs_started")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.get_counter("n") == 8000
    assert metrics.get_counter("runs_started") == 8000


def test_a_reset_forgets_everything(metrics: MetricsCollector) -> None:
    metrics.increment("n")
    metrics.add_system("runs_started")
    metrics.reset()
    assert metrics.get_counter("n") == metrics.get_counter("runs_started") == 0


_SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_][a-zA-Z0-9_]*="(\\.|[^"\\\n])*",?)*\})? (\S+)'
)


def _parse(text: str) -> dict[str, float]:
    """Read the exposition as Prometheus would, and hold it to the format."""
    samples: dict[str, float] = {}
    kinds: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in kinds, "a family stands in one piece"
            kinds[family] = kind
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        series = match[1] + (match[2] or "")
        assert series not in samples, "no sample stands twice"
        samples[series] = float(match[5])
        family = list(kinds)[-1]
        assert match[1] in (family, f"{family}_sum", f"{family}_count")
    return samples


def test_the_prometheus_page_holds_every_series(metrics: MetricsCollector) -> None:
    metrics.add_system("models_registered", 2)
    metrics.add_system("active_runs", 1)
    metrics.increment("api requests", tags={"endpoint": '/a"b\\c\nd', "9x": "1"})
    metrics.increment("api_requests", 4)
    metrics.gauge("temperature", -1.5)
    metrics.gauge("api_requests", 7)
    for value in (0.1, 0.3):
        metrics.observe("training", value, {"model": "m"})
    samples = _parse(metrics.to_prometheus())
    assert samples["tauro_models_registered_total"] == 2
    assert samples["tauro_active_runs"] == 1
    assert samples["tauro_user_api_requests_total"] == 4
    assert samples['tauro_user_api_requests_total{_9x="1",endpoint="/a\\"b\\\\c\\nd"}'] == 1
    assert samples["tauro_user_api_requests"] == 7
    assert samples["tauro_user_temperature"] == -1.5
    assert samples['tauro_user_training_seconds{model="m",quantile="0.5"}'] == 0.1
    assert samples['tauro_user_training_seconds_sum{model="m"}'] == pytest.approx(0.4)
    assert samples['tauro_user_training_seconds_count{model="m"}'] == 2


def test_names_that_become_one_are_one_series(metrics: MetricsCollector) -> None:
    metrics.increment("a.b")
    metrics.increment("a-b", 2)
    assert _parse(metrics.to_prometheus())["tauro_user_a_b_total"] == 3


def test_labels_that_become_one_stay_two(metrics: MetricsCollector) -> None:
    metrics.increment("a", tags={"x.": "1", "x-": "2", "quantile": "3"})
    metrics.observe("a", 0.5, tags={"quantile": "mine"})
    samples = _parse(metrics.to_prometheus())
    assert samples['tauro_user_a_total{quantile="3",x_="2",x__="1"}'] == 1
    assert samples['tauro_user_a_seconds{quantile="mine",quantile_="0.5"}'] == 0.5


@given(
    names=st.lists(
        st.tuples(
            st.sampled_from(["increment", "gauge", "observe"]),
            st.sampled_from(["t", "t_seconds", "t_seconds_sum", "t_total", "t total", "9", "ü"]),
            st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
        ),
        max_size=12,
    )
)
def test_a_parser_that_others_wrote_reads_every_sample_once(
    names: list[tuple[str, str, dict[str, str]]],
) -> None:
    """Whatever series users make, the page is one that Prometheus' own client reads."""
    parser = pytest.importorskip("prometheus_client.parser")
    metrics = MetricsCollector()
    for verb, name, tags in names:
        getattr(metrics, verb)(name, 1.0, tags=tags)
    families = list(parser.text_string_to_metric_families(metrics.to_prometheus()))
    assert len({(family.name, family.type) for family in families}) == len(families)
    samples = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in families
        for sample in family.samples
    ]
    assert len(set(samples)) == len(samples)
    assert {family.type for family in families} <= {"counter", "gauge", "summary"}


def test_a_name_that_two_kinds_have_stands_once_for_each(metrics: MetricsCollector) -> None:
    metrics.increment("a", 2)
    metrics.gauge("a_total", 7)
    metrics.gauge("t_seconds_count", 9)
    metrics.observe("t", 0.5)
    samples = _parse(metrics.to_prometheus())
    assert samples["tauro_user_a_total"] == 2
    assert samples["tauro_user_a_total_gauge"] == 7
    assert samples["tauro_user_t_seconds_count"] == 9
    assert samples["tauro_user_t_seconds_summary_count"] == 1


def test_a_number_that_no_float_holds_is_refused(metrics: MetricsCollector) -> None:
    with pytest.raises(ValidationError, match="finite"):
        metrics.increment("n", 10**400)


def test_a_label_that_cannot_be_sent_does_not_cost_the_page(metrics: MetricsCollector) -> None:
    metrics.increment("files", tags={"name": "caf\udce9"})
    page = metrics.to_prometheus().encode()
    assert b'tauro_user_files_total{name="caf?"} 1' in page


def _count_in_child(metrics: MetricsCollector, answer: Any) -> None:
    metrics.increment("jobs")
    answer.send((metrics.get_counter("jobs"), metrics.get_counter("runs_started")))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_child_counts_from_nothing_also_when_the_lock_was_held(
    metrics: MetricsCollector,
) -> None:
    """Both pages are added up, and what the parent counted is on the parent's."""
    metrics.increment("jobs", 5)
    metrics.add_system("runs_started", 3)
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    with metrics._lock:
        child = context.Process(target=_count_in_child, args=(metrics, send))
        child.start()
    assert receive.poll(240)
    assert receive.recv() == (1, 0)
    child.join(240)
    assert metrics.get_counter("jobs") == 5
