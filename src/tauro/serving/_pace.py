"""Whether predicting several requests together pays, from what it costs."""

from __future__ import annotations

from typing import Final

_PROBE: Final = 64
"""Of so many batches one is cut to a single request, to learn what one alone costs."""
_ENOUGH: Final = 8
_GAIN: Final = 0.9
"""A request in a batch must cost at most this part of one alone."""
_REST: Final = 1000
"""After so many single requests batches are tried again."""


class Pace:
    """Decide how many rows may be predicted in one call.

    Batches form by themselves: while the model works requests wait, and those that wait are taken
    together. A model whose time grows with every row gains nothing by that, and requests wait for
    their neighbours; then each is predicted alone.

    Args:
        max_rows: Never more than this many rows.
    """

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._alone = 0.0
        self._together = 0.0
        self._seen_alone = 0
        self._seen_together = 0
        self._batches = 0
        self._rest = 0

    @property
    def is_batching(self) -> bool:
        """Whether requests are taken together now."""
        return self._rest == 0

    def next_rows(self) -> int:
        """Return how many rows the next call may take."""
        if self._rest:
            self._rest -= 1
            if not self._rest:
                self._seen_together = 0
            return 1
        self._batches += 1
        return 1 if self._batches % _PROBE == 0 else self._max_rows

    def record(self, requests: int, seconds: float) -> None:
        """Note what a call that answered so many requests took."""
        each = seconds / requests
        if requests == 1:
            self._alone = _blend(self._alone, each, self._seen_alone)
            self._seen_alone += 1
        else:
            self._together = _blend(self._together, each, self._seen_together)
            self._seen_together += 1
        known = min(self._seen_alone, self._seen_together) >= _ENOUGH
        if known and not self._rest and self._together > _GAIN * self._alone:
            self._rest = _REST


def _blend(mean: float, value: float, seen: int) -> float:
    return value if not seen else mean + (value - mean) * max(0.1, 1 / (seen + 1))
