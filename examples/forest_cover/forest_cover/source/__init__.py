"""The HTTP source of samples: ten groups with ten batches each, and a clock that moves them."""

from forest_cover.source._clock import BatchClock, CollectedError, Draw
from forest_cover.source._server import SourceServer, draw_sample

__all__ = ["BatchClock", "CollectedError", "Draw", "SourceServer", "draw_sample"]
