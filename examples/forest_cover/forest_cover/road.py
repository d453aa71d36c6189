"""What the demo ingests: the figures that it and the evaluation share."""

from __future__ import annotations

from collections.abc import Sequence

from forest_cover.data import Sample, split_tenths
from forest_cover.source import Draw, draw_sample

GROUP = 1
TRAINING_BATCHES = 7
"""Batches that are ingested before training; the next one is the differing batch."""
SAMPLE_SIZE = 1200
"""Samples that the demo's source gives in an answer."""
SVC_MAX_ROWS = 5000
"""As in ``config/dev/nodes.yaml``."""


def ingested_samples(samples: Sequence[Sample]) -> list[Sample]:
    """Return what the demo ingests before it trains, on its first run.

    It lets its group begin again before anything else, hence the one restart.
    """
    tenths = split_tenths(samples)
    draws = [Draw(GROUP, batch, restarts=1) for batch in range(1, TRAINING_BATCHES + 1)]
    return [row for draw in draws for row in draw_sample(tenths, draw, SAMPLE_SIZE)]
