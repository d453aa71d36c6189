"""Charts of a feature as inline SVG: overlaid histograms, paired bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from tauro.drift import _words
from tauro.drift._models import FeatureDrift

_WIDTH: Final = 360
"""Of every drawing, in its own units; it is scaled to its card."""
_HEIGHT: Final = 140
_BASE, _TOP = 118, 20
"""Where the axis of a histogram lies, and its highest bar ends."""
_ROW: Final = 30
"""Height of a pair of bars; their label takes so much width, and shows so many letters:"""
_LABEL, _LETTERS = 120, 17


def chart(feature: FeatureDrift) -> str:
    """Return the feature's two distributions as one drawing, or nothing where a side is empty."""
    old, new = feature.reference, feature.current
    if not old.shares or not new.shares:
        return ""
    if old.edges:
        return _histogram(feature)
    return _bars(feature)


def _title(feature: FeatureDrift) -> str:
    return (
        f"<title>{escape(feature.name)}: reference and current distribution. "
        f"{escape(feature.verdict)}</title>"
    )


def _histogram(feature: FeatureDrift) -> str:
    edges, old, new = feature.reference.edges, feature.reference.shares, feature.current.shares
    top = max(*old, *new) or 1.0
    left, right = edges[0], edges[-1]

    def x(value: float) -> float:
        return (value - left) / (right - left) * (_WIDTH - 2) + 1

    def y(share: float) -> float:
        return _BASE - share / top * (_BASE - _TOP)

    def outline(shares: Sequence[float]) -> str:
        points = [f"M{x(left):.1f} {_BASE}"]
        for start, stop, height in zip(edges, edges[1:], shares, strict=False):
            points.append(f"L{x(start):.1f} {y(height):.1f}L{x(stop):.1f} {y(height):.1f}")
        return "".join([*points, f"L{x(right):.1f} {_BASE}Z"])

    # Bins of whole numbers have their edges between them: name the numbers themselves.
    first, final = (math.ceil(left), math.floor(right)) if left % 1 == 0.5 else (left, right)
    marks = "".join(
        f'<text x="{place:.0f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">'
        f"{escape(_words.value_of(feature.kind, value))}</text>"
        for place, anchor, value in (
            (1, "start", first),
            (_WIDTH / 2, "middle", (left + right) / 2),
            (_WIDTH - 1, "end", final),
        )
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{_title(feature)}'
        f'<path class="old" d="{outline(old)}"/><path class="new" d="{outline(new)}"/>'
        f'<path class="axis" d="M1 {_BASE}H{_WIDTH - 1}"/>'
        f'<text x="1" y="{_TOP - 7}" class="faint">{_words.share(top)}</text>{marks}</svg>'
    )


def _short(label: str) -> str:
    """Return a label without its middle where it is long: what tells labels apart is at an end."""
    if len(label) <= _LETTERS:
        return label
    return f"{label[: _LETTERS // 2]}…{label[-(_LETTERS // 2) :]}"


def _bars(feature: FeatureDrift) -> str:
    old, new = feature.reference.shares, feature.current.shares
    top = max(*old, *new) or 1.0
    room = _WIDTH - _LABEL - 46
    rows = []
    for index, label in enumerate(feature.reference.labels):
        at = index * _ROW
        rows.append(
            f'<text x="{_LABEL - 6}" y="{at + 18}" text-anchor="end">{escape(_short(label))}</text>'
            + "".join(
                f'<rect class="{name}" x="{_LABEL}" y="{at + offset}" height="10" '
                f'width="{max(0.5, share / top * room):.1f}"/>'
                f'<text class="faint" x="{_LABEL + share / top * room + 4:.1f}" '
                f'y="{at + offset + 9}">{_words.share(share)}</text>'
                for name, offset, share in (("old", 3, old[index]), ("new", 14, new[index]))
            )
        )
    height = len(rows) * _ROW
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{_title(feature)}{"".join(rows)}</svg>'
