"""The metric log: points of runs, appended without a lock, read from anywhere."""

from tauro.tracking._metric_log._compact import Compaction
from tauro.tracking._metric_log._lane import Durability
from tauro.tracking._metric_log._log import DEFAULT_BUFFER, MetricLog
from tauro.tracking._metric_log._points import History, Summary
from tauro.tracking._metric_log._reader import Follower
from tauro.tracking._metric_log._verify import Finding
from tauro.tracking._metric_log._writer import RunWriter

__all__ = [
    "DEFAULT_BUFFER",
    "Compaction",
    "Durability",
    "Finding",
    "Follower",
    "History",
    "MetricLog",
    "RunWriter",
    "Summary",
]
