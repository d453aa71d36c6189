"""Which batch a group is at, over restarts of the source."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from forest_cover._files import replace_file

LAST_BATCH = 10


class CollectedError(Exception):
    """The group has been given its last batch."""


@dataclass(frozen=True, slots=True)
class _Group:
    batch: int = 0
    moved_at: float = 0.0
    calls: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Draw:
    """One call of one group: which batch it gets, and how many calls got that batch before.

    Attributes:
        group: The group, 1 to 10.
        batch: The batch, 1 to 10.
        call: How many calls got the batch before this one.
        restarts: How often the group has begun again.
    """

    group: int
    batch: int
    call: int = 0
    restarts: int = 0


class BatchClock:
    """Moves each group from batch 1 to batch 10, at most one batch an interval.

    Safe to call from several threads. What ``draw`` or ``restart`` returned survives a restart.

    Args:
        interval: Seconds a batch lasts at least; with 0 each call gets the next batch.
        state: File that holds the groups' places; without it they are forgotten at the end.
        now: Seconds since the epoch.

    Raises:
        ValueError: The state file holds something else.
    """

    def __init__(
        self, interval: float, state: Path | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._interval = interval
        self._state = state
        self._now = now
        self._lock = threading.Lock()
        self._groups = _read_state(state) if state is not None and state.exists() else {}

    def draw(self, group: int) -> Draw:
        """Return what the group's next call gets.

        Raises:
            CollectedError: The group was given batch 10 before.
            OSError: The state file cannot be written; nothing has moved.
        """
        with self._lock:
            place = self._groups.get(group, _Group())
            if place.batch >= LAST_BATCH:
                raise CollectedError
            now = self._now()
            # A clock that was set back must not hold a batch for longer than the interval.
            if place.batch == 0 or not 0 <= now - place.moved_at < self._interval:
                place = _Group(place.batch + 1, now, 0, place.restarts)
            else:
                place = replace(place, calls=place.calls + 1)
            self._keep({**self._groups, group: place})
            return Draw(group, place.batch, place.calls, place.restarts)

    def restart(self, group: int) -> None:
        """Let the group begin again at batch 1."""
        with self._lock:
            place = self._groups.get(group, _Group())
            self._keep({**self._groups, group: _Group(restarts=place.restarts + 1)})

    def _keep(self, groups: dict[int, _Group]) -> None:
        # The file first: an answer whose place was not kept would be given again after a restart.
        if self._state is not None:
            _write_state(self._state, groups)
        self._groups = groups


def _write_state(path: Path, groups: dict[int, _Group]) -> None:
    document = {"groups": {str(number): asdict(place) for number, place in groups.items()}}
    replace_file(path, lambda file: file.write(json.dumps(document).encode()))


def _read_state(path: Path) -> dict[int, _Group]:
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))["groups"]
        return {
            int(number): _Group(
                int(place["batch"]),
                float(place["moved_at"]),
                int(place["calls"]),
                int(place["restarts"]),
            )
            for number, place in groups.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not the state of a source ({error}); remove it to begin at batch 1"
        ) from error
