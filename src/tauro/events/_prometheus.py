"""The collector's figures in Prometheus' text format.

Reference: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

Tag: TypeAlias = tuple[str, str]
SeriesKey: TypeAlias = tuple[str, tuple[Tag, ...]]
"""A name and its tags, sorted."""

_UNSAFE = re.compile(r"[^a-zA-Z0-9_]")
_GAUGES = frozenset({"active_runs"})


def series_label(key: SeriesKey) -> str:
    """Return how a series is shown: ``name`` or ``name{tag="value"}``."""
    name, tags = key
    return name + _labels(tags)


def render(
    *,
    system: Mapping[str, float],
    counters: Mapping[SeriesKey, float],
    gauges: Mapping[SeriesKey, float],
    timers: Mapping[SeriesKey, tuple[Mapping[str, float], float]],
) -> str:
    """Return the exposition; what users added stands under ``tauro_user_``.

    Prometheus takes a counter that falls for one that started again; what may fall is a gauge.
    """
    page = _Page()
    for name, value in system.items():
        if name in _GAUGES:
            page.put(f"tauro_{_safe(name)}", "gauge", "", (), value)
        else:
            page.put(f"tauro_{_safe(name)}_total", "counter", "", (), value)
    for (name, tags), value in counters.items():
        page.put(f"tauro_user_{_safe(name)}_total", "counter", "", tags, value)
    for (name, tags), value in gauges.items():
        page.put(f"tauro_user_{_safe(name)}", "gauge", "", tags, value)
    for (name, tags), (stats, total) in timers.items():
        family = f"tauro_user_{_safe(name)}_seconds"
        for label, key in (("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99")):
            page.put(family, "summary", "", (*tags, ("quantile", label)), stats[key])
        page.put(family, "summary", "_sum", tags, total)
        page.put(family, "summary", "_count", tags, stats["count"])
    return page.text()


class _Page:
    """Families of samples; names of a kind that become one when made safe are one sample, not two.

    A name that another kind has already gets its own kind as a suffix: a page on which a sample
    stands twice is refused as a whole.
    """

    def __init__(self) -> None:
        self._families: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()
        self._samples: dict[tuple[str, str], dict[str, float]] = {}

    def put(self, family: str, kind: str, suffix: str, tags: Iterable[Tag], value: float) -> None:
        name = f"{self._name_of(family, kind)}{suffix}{_labels(tags)}"
        samples = self._samples.setdefault((family, kind), {})
        adds = kind == "counter" or suffix
        samples[name] = samples.get(name, 0) + value if adds else value

    def _name_of(self, family: str, kind: str) -> str:
        name = self._families.get((family, kind))
        if name is None:
            suffixes = ("", "_sum", "_count") if kind == "summary" else ("",)
            name = family
            while any(name + suffix in self._taken for suffix in suffixes):
                name += f"_{kind}"
            self._families[family, kind] = name
            self._taken.update(name + suffix for suffix in suffixes)
        return name

    def text(self) -> str:
        lines = []
        for (family, kind), samples in self._samples.items():
            lines.append(f"# TYPE {self._families[family, kind]} {kind}\n")
            lines += [f"{name} {value}\n" for name, value in samples.items()]
        return "".join(lines)


def _labels(tags: Iterable[Tag]) -> str:
    named: dict[str, str] = {}
    for tag, value in tags:
        label = _safe_label(tag)
        while label in named:  # two names that become one when made safe
            label += "_"
        named[label] = value
    parts = [f'{label}="{_escape(value)}"' for label, value in named.items()]
    return "{" + ",".join(parts) + "}" if parts else ""


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name)


def _safe_label(name: str) -> str:
    """Return a label's name; those that begin with two underscores are Prometheus' own."""
    safe = _safe(name)
    bare = safe.lstrip("_")
    if not bare:
        return "tag"
    return f"_{bare}" if bare[0].isdigit() or safe != bare else bare


def _escape(value: str) -> str:
    # A lone surrogate cannot be sent at all, and one label must not cost the whole page.
    return (
        value.encode(errors="replace")
        .decode()
        .replace("\\", r"\\")
        .replace('"', r"\"")
        .replace("\n", r"\n")
    )
