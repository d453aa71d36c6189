"""The reading verbs over one folder of experiments."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final

from tauro.tracking._metric_log._cursor import RunCursor, RunFold, Stretch, Sweep
from tauro.tracking._metric_log._envelope import check_max_points, keep, thinned
from tauro.tracking._metric_log._index import IndexCache
from tauro.tracking._metric_log._lane import Lane
from tauro.tracking._metric_log._own import own_summary
from tauro.tracking._metric_log._points import History, Points, Summary, merge
from tauro.tracking._metric_log._view import View, Views

_FOLDS: Final = 1024
"""Runs whose summaries are kept up to date: as many as may be open at once."""

_FINER: Final = 4
"""Of a stretch, so many times ``max_points`` are kept until all stretches are merged."""


def _by_key(stretches: list[Stretch]) -> dict[str, History]:
    parts: dict[str, dict[str, list[Points]]] = {}
    for (key, lane), points in stretches:
        parts.setdefault(key, {}).setdefault(lane, []).append(points)
    return {
        key: merge({lane: Points.joined(pieces) for lane, pieces in lanes.items()})
        for key, lanes in sorted(parts.items())
    }


class Follower:
    """Gives what was logged to a run since it was last asked. Use it from one thread at a time."""

    def __init__(self, folder: str, views: Views, indexes: IndexCache, run_id: str) -> None:
        self._folder = folder
        self._views = views
        self._indexes = indexes
        self._cursor = RunCursor(run_id)

    def poll(self) -> dict[str, History]:
        """Return the new points by metric; the first call returns what there is already.

        Every point is returned once. Those of one writer come in the order logged.
        """
        return _by_key(
            self._views.read(
                self._folder,
                lambda view: self._cursor.advance(
                    view, Sweep(self._indexes, [self._cursor.run_id])
                ),
            )
        )


class Reader:
    """Reads the log of every experiment below a folder. Safe to use from any thread."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._views = Views()
        self._indexes = IndexCache()
        self._folds: OrderedDict[tuple[str, str], tuple[threading.Lock, RunFold]] = OrderedDict()
        self._lock = threading.Lock()

    def history(self, experiment_id: str, run_id: str, key: str, max_points: int | None) -> History:
        """Return the points of a metric."""
        reduce: Callable[[Points], Points] | None = None
        if max_points is not None:
            most = _FINER * check_max_points(max_points)

            def reduce(points: Points) -> Points:
                return points if len(points) <= most else points.pick(keep(points.value, most))

        stretches = self._views.read(
            os.path.join(self._folder, experiment_id),
            lambda view: RunCursor(run_id, key).advance(
                view, Sweep(self._indexes, [run_id]), reduce
            ),
        )
        found = _by_key(stretches).get(key)
        return merge({}) if found is None else thinned(found, max_points)

    def summary(self, experiment_id: str, run_id: str, own: Collection[Lane]) -> dict[str, Summary]:
        """Return what there is of each metric of a run; ``own`` are the lanes of this process."""
        folder = os.path.join(self._folder, experiment_id)
        if own:
            quick = self._views.read(
                folder, lambda view: own_summary(view, own, self._indexes, run_id)
            )
            if quick is not None:
                return quick
        return self.summaries(experiment_id, [run_id])[run_id]

    def summaries(
        self, experiment_id: str, run_ids: Collection[str]
    ) -> dict[str, dict[str, Summary]]:
        """Return what there is of each metric of each run, every file being opened once for all."""
        folds = {run_id: self._fold(experiment_id, run_id) for run_id in run_ids}

        def read(view: View) -> dict[str, dict[str, Summary]]:
            sweep = Sweep(self._indexes, run_ids)
            found = {}
            for run_id, (lock, fold) in folds.items():
                with lock:
                    found[run_id] = fold.advance(view, sweep)
            return found

        return self._views.read(os.path.join(self._folder, experiment_id), read)

    def _fold(self, experiment_id: str, run_id: str) -> tuple[threading.Lock, RunFold]:
        with self._lock:
            held = self._folds.get((experiment_id, run_id))
            if held is None:
                held = self._folds[experiment_id, run_id] = (threading.Lock(), RunFold(run_id))
                if len(self._folds) > _FOLDS:
                    self._folds.popitem(last=False)
            self._folds.move_to_end((experiment_id, run_id))
        return held

    def follow(self, experiment_id: str, run_id: str) -> Follower:
        """Return what gives the new points of a run."""
        folder = os.path.join(self._folder, experiment_id)
        return Follower(folder, self._views, self._indexes, run_id)
