"""Counters and times of a server, for Prometheus."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from tauro.serving._exchange import Exchange

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from tauro.serving._holder import ModelHolder

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names where processes count together, as prometheus-client reads it."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What happened to the requests of one server process; with workers, of all of them.

    Gauges are those of the process that answers.
    """

    def __init__(self, holders: Sequence[ModelHolder]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "tauro_requests_total",
            "Requests answered, by model, version and status.",
            ("model", "version", "status"),
            registry=self._registry,
        )
        self._rows = Counter(
            "tauro_predicted_rows_total",
            "Rows predicted.",
            ("model", "version"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "tauro_request_seconds",
            "Time from a request's headers to the end of its answer.",
            ("model",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._children: dict[tuple[str, int | None, int], tuple[Any, Any, Any]] = {}
        self._shown = self._registry
        if SHARED_FOLDER in os.environ:
            self._shown = CollectorRegistry()
            MultiProcessCollector(self._shown)  # type: ignore[no-untyped-call]
        self._shown.register(_State(holders))

    def record(self, exchange: Exchange) -> None:
        """Count an exchange that has ended."""
        key = (exchange.model, exchange.version, exchange.status)
        found = self._children.get(key)
        if found is None:
            version = "" if exchange.version is None else str(exchange.version)
            found = self._children[key] = (
                self._requests.labels(exchange.model, version, str(exchange.status)),
                self._seconds.labels(exchange.model),
                self._rows.labels(exchange.model, version),
            )
        found[0].inc()
        found[1].observe(time.perf_counter() - exchange.start)
        if exchange.rows and exchange.status == 200:
            found[2].inc(exchange.rows)

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self._shown)


class _State:
    """What the models are doing at the moment somebody asks."""

    def __init__(self, holders: Sequence[ModelHolder]) -> None:
        self._holders = holders

    def collect(self) -> Iterable[Metric]:
        """Yield a gauge each for versions, refusals, waiting requests and hanging calls."""
        readings: list[tuple[str, str, Callable[[ModelHolder], float]]] = [
            ("tauro_served_version", "The version that serves, 0 for none.", _version),
            ("tauro_version_refused", "1 if the chosen version is not served.", _refused),
            ("tauro_waiting_requests", "Requests that wait for the model.", _waiting),
            ("tauro_hanging_calls", "Calls of the model that do not return.", _hanging),
        ]
        for name, text, read in readings:
            gauge = GaugeMetricFamily(name, text, labels=("model",))
            for holder in self._holders:
                gauge.add_metric((holder.choice.name,), read(holder))
            yield gauge


def _version(holder: ModelHolder) -> float:
    return holder.served.version.version if holder.is_ready else 0


def _refused(holder: ModelHolder) -> float:
    return float(holder.refusal is not None)


def _waiting(holder: ModelHolder) -> float:
    return holder.served.engine.pending if holder.is_ready else 0


def _hanging(holder: ModelHolder) -> float:
    return holder.served.engine.stuck if holder.is_ready else 0
